/*
 * Base address registers: how long, and where. See struct pci_bar in pci.h for how places are
 * chosen.
 */
#include "pci.h"
#include <anole/layout.h>

static unsigned bar_offset(unsigned index)
{
    return PCI_BAR_0 + 4 * index;
}

static bool is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* Address and flags of a BAR; *wide: of this and the next register. */
static const char *bar_read(pci_address function, unsigned index, uint64_t *value, bool *wide)
{
    uint32_t low = pci_read32(function, bar_offset(index));
    *value = low;
    *wide = false;
    if (low & PCI_BAR_IO || (low & PCI_BAR_TYPE) == PCI_BAR_TYPE_32) {
        return NULL;
    }
    if ((low & PCI_BAR_TYPE) != PCI_BAR_TYPE_64) {
        return "it has a BAR of a reserved type";
    }
    if (index + 1 == PCI_BARS) {
        return "its last BAR claims to have 64 bits";
    }
    *wide = true;
    *value |= (uint64_t)pci_read32(function, bar_offset(index + 1)) << 32;
    return NULL;
}

static void bar_write(pci_address function, unsigned index, bool wide, uint64_t value)
{
    pci_write32(function, bar_offset(index), (uint32_t)value);
    if (wide) {
        pci_write32(function, bar_offset(index + 1), (uint32_t)(value >> 32));
    }
}

const char *pci_bars_size(pci_address function, struct pci_bar bars[PCI_BARS])
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        uint64_t value;
        bars[i] = (struct pci_bar){0};
        const char *error = bar_read(function, i, &value, &bars[i].wide);
        if (error) {
            return error;
        }
        if (value & PCI_BAR_IO) {
            continue; /* no driver uses I/O ports */
        }
        bool wide = bars[i].wide;
        bar_write(function, i, wide, UINT64_MAX);
        error = bar_read(function, i, &value, &bars[i].wide);
        bar_write(function, i, wide, 0);
        if (error || bars[i].wide != wide || value & PCI_BAR_IO) {
            return "one of its BARs changes its type";
        }
        bars[i].prefetchable = value & PCI_BAR_PREFETCHABLE;
        value &= ~(uint64_t)PCI_BAR_FLAGS;
        if (value != 0) {
            bars[i].len_bytes = wide ? -value : (uint32_t)-value;
            if (!is_power_of_two(bars[i].len_bytes)) {
                return "one of its BARs has no possible size";
            }
        }
        if (wide) {
            bars[++i] = (struct pci_bar){0};
        }
    }
    return NULL;
}

/* ---- the space that BARs share ---- */

static uint64_t page_down(uint64_t address)
{
    return address & ~(PAGE_SIZE - 1);
}

static uint64_t page_up(uint64_t address)
{
    return page_down(address + PAGE_SIZE - 1);
}

/* The first range that has a page in common with this one, or NULL. */
static const struct pci_range *space_taken(const struct pci_space *space, uint64_t base,
                                           uint64_t len)
{
    for (unsigned i = 0; i < space->count; i++) {
        const struct pci_range *used = &space->used[i];
        if (page_down(base) < page_up(used->base + used->len_bytes) &&
            page_down(used->base) < page_up(base + len)) {
            return used;
        }
    }
    return NULL;
}

static bool space_take(struct pci_space *space, uint64_t base, uint64_t len)
{
    if (space->count == space->room) {
        return false;
    }
    space->used[space->count++] = (struct pci_range){base, len};
    return true;
}

/* Can the BAR have all addresses of the window? */
static bool window_suits(const struct pci_window *window, const struct pci_bar *bar)
{
    return (bar->wide || window->bus_base + window->len_bytes - 1 <= UINT32_MAX) &&
           (!window->prefetchable || (bar->wide && bar->prefetchable));
}

/* The lowest odd multiple of len that isn't below an address. */
static uint64_t odd_multiple(uint64_t address, uint64_t len)
{
    uint64_t multiple = address / len + (address % len ? 1 : 0);
    return (multiple | 1) * len;
}

/*
 * A place in the window, as the bus counts; 0: there is none. A short BAR is looked for as if it
 * were a page, and stands that far into it. Each step leaves a range that is used behind.
 */
static uint64_t place_find(const struct pci_space *space, const struct pci_window *window,
                           uint64_t len)
{
    uint64_t from = window->bus_base;
    uint64_t end = window->bus_base + window->len_bytes;
    for (unsigned steps = 0; steps <= space->count; steps++) {
        uint64_t place = len < PAGE_SIZE ? page_up(from) + len : odd_multiple(from, len);
        if (place < from || place > end || end - place < len) {
            return 0;
        }
        uint64_t physical = place - window->bus_base + window->base;
        const struct pci_range *taken = space_taken(space, physical, len);
        if (!taken) {
            return place;
        }
        from = page_up(taken->base + taken->len_bytes) - window->base + window->bus_base;
    }
    return 0;
}

const char *pci_space_place(struct pci_space *space, struct pci_bar *bar, uint64_t *place)
{
    for (unsigned i = 0; i < space->host->window_count; i++) {
        const struct pci_window *window = &space->host->windows[i];
        *place = window_suits(window, bar) ? place_find(space, window, bar->len_bytes) : 0;
        if (*place != 0) {
            bar->base = *place - window->bus_base + window->base;
            return space_take(space, bar->base, bar->len_bytes) ? NULL : "there are too many BARs";
        }
    }
    return "there is no room for one of its BARs";
}

static const char *bar_place(struct pci_space *space, pci_address function, unsigned index,
                             struct pci_bar *bar)
{
    uint64_t place, value;
    bool wide;
    const char *error = pci_space_place(space, bar, &place);
    if (error) {
        return error;
    }
    bar_write(function, index, bar->wide, place);
    if (bar_read(function, index, &value, &wide) || wide != bar->wide ||
        (value & ~(uint64_t)PCI_BAR_FLAGS) != place) {
        return "one of its BARs doesn't keep its address";
    }
    return NULL;
}

const char *pci_bars_place(struct pci_space *space, pci_address function,
                           struct pci_bar bars[PCI_BARS])
{
    const char *error = NULL;
    for (unsigned i = 0; i < PCI_BARS && !error; i++) {
        if (bars[i].len_bytes > 0) {
            error = bar_place(space, function, i, &bars[i]);
        }
    }
    return error;
}

const char *pci_space_keep(struct pci_space *space, uint64_t place, struct pci_bar *bar)
{
    bar->len_bytes = place & -place;
    for (unsigned i = 0; i < space->host->window_count; i++) {
        const struct pci_window *window = &space->host->windows[i];
        if (place < window->bus_base || place - window->bus_base >= window->len_bytes ||
            window->len_bytes - (place - window->bus_base) < bar->len_bytes) {
            continue;
        }
        bar->base = place - window->bus_base + window->base;
        if (space_taken(space, bar->base, bar->len_bytes)) {
            return "one of its BARs overlaps another device's";
        }
        return space_take(space, bar->base, bar->len_bytes) ? NULL : "there are too many BARs";
    }
    return "one of its BARs is in no window of its bus";
}

const char *pci_bars_keep(struct pci_space *space, pci_address function,
                          struct pci_bar bars[PCI_BARS])
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        uint64_t value;
        bars[i] = (struct pci_bar){0};
        const char *error = bar_read(function, i, &value, &bars[i].wide);
        if (error) {
            return error;
        }
        uint64_t place = value & ~(uint64_t)PCI_BAR_FLAGS;
        bars[i].prefetchable = value & PCI_BAR_PREFETCHABLE;
        if (!(value & PCI_BAR_IO) && place != 0) {
            error = pci_space_keep(space, place, &bars[i]);
        }
        if (error) {
            return error;
        }
        if (bars[i].wide) {
            bars[++i] = (struct pci_bar){0};
        }
    }
    return NULL;
}
