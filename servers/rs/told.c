/*
 * What devman says of a device, checked before RS takes it over: a driver relies on it as it stands,
 * and no two drivers may ever have a page of registers in common.
 */
#include "rs.h"
#include <anole/error.h>
#include <libanole/anole.h>
#include <string.h>

/* Terminated, not empty, and fit for a terminal. */
static bool text_is_fit(const char *text, size_t room)
{
    size_t len = strnlen(text, room);
    if (len == 0 || len == room) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    return true;
}

static bool windows_are_fit(const struct rs_device_told *told)
{
    if (told->description.windows == 0 || told->description.windows > DEVICE_WINDOWS) {
        return false;
    }
    for (unsigned i = 0; i < told->description.windows; i++) {
        uint64_t base = told->windows[i].base;
        uint64_t len = told->windows[i].len_bytes;
        if (len == 0 || base % PAGE_SIZE != 0 || len % PAGE_SIZE != 0 || base > UINT64_MAX - len) {
            return false;
        }
        for (unsigned j = 0; j < i; j++) {
            if (base < told->windows[j].base + told->windows[j].len_bytes &&
                told->windows[j].base < base + len) {
                return false;
            }
        }
    }
    return true;
}

/* Each part lies in its window. Of a virtio PCI device all but its configuration must be there. */
static bool parts_are_fit(const struct rs_device_told *told)
{
    const struct device_description *description = &told->description;
    for (unsigned i = 0; i < DEVICE_PARTS; i++) {
        const struct device_part *part = &description->parts[i];
        if (part->len_bytes == 0) {
            if (description->transport == DEVICE_VIRTIO_PCI && i != DEVICE_PART_CONFIG) {
                return false;
            }
        } else if (part->window >= description->windows ||
                   (uint64_t)part->offset + part->len_bytes >
                       told->windows[part->window].len_bytes) {
            return false;
        }
    }
    return true;
}

/* Vectors as many as there is room for, or one line, or none. That the numbers exist is the kernel's
 * to check. */
static bool interrupts_are_fit(const struct rs_device_told *told)
{
    const struct device_description *description = &told->description;
    unsigned most = description->flags & DEVICE_MSIX ? DEVICE_VECTORS : 1;
    if (description->interrupts == 0) {
        return told->interrupt == 0 && !(description->flags & DEVICE_MSIX);
    }
    return description->interrupts <= most && told->interrupt != 0 &&
           told->interrupt <= UINT32_MAX - description->interrupts;
}

bool told_is_fit(const struct rs_device_told *told)
{
    const struct device_description *description = &told->description;
    return text_is_fit(told->compatible, sizeof(told->compatible)) &&
           text_is_fit(told->label, sizeof(told->label)) && told->reserved == 0 &&
           description->transport <= DEVICE_VIRTIO_PCI &&
           (description->flags & ~DEVICE_MSIX) == 0 &&
           (description->transport == DEVICE_PLAIN) == (description->virtio_id == 0) &&
           windows_are_fit(told) && parts_are_fit(told) && interrupts_are_fit(told);
}

bool told_overlap(const struct rs_device_told *a, const struct rs_device_told *b)
{
    for (unsigned i = 0; i < a->description.windows; i++) {
        for (unsigned j = 0; j < b->description.windows; j++) {
            if (a->windows[i].base < b->windows[j].base + b->windows[j].len_bytes &&
                b->windows[j].base < a->windows[i].base + a->windows[i].len_bytes) {
                return true;
            }
        }
    }
    return false;
}
