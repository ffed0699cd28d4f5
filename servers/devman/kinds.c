/*
 * The kinds of devices that devman can tell apart and quiet. It touches nothing else of them; what
 * they do is their drivers' business.
 */
#include "devman.h"
#include <anole/kcall.h>
#include <libanole/anole.h>
#include <libvirtio/mmio_regs.h>
#include <stdio.h>

static uint32_t read32(const struct device *device, uint32_t offset)
{
    return *(const volatile uint32_t *)(const void *)(device->registers + offset);
}

static void write32(const struct device *device, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(void *)(device->registers + offset) = value;
}

/* ---- names ---- */

/* The label is the name and the place: the address of its window, or its node on PCI. */
static void label_make(struct device *device)
{
    struct rs_device_told *told = &device->told;
    if (device->kind->compatible) {
        snprintf(told->label, sizeof(told->label), "%.22s@%lx", told->compatible,
                 (unsigned long)told->windows[0].base);
    } else {
        snprintf(told->label, sizeof(told->label), "%.15s@%.15s", told->compatible, device->node);
    }
}

void device_name(struct device *device, uint32_t virtio_id)
{
    struct rs_device_told *told = &device->told;
    told->description.virtio_id = virtio_id;
    snprintf(told->compatible, sizeof(told->compatible), "virtio,%u", (unsigned)virtio_id);
    label_make(device);
}

/* ---- virtio over MMIO (virtio 1.4, 4.2) ---- */

static bool virtio_identify(struct device *device)
{
    uint32_t id;
    if (read32(device, MMIO_MAGIC_VALUE) != MMIO_MAGIC) {
        log_printf(LOG_WARNING, "%s: no virtio device (magic 0x%x, expected 0x%x)", device->node,
                   (unsigned)read32(device, MMIO_MAGIC_VALUE), MMIO_MAGIC);
        return false;
    }
    id = read32(device, MMIO_DEVICE_ID);
    if (id == 0) {
        return false; /* an empty slot (4.2.3.1.1) */
    }
    uint32_t version = read32(device, MMIO_VERSION);
    if (version != MMIO_VERSION_LEGACY && version != MMIO_VERSION_MODERN) {
        log_printf(LOG_WARNING,
                   "%s: virtio device %u has register layout version %u, expected %u "
                   "or %u",
                   device->node, (unsigned)id, (unsigned)version, MMIO_VERSION_LEGACY,
                   MMIO_VERSION_MODERN);
        return false;
    }
    device->told.description.transport = DEVICE_VIRTIO_MMIO;
    device_name(device, id);
    return true;
}

static void virtio_reset(struct device *device)
{
    write32(device, MMIO_STATUS, 0);
}

/* 4.2.3.1.1: a driver waits for the status to read 0 before it initializes the device again. */
static bool virtio_is_reset(const struct device *device)
{
    return read32(device, MMIO_STATUS) == 0;
}

/* ---- devices without a reset: their interrupts are turned off ---- */

static bool tree_identify(struct device *device)
{
    snprintf(device->told.compatible, sizeof(device->told.compatible), "%s",
             device->kind->compatible);
    label_make(device);
    return true;
}

#define UART_IER 1u /* interrupt enable, 8 bits wide */

static void uart_reset(struct device *device)
{
    *(volatile uint8_t *)(device->registers + UART_IER) = 0;
}

static bool uart_is_reset(const struct device *device)
{
    return *(const volatile uint8_t *)(device->registers + UART_IER) == 0;
}

#define GOLDFISH_IRQ_ENABLED 0x10u
#define GOLDFISH_CLEAR_ALARM 0x14u
#define GOLDFISH_ALARM_STATUS 0x18u
#define GOLDFISH_CLEAR_INTERRUPT 0x1cu

static void goldfish_reset(struct device *device)
{
    write32(device, GOLDFISH_IRQ_ENABLED, 0);
    write32(device, GOLDFISH_CLEAR_ALARM, 1);
    write32(device, GOLDFISH_CLEAR_INTERRUPT, 1);
}

static bool goldfish_is_reset(const struct device *device)
{
    return read32(device, GOLDFISH_ALARM_STATUS) == 0;
}

const struct device_kind device_kinds[] = {
    {.compatible = "virtio,mmio",
     .identify = virtio_identify,
     .reset = virtio_reset,
     .is_reset = virtio_is_reset},
    {.compatible = "ns16550a",
     .identify = tree_identify,
     .reset = uart_reset,
     .is_reset = uart_is_reset},
    {.compatible = "google,goldfish-rtc",
     .identify = tree_identify,
     .reset = goldfish_reset,
     .is_reset = goldfish_is_reset},
};
const size_t device_kind_count = sizeof(device_kinds) / sizeof(device_kinds[0]);
