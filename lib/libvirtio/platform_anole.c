/*
 * libvirtio's platform inside a driver process: windows are mapped memory, DMA memory and time come
 * from kernel calls, waiting is ipc_receive for the interrupt's bit alone.
 */
#include <libanole/anole.h>
#include <libanole/fault.h>
#include <libvirtio/platform.h>

static uint64_t interrupt_mask;

/*
 * A volatile access is one access of its width; order between registers and memory comes from the
 * barriers of barrier.h alone.
 */
static uint8_t read8(struct virtio_platform *platform, uintptr_t address)
{
    (void)platform;
    fault_step(FAULT_DIE_REGISTER);
    return *(const volatile uint8_t *)address;
}

static uint16_t read16(struct virtio_platform *platform, uintptr_t address)
{
    (void)platform;
    fault_step(FAULT_DIE_REGISTER);
    return *(const volatile uint16_t *)address;
}

static uint32_t read32(struct virtio_platform *platform, uintptr_t address)
{
    (void)platform;
    fault_step(FAULT_DIE_REGISTER);
    return *(const volatile uint32_t *)address;
}

static void write8(struct virtio_platform *platform, uintptr_t address, uint8_t value)
{
    (void)platform;
    fault_step(FAULT_DIE_REGISTER);
    *(volatile uint8_t *)address = value;
}

static void write16(struct virtio_platform *platform, uintptr_t address, uint16_t value)
{
    (void)platform;
    fault_step(FAULT_DIE_REGISTER);
    *(volatile uint16_t *)address = value;
}

static void write32(struct virtio_platform *platform, uintptr_t address, uint32_t value)
{
    (void)platform;
    fault_step(FAULT_DIE_REGISTER);
    *(volatile uint32_t *)address = value;
}

static int dma_alloc(struct virtio_platform *platform, size_t len_bytes, struct dma_memory *memory)
{
    (void)platform;
    size_t len = (len_bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    int rc = kcall_dma_alloc(len, &memory->address, &memory->device_address);
    if (rc < 0)
        return rc;
    memory->len_bytes = len;
    return 0;
}

static uint64_t now_us(struct virtio_platform *platform)
{
    (void)platform;
    return ticks_to_us(ticks_now());
}

static void wait(struct virtio_platform *platform, uint64_t deadline_us)
{
    (void)platform;
    struct ipc_delivery delivery;
    /* Why it returned doesn't matter: the caller looks at the device. */
    (void)ipc_receive(&delivery, interrupt_mask, ticks_from_us(deadline_us), RECEIVE_NO_REQUESTS);
}

void virtio_platform_anole(struct virtio_platform *platform, uint64_t bits)
{
    interrupt_mask = bits;
    *platform = (struct virtio_platform){
        .read8 = read8,
        .read16 = read16,
        .read32 = read32,
        .write8 = write8,
        .write16 = write16,
        .write32 = write32,
        .dma_alloc = dma_alloc,
        .now_us = now_us,
        .wait = wait,
    };
}
