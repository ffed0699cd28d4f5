/*
 * The world of driver_world.h.
 */
#include "driver_world.h"

#include "fake_kernel.h"
#include "fake_memory.h"

#include <anole/error.h>
#include <anole/layout.h>
#include <libanole/anole.h>
#include <libanole/service.h>
#include <string.h>

struct driver_world world;
struct startup_page fake_startup_page;
struct info_page fake_info_page;

static struct fake_mmio *device;
static const struct service_entry *also;
static unsigned also_count;

/* ---- the platform: the device's own, reached from another struct ---- */

static uint8_t read8(struct virtio_platform *platform, uintptr_t address)
{
    (void)platform;
    return device->platform.read8(&device->platform, address);
}

static uint16_t read16(struct virtio_platform *platform, uintptr_t address)
{
    (void)platform;
    return device->platform.read16(&device->platform, address);
}

static uint32_t read32(struct virtio_platform *platform, uintptr_t address)
{
    (void)platform;
    return device->platform.read32(&device->platform, address);
}

static void write8(struct virtio_platform *platform, uintptr_t address, uint8_t value)
{
    (void)platform;
    device->platform.write8(&device->platform, address, value);
}

static void write16(struct virtio_platform *platform, uintptr_t address, uint16_t value)
{
    (void)platform;
    device->platform.write16(&device->platform, address, value);
}

static void write32(struct virtio_platform *platform, uintptr_t address, uint32_t value)
{
    (void)platform;
    device->platform.write32(&device->platform, address, value);
}

static int dma_alloc(struct virtio_platform *platform, size_t len_bytes, struct dma_memory *memory)
{
    (void)platform;
    return device->platform.dma_alloc(&device->platform, len_bytes, memory);
}

static uint64_t now_us(struct virtio_platform *platform)
{
    (void)platform;
    return device->platform.now_us(&device->platform);
}

static void wait(struct virtio_platform *platform, uint64_t deadline_us)
{
    (void)platform;
    device->platform.wait(&device->platform, deadline_us);
}

void virtio_platform_anole(struct virtio_platform *platform, uint64_t bits)
{
    world.wait_bits = bits;
    *platform = (struct virtio_platform){read8,   read16,    read32, write8, write16,
                                         write32, dma_alloc, now_us, wait};
}

/* ---- kernel and RS ---- */

int device_window_map(void **address, size_t *len)
{
    *address = (void *)(uintptr_t)FAKE_MMIO_BASE;
    *len = FAKE_MMIO_LEN;
    return 0;
}

int kcall_window_map(unsigned index, void **address, size_t *len)
{
    (void)index, (void)address, (void)len;
    return -ANOLE_ENOENT; /* no window of PCI is here */
}

int kcall_irq_bind(unsigned index, unsigned which, unsigned bit)
{
    CHECK(index == fake_startup_page.described.windows && which == 0 && bit < NOTIFY_OWN_BITS);
    world.binds++;
    return 0;
}

int kcall_random_mix(const uint64_t words[4])
{
    world.mixes++;
    memcpy(world.mixed, words, sizeof(world.mixed));
    return 0;
}

void service_ready(void)
{
    world.ready = true;
}

int service_publish(const char *name)
{
    CHECK(world.ready && strlen(name) < sizeof(world.published));
    strcpy(world.published, name);
    return 0;
}

void service_also(const struct service_entry *entries, unsigned count)
{
    also = entries;
    also_count = count;
}

/* The device is this test's to run. */
static void no_progress(struct fake_mmio *fake)
{
    (void)fake;
}

void world_start(struct fake_mmio *fake, uint32_t device_id, uint64_t offered)
{
    fake_kernel_reset();
    world = (struct driver_world){0};
    device = fake;
    fake_mmio_init(fake, 0, offered);
    fake->device_id = device_id;
    fake->config_len = 0;
    fake->waiting = no_progress;
    fake_startup_page = (struct startup_page){
        .instance = 3,
        .described = {.virtio_id = device_id,
                      .transport = DEVICE_VIRTIO_MMIO,
                      .windows = 1,
                      .interrupts = 1},
        .device = "virtio@here",
    };
}

static service_handler handler_of(const struct service_entry *entries, unsigned count,
                                  uint32_t type)
{
    for (unsigned i = 0; i < count; i++)
        if (entries[i].type == type)
            return entries[i].handler;
    return NULL;
}

int world_request(struct ipc_delivery *request, uint32_t type)
{
    const struct service *service = fake_kernel.service;
    service_handler handler = handler_of(service->entries, service->entry_count, type);
    if (handler == NULL)
        handler = handler_of(also, also_count, type);
    request->message.type = type;
    return handler == NULL ? -ANOLE_ENOSYS : handler(request);
}
