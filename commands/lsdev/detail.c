/*
 * lsdev -v: all that is known of one device.
 */
#include "detail.h"

#include "../common/virtio.h"

#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdio.h>

#define FIELD "    %-12s"

const char *device_state_text(uint32_t state)
{
    switch (state) {
    case DEVICE_READY:
        return "ready";
    case DEVICE_FAILED:
        return "failed";
    case DEVICE_RESETTING:
        return "resetting";
    case DEVICE_GONE:
        return "gone";
    case DEVICE_REFUSED:
        return "refused";
    default:
        return "?";
    }
}

static void print_transport(const struct device_info *device)
{
    static const char *const names[] = {
        [DEVICE_PLAIN] = "memory-mapped registers",
        [DEVICE_VIRTIO_MMIO] = "virtio over MMIO",
        [DEVICE_VIRTIO_PCI] = "virtio over PCI",
    };
    unsigned transport = device->told.description.transport;

    printf(FIELD "%s", "transport",
           transport < sizeof(names) / sizeof(names[0]) ? names[transport] : "?");
    if (device->pci_vendor != 0)
        printf(", ids %04x:%04x", device->pci_vendor, device->pci_device);
    printf("\n");
}

static void print_windows(const struct rs_device_told *told)
{
    for (unsigned i = 0; i < told->description.windows && i < DEVICE_WINDOWS; i++)
        printf(FIELD "0x%lx, 0x%lx bytes\n", i == 0 ? "windows" : "",
               (unsigned long)told->windows[i].base, (unsigned long)told->windows[i].len_bytes);
}

static void print_interrupts(const struct rs_device_told *told)
{
    unsigned count = told->description.interrupts;

    if (count == 0)
        printf(FIELD "none\n", "interrupts");
    else if ((told->description.flags & DEVICE_MSIX) == 0)
        printf(FIELD "line %u\n", "interrupts", told->interrupt);
    else
        printf(FIELD "%u vectors, numbers %u..%u\n", "interrupts", count, told->interrupt,
               told->interrupt + count - 1);
}

static void print_parts(const struct rs_device_told *told)
{
    static const char *const names[DEVICE_PARTS] = {
        [DEVICE_PART_COMMON] = "common",
        [DEVICE_PART_NOTIFY] = "notify",
        [DEVICE_PART_ISR] = "isr",
        [DEVICE_PART_CONFIG] = "config",
    };

    if (told->description.transport != DEVICE_VIRTIO_PCI)
        return;
    for (unsigned i = 0; i < DEVICE_PARTS; i++) {
        const struct device_part *part = &told->description.parts[i];

        if (part->len_bytes == 0) {
            printf(FIELD "none\n", names[i]);
            continue;
        }
        printf(FIELD "window %u, at 0x%x, 0x%x bytes", names[i], part->window, part->offset,
               part->len_bytes);
        if (i == DEVICE_PART_NOTIFY)
            printf(", multiplier %u", told->description.notify_multiplier);
        printf("\n");
    }
}

/* What driver and device agreed upon, if the driver is there to tell. */
static void print_features(const struct rs_service_info *driver)
{
    struct virtio_info info;

    if (driver == NULL || driver->state != RS_STATE_UP)
        return;
    int status = virtio_query(driver->endpoint, &info);
    if (status != 0) {
        printf(FIELD "? (%s)\n", "features", anole_error_text(status));
        return;
    }
    printf(FIELD "0x%016lx", "features", (unsigned long)info.accepted);
    virtio_print_features(info.device_id, info.accepted);
    printf("\n");
}

void print_detail(const struct device_info *device, const struct rs_service_info *driver)
{
    uint32_t virtio_id = device->told.description.virtio_id;

    printf("%u  %.31s: %.31s", device->told.description.number, device->node,
           device->told.compatible);
    if (virtio_id != 0)
        printf(" (%s)", virtio_kind_text(virtio_id));
    printf("\n");
    printf(FIELD "%s, reset %u times\n", "state", device_state_text(device->state), device->resets);
    if (device->state == DEVICE_REFUSED)
        return; /* what else it says of itself is of no use */
    if (driver != NULL)
        printf(FIELD "%.15s, %s\n", "driver", driver->name, rs_state_text(driver->state));
    else
        printf(FIELD "none\n", "driver");
    print_transport(device);
    print_windows(&device->told);
    print_interrupts(&device->told);
    print_parts(&device->told);
    if (virtio_id != 0)
        print_features(driver);
}
