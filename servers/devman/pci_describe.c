/*
 * From a device's register blocks to windows that its driver may map: whole pages around the
 * blocks. MSI-X tables decide where the device writes and which interrupt that becomes; no page of
 * theirs is ever in a window, so a device that has blocks in such a page isn't used.
 */
#include "pci.h"
#include <anole/layout.h>

struct span {
    uint64_t start; /* physical, whole pages */
    uint64_t end;
};

static struct span span_of(const struct pci_region *region, const struct pci_bar bars[PCI_BARS])
{
    uint64_t start = bars[region->bar].base + region->offset;
    return (struct span){
        .start = start & ~(PAGE_SIZE - 1),
        .end = (start + region->len_bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1),
    };
}

static bool spans_meet(struct span a, struct span b)
{
    return a.start < b.end && b.start < a.end;
}

static bool is_in_msix_pages(struct span span, const struct pci_bar bars[PCI_BARS],
                             const struct pci_msix *msix)
{
    return msix->capability != 0 && (spans_meet(span, span_of(&msix->table, bars)) ||
                                     spans_meet(span, span_of(&msix->pending, bars)));
}

/* Adds a span to a sorted list of spans that don't touch. */
static unsigned span_add(struct span spans[DEVICE_PARTS], unsigned count, struct span added)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        if (spans[i].end < added.start || added.end < spans[i].start) {
            spans[kept++] = spans[i];
            continue;
        }
        added.start = spans[i].start < added.start ? spans[i].start : added.start;
        added.end = spans[i].end > added.end ? spans[i].end : added.end;
    }
    unsigned at = kept;
    while (at > 0 && spans[at - 1].start > added.start) {
        spans[at] = spans[at - 1];
        at--;
    }
    spans[at] = added;
    return kept + 1;
}

static struct device_part part_place(const struct pci_region *region,
                                     const struct pci_bar bars[PCI_BARS], const struct span *spans)
{
    uint64_t start = bars[region->bar].base + region->offset;
    uint32_t window = 0;
    while (start >= spans[window].end) {
        window++;
    }
    return (struct device_part){.window = window,
                                .offset = (uint32_t)(start - spans[window].start),
                                .len_bytes = region->len_bytes};
}

const char *pci_describe(const struct pci_bar bars[PCI_BARS],
                         const struct pci_capabilities *capabilities, struct rs_device_told *told)
{
    struct span spans[DEVICE_PARTS];
    unsigned count = 0;
    for (unsigned i = 0; i < DEVICE_PARTS; i++) {
        const struct pci_region *region = &capabilities->parts[i];
        if (region->len_bytes == 0) {
            continue;
        }
        struct span span = span_of(region, bars);
        if (is_in_msix_pages(span, bars, &capabilities->msix)) {
            return "its registers share a page with its MSI-X table";
        }
        count = span_add(spans, count, span);
    }
    told->description.transport = DEVICE_VIRTIO_PCI;
    told->description.windows = (uint8_t)count;
    told->description.notify_multiplier = capabilities->notify_multiplier;
    for (unsigned i = 0; i < count; i++) {
        told->windows[i].base = spans[i].start;
        told->windows[i].len_bytes = spans[i].end - spans[i].start;
    }
    for (unsigned i = 0; i < DEVICE_PARTS; i++) {
        if (capabilities->parts[i].len_bytes > 0) {
            told->description.parts[i] = part_place(&capabilities->parts[i], bars, spans);
        }
    }
    return NULL;
}
