/*
 * Capabilities of a function: virtio's register blocks and MSI-X. A device writes this list; the
 * walk is bounded, and a structure counts only if it lies in a BAR that is there.
 */
#include "pci.h"

/* virtio 1.4, 4.1.4: cfg_type */
enum {
    TYPE_COMMON = 1,
    TYPE_NOTIFY = 2,
    TYPE_ISR = 3,
    TYPE_DEVICE = 4,
};

/* What a block must have to be of use, its alignment, and how much of a longer one is mapped. */
static const struct {
    uint8_t type;
    uint32_t least_bytes;
    uint32_t most_bytes;
    uint32_t alignment;
} part_rules[DEVICE_PARTS] = {
    [DEVICE_PART_COMMON] = {TYPE_COMMON, 56, 4096, 4},
    [DEVICE_PART_NOTIFY] = {TYPE_NOTIFY, 2, 1u << 20, 2},
    [DEVICE_PART_ISR] = {TYPE_ISR, 1, 4096, 1},
    [DEVICE_PART_CONFIG] = {TYPE_DEVICE, 4, 65536, 4},
};

/* Neither wraps nor leaves its BAR. */
static bool region_is_inside(const struct pci_region *region, const struct pci_bar bars[PCI_BARS])
{
    return region->bar < PCI_BARS && region->len_bytes > 0 &&
           (uint64_t)region->offset + region->len_bytes <= bars[region->bar].len_bytes;
}

/* ---- the walk ---- */

struct walk {
    pci_address function;
    unsigned at;
    uint64_t seen; /* bit n: that at offset 4 * n */
};

/* The offset of the next capability in walk->at. False: that was the last one, or the list has a
 * loop or leads into the header: then *error says so. */
static bool walk_next(struct walk *walk, const char **error)
{
    unsigned pointer = walk->at == 0 ? PCI_CAPABILITIES : walk->at + 1;
    unsigned next = pci_read8(walk->function, pointer) & ~3u;
    if (next == 0) {
        return false;
    }
    if (next < PCI_CAPABILITY_FIRST) {
        *error = "its capability list leads into the header";
        return false;
    }
    if (walk->seen & (uint64_t)1 << next / 4) {
        *error = "its capability list has a loop";
        return false;
    }
    walk->seen |= (uint64_t)1 << next / 4;
    walk->at = next;
    return true;
}

/* ---- virtio's ---- */

static void virtio_take(pci_address function, unsigned at, const struct pci_bar bars[PCI_BARS],
                        struct pci_capabilities *found)
{
    unsigned len = pci_read8(function, at + VIRTIO_CAP_LEN);
    if (len < VIRTIO_CAP_BYTES || at + len > PCI_CONFIG_BYTES) {
        return;
    }
    unsigned type = pci_read8(function, at + VIRTIO_CAP_TYPE);
    for (unsigned i = 0; i < DEVICE_PARTS; i++) {
        struct pci_region region = {
            .bar = pci_read8(function, at + VIRTIO_CAP_BAR),
            .offset = pci_read32(function, at + VIRTIO_CAP_OFFSET),
            .len_bytes = pci_read32(function, at + VIRTIO_CAP_LENGTH),
        };
        if (type != part_rules[i].type || found->parts[i].len_bytes > 0 ||
            (i == DEVICE_PART_NOTIFY && len < VIRTIO_CAP_NOTIFY_BYTES) ||
            region.len_bytes < part_rules[i].least_bytes ||
            region.offset % part_rules[i].alignment != 0 || !region_is_inside(&region, bars)) {
            continue;
        }
        if (region.len_bytes > part_rules[i].most_bytes) {
            region.len_bytes = part_rules[i].most_bytes;
        }
        found->parts[i] = region;
        if (i == DEVICE_PART_NOTIFY) {
            found->notify_multiplier = pci_read32(function, at + VIRTIO_CAP_MULTIPLIER);
        }
    }
}

/* ---- MSI-X ---- */

static struct pci_region msix_region(uint32_t word, uint32_t len_bytes)
{
    return (struct pci_region){
        .bar = word & MSIX_BAR, .offset = word & ~MSIX_BAR, .len_bytes = len_bytes};
}

static const char *msix_take(pci_address function, unsigned at, const struct pci_bar bars[PCI_BARS],
                             struct pci_msix *msix)
{
    if (at + MSIX_BYTES > PCI_CONFIG_BYTES) {
        return "its MSI-X capability is cut off";
    }
    if (msix->capability) {
        return "it has two MSI-X capabilities";
    }
    uint32_t control = pci_read16(function, at + MSIX_CONTROL);
    uint32_t entries = (control & MSIX_CONTROL_SIZE) + 1;
    *msix = (struct pci_msix){
        .capability = at,
        .entries = entries,
        .table = msix_region(pci_read32(function, at + MSIX_TABLE), entries * MSIX_ENTRY_BYTES),
        .pending = msix_region(pci_read32(function, at + MSIX_PENDING), (entries + 63) / 64 * 8),
    };
    if (!region_is_inside(&msix->table, bars)) {
        return "its MSI-X table is in no BAR";
    }
    return region_is_inside(&msix->pending, bars) ? NULL : "its MSI-X pending bits are in no BAR";
}

/* ---- all of them ---- */

static const char *part_missing(const struct pci_capabilities *found)
{
    static const char *const missing[DEVICE_PARTS] = {
        [DEVICE_PART_COMMON] = "it has no usable common configuration (a legacy device?)",
        [DEVICE_PART_NOTIFY] = "it has no usable notification structure",
        [DEVICE_PART_ISR] = "it has no usable ISR status",
    };
    for (unsigned i = 0; i < DEVICE_PARTS; i++) {
        if (missing[i] && found->parts[i].len_bytes == 0) {
            return missing[i];
        }
    }
    return NULL;
}

const char *pci_capabilities_read(pci_address function, const struct pci_bar bars[PCI_BARS],
                                  struct pci_capabilities *found)
{
    struct walk walk = {.function = function};
    const char *error = NULL;
    *found = (struct pci_capabilities){0};
    if (!(pci_read16(function, PCI_STATUS) & PCI_STATUS_CAPABILITIES)) {
        return "it has no capabilities (a legacy device?)";
    }
    while (!error && walk_next(&walk, &error)) {
        switch (pci_read8(function, walk.at)) {
        case PCI_CAPABILITY_VENDOR:
            virtio_take(function, walk.at, bars, found);
            break;
        case PCI_CAPABILITY_MSIX:
            error = msix_take(function, walk.at, bars, &found->msix);
            break;
        default:
            break;
        }
    }
    return error ? error : part_missing(found);
}
