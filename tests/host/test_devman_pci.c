/*
 * One PCI function, as its configuration space describes it: BARs, capabilities, and the windows
 * that come of them. Everything that a device could have wrong is refused with a reason of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_pci_config.h"
#include <anole/layout.h>
#include <string.h>

#define ADDRESS ((pci_address)8)
#define LARGEST_32 UINT32_C(0x80000000)

static const struct pci_host host = {
    .window_count = 2,
    .windows = {{0x400000000, 0x400000000, 0x10000000, false},
                {0x40000000, 0x40000000, 0x1000000, false}},
};
static struct pci_range used[64];
static struct pci_space space;
static struct pci_bar bars[PCI_BARS];
static struct pci_capabilities found;
static struct fake_function *disk;

static int setup(void **state)
{
    (void)state;
    fake_pci_reset();
    space = (struct pci_space){.host = &host, .used = used, .room = 64};
    disk = fake_pci_disk(ADDRESS);
    return 0;
}

/* ---- BARs ---- */

static const char *size_and_place(pci_address function)
{
    const char *error = pci_bars_size(function, bars);
    return error ? error : pci_bars_place(&space, function, bars);
}

static void test_sizes(void **state)
{
    (void)state;
    fake_pci_bar(disk, 0, PCI_BAR_IO, 0x80);
    fake_pci_bar(disk, 2, 0, LARGEST_32);
    assert_null(pci_bars_size(ADDRESS, bars));
    assert_int_equal(bars[0].len_bytes, 0); /* ports aren't used */
    assert_int_equal(bars[1].len_bytes, 0x1000);
    assert_int_equal(bars[2].len_bytes, LARGEST_32);
    assert_int_equal(bars[3].len_bytes, 0);
    assert_int_equal(bars[4].len_bytes, 0x4000);
    assert_true(bars[4].wide);
    assert_int_equal(bars[5].len_bytes, 0);
}

static void test_sizes_beyond_32_bits(void **state)
{
    (void)state;
    fake_pci_bar(disk, 2, PCI_BAR_TYPE_64, (uint64_t)1 << 40);
    assert_null(pci_bars_size(ADDRESS, bars));
    assert_int_equal(bars[2].len_bytes, (uint64_t)1 << 40);
    assert_string_equal(pci_bars_place(&space, ADDRESS, bars),
                        "there is no room for one of its BARs");
}

static void test_odd_bars(void **state)
{
    (void)state;
    fake_pci_put8(disk, PCI_BAR_0, 0x2); /* below 1 MiB: reserved since PCI 3.0 */
    assert_string_equal(pci_bars_size(ADDRESS, bars), "it has a BAR of a reserved type");
    fake_pci_put8(disk, PCI_BAR_0, 0x6);
    assert_string_equal(pci_bars_size(ADDRESS, bars), "it has a BAR of a reserved type");
    (void)setup(NULL);
    fake_pci_put8(disk, PCI_BAR_0 + 4 * 4, 0);
    fake_pci_put8(disk, PCI_BAR_0 + 4 * 5, PCI_BAR_TYPE_64);
    assert_string_equal(pci_bars_size(ADDRESS, bars), "its last BAR claims to have 64 bits");
    (void)setup(NULL);
    disk->writable[PCI_BAR_0 + 4 + 2] = 0xef; /* a hole in the mask */
    assert_string_equal(pci_bars_size(ADDRESS, bars), "one of its BARs has no possible size");
    (void)setup(NULL);
    disk->writable[PCI_BAR_0 + 4] = 0xff; /* its type can be written */
    assert_string_equal(pci_bars_size(ADDRESS, bars), "one of its BARs changes its type");
    (void)setup(NULL);
    assert_null(pci_bars_size(ADDRESS, bars));
    memset(&disk->writable[PCI_BAR_0], 0, 4ul * PCI_BARS);
    assert_string_equal(pci_bars_place(&space, ADDRESS, bars),
                        "one of its BARs doesn't keep its address");
}

/* Of every length: at an odd multiple of it, in pages of its own, within a window. */
static void test_places(void **state)
{
    unsigned placed = 0;
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct fake_function *function = fake_pci_add((pci_address)(16 + i), 0x1af4, 0x1042);
        fake_pci_bar(function, 0, PCI_BAR_TYPE_64, (uint64_t)16 << 3 * i);
        fake_pci_bar(function, 2, 0, (uint64_t)32 << 3 * i);
        fake_pci_bar(function, 3, 0, (uint64_t)64 << 3 * i);
        assert_null(size_and_place((pci_address)(16 + i)));
        for (unsigned j = 0; j < PCI_BARS; j++) {
            if (bars[j].len_bytes == 0) {
                continue;
            }
            placed++;
            const struct pci_window *window = &host.windows[bars[j].wide ? 0 : 1];
            assert_int_equal(bars[j].base & -bars[j].base, bars[j].len_bytes);
            assert_true(bars[j].base >= window->base &&
                        bars[j].base + bars[j].len_bytes <= window->base + window->len_bytes);
            assert_int_equal(fake_pci_bar_at(function, j), bars[j].base);
        }
    }
    assert_int_equal(placed, 15);
    assert_int_equal(space.count, 15);
    for (unsigned i = 0; i < space.count; i++) {
        for (unsigned j = 0; j < i; j++) {
            uint64_t i_end = used[i].base + used[i].len_bytes - 1;
            uint64_t j_end = used[j].base + used[j].len_bytes - 1;
            assert_true(i_end / PAGE_SIZE < used[j].base / PAGE_SIZE ||
                        j_end / PAGE_SIZE < used[i].base / PAGE_SIZE);
        }
    }
}

/* A window that isn't where the bus has it. */
static void test_translated_window(void **state)
{
    static const struct pci_host moved = {
        .window_count = 1,
        .windows = {{.base = 0x700000000, .bus_base = 0x40000000, .len_bytes = 0x100000}},
    };
    (void)state;
    space.host = &moved;
    assert_null(size_and_place(ADDRESS));
    assert_int_equal(bars[4].base, 0x700004000);
    assert_int_equal(fake_pci_bar_at(disk, 4), 0x40004000);
    space.count = 0;
    assert_null(pci_bars_keep(&space, ADDRESS, bars));
    assert_int_equal(bars[4].base, 0x700004000);
}

static void test_no_room(void **state)
{
    static const struct pci_host high = {
        .window_count = 1,
        .windows = {{0x400000000, 0x400000000, 0x10000000, false}},
    };
    (void)state;
    space.host = &high; /* BAR 1 has 32 bits only */
    assert_string_equal(size_and_place(ADDRESS), "there is no room for one of its BARs");
    space.host = &host;
    space.room = 1;
    assert_string_equal(size_and_place(ADDRESS), "there are too many BARs");
}

/* The windows fill up, and nothing is placed twice. */
static void test_full_window(void **state)
{
    static const struct pci_host small = {
        .window_count = 1,
        .windows = {{0x40000000, 0x40000000, 0x10000, false}},
    };
    unsigned placed = 0;
    (void)state;
    space.host = &small;
    fake_pci_reset();
    fake_pci_bar(fake_pci_add(ADDRESS, 0x1af4, 0x1042), 0, 0, 0x1000);
    while (!size_and_place(ADDRESS)) {
        placed++;
        assert_true(placed <= 8);
    }
    assert_int_equal(placed, 8); /* every other page */
}

/* What was placed is found again, with its length, and nothing is written. */
static void test_kept(void **state)
{
    struct pci_bar before[PCI_BARS];
    (void)state;
    fake_pci_bar(disk, 2, 0, 0x100);
    assert_null(size_and_place(ADDRESS));
    memcpy(before, bars, sizeof(before));
    unsigned writes = disk->undecoded_writes;
    space.count = 0;
    assert_null(pci_bars_keep(&space, ADDRESS, bars));
    assert_int_equal(disk->undecoded_writes, writes);
    for (unsigned i = 0; i < PCI_BARS; i++) {
        assert_int_equal(bars[i].base, before[i].base);
        assert_int_equal(bars[i].len_bytes, before[i].len_bytes);
    }
    assert_int_equal(space.count, 3);
}

static void test_not_to_be_kept(void **state)
{
    (void)state;
    assert_null(size_and_place(ADDRESS));
    assert_string_equal(pci_bars_keep(&space, ADDRESS, bars), /* itself is there already */
                        "one of its BARs overlaps another device's");
    space.count = 0;
    fake_pci_put32(disk, PCI_BAR_0 + 4, 0x30000000); /* configuration space */
    assert_string_equal(pci_bars_keep(&space, ADDRESS, bars),
                        "one of its BARs is in no window of its bus");
    fake_pci_put32(disk, PCI_BAR_0 + 4, 0x40800000); /* 8 MiB: up to the window's end */
    assert_null(pci_bars_keep(&space, ADDRESS, bars));
    space.count = 0;
    fake_pci_put32(disk, PCI_BAR_0 + 4, 0x40000000); /* 1 GiB */
    assert_string_equal(pci_bars_keep(&space, ADDRESS, bars),
                        "one of its BARs is in no window of its bus");
    space.count = 0;
    fake_pci_put32(disk, PCI_BAR_0 + 4, 0x40001002);
    assert_string_equal(pci_bars_keep(&space, ADDRESS, bars), "it has a BAR of a reserved type");
}

/* ---- capabilities ---- */

static const char *read_capabilities(void)
{
    const char *error = size_and_place(ADDRESS);
    assert_null(error);
    space.count = 0;
    return pci_capabilities_read(ADDRESS, bars, &found);
}

static void test_capabilities(void **state)
{
    static const uint32_t offsets[DEVICE_PARTS] = {0, 0x3000, 0x1000, 0x2000};
    (void)state;
    assert_null(read_capabilities());
    for (unsigned i = 0; i < DEVICE_PARTS; i++) {
        assert_int_equal(found.parts[i].bar, 4);
        assert_int_equal(found.parts[i].offset, offsets[i]);
        assert_int_equal(found.parts[i].len_bytes, 0x1000);
    }
    assert_int_equal(found.notify_multiplier, 4);
    assert_int_equal(found.msix.capability, 0x40);
    assert_int_equal(found.msix.entries, 2);
    assert_int_equal(found.msix.table.bar, 1);
    assert_int_equal(found.msix.pending.offset, 0x800);
}

static void test_broken_lists(void **state)
{
    (void)state;
    fake_pci_put8(disk, disk->capability_last, PCI_CAPABILITY_FIRST);
    assert_string_equal(read_capabilities(), "its capability list has a loop");
    fake_pci_put8(disk, disk->capability_last, PCI_BAR_0);
    assert_string_equal(read_capabilities(), "its capability list leads into the header");
    fake_pci_put8(disk, disk->capability_last, 3); /* the lowest bits don't count: the end */
    assert_null(read_capabilities());
    fake_pci_put16(disk, PCI_STATUS, 0);
    assert_string_equal(read_capabilities(), "it has no capabilities (a legacy device?)");
}

/* Every part of configuration space is a capability, and leads to the next: the walk ends. */
static void test_longest_list(void **state)
{
    (void)state;
    for (unsigned at = PCI_CAPABILITY_FIRST; at < PCI_CONFIG_BYTES; at += 4) {
        fake_pci_put8(disk, at, 0xff);
        fake_pci_put8(disk, at + 1, (uint8_t)(at + 4));
    }
    assert_string_equal(read_capabilities(),
                        "it has no usable common configuration (a legacy device?)");
}

/* A disk with one structure only, and what becomes of it. */
static struct pci_region part_alone(unsigned part, uint8_t type, uint8_t bar, uint32_t offset,
                                    uint32_t len_bytes)
{
    (void)setup(NULL);
    disk = fake_pci_add(ADDRESS, VIRTIO_PCI_VENDOR, VIRTIO_PCI_MODERN + 2);
    fake_pci_bar(disk, 4, PCI_BAR_TYPE_64, 0x800000);
    (void)fake_pci_virtio(disk, type, bar, offset, len_bytes);
    assert_non_null(read_capabilities()); /* the others are missing */
    return found.parts[part];
}

static void test_structures(void **state)
{
    (void)state;
    /* type, BAR, offset, length: what is taken */
    assert_int_equal(part_alone(0, 1, 4, 0, 56).len_bytes, 56);
    assert_int_equal(part_alone(0, 1, 4, 0, 55).len_bytes, 0);               /* too short */
    assert_int_equal(part_alone(0, 1, 4, 2, 64).len_bytes, 0);               /* misaligned */
    assert_int_equal(part_alone(0, 1, 6, 0, 64).len_bytes, 0);               /* a reserved BAR */
    assert_int_equal(part_alone(0, 1, 255, 0, 64).len_bytes, 0);             /* likewise */
    assert_int_equal(part_alone(0, 1, 3, 0, 64).len_bytes, 0);               /* a missing one */
    assert_int_equal(part_alone(0, 1, 5, 0, 64).len_bytes, 0);               /* half of BAR 4 */
    assert_int_equal(part_alone(0, 1, 4, 0x7fffc4, 64).len_bytes, 0);        /* leaves the BAR */
    assert_int_equal(part_alone(0, 1, 4, 0x7fffc0, 64).len_bytes, 64);       /* just not */
    assert_int_equal(part_alone(0, 1, 4, 0xfffffffc, 64).len_bytes, 0);      /* wraps */
    assert_int_equal(part_alone(0, 1, 4, 64, UINT32_MAX - 63).len_bytes, 0); /* likewise */
    assert_int_equal(part_alone(0, 1, 4, 0, 0x800000).len_bytes, 4096); /* more than it needs */
    assert_int_equal(part_alone(1, 2, 4, 0, 1).len_bytes, 0);
    assert_int_equal(part_alone(1, 2, 4, 1, 8).len_bytes, 0);
    assert_int_equal(part_alone(1, 2, 4, 0, 0x800000).len_bytes, 0x100000);
    assert_int_equal(part_alone(2, 3, 4, 1, 1).len_bytes, 1);
    assert_int_equal(part_alone(3, 4, 4, 0, 3).len_bytes, 0);
    assert_int_equal(part_alone(3, 4, 4, 0, 4).len_bytes, 4);
}

/* The first usable one counts, whatever else there is (virtio 1.4, 4.1.4.1). */
static void test_first_usable(void **state)
{
    (void)state;
    disk = fake_pci_add(ADDRESS, VIRTIO_PCI_VENDOR, VIRTIO_PCI_MODERN + 2);
    fake_pci_bar(disk, 0, 0, 0x4000);
    (void)fake_pci_virtio(disk, 1, 7, 0, 64);
    (void)fake_pci_virtio(disk, 99, 0, 0, 64);
    (void)fake_pci_virtio(disk, 1, 0, 0x100, 64);
    (void)fake_pci_virtio(disk, 1, 0, 0x200, 64);
    (void)fake_pci_virtio(disk, 2, 0, 0x1000, 64);
    (void)fake_pci_virtio(disk, 3, 0, 0x2000, 1);
    assert_null(read_capabilities());
    assert_int_equal(found.parts[DEVICE_PART_COMMON].offset, 0x100);
    assert_int_equal(found.parts[DEVICE_PART_CONFIG].len_bytes, 0); /* it may have none */
    assert_int_equal(found.msix.capability, 0);
}

static void test_short_capabilities(void **state)
{
    (void)state;
    unsigned at = fake_pci_virtio(disk, 1, 4, 0x100, 64);
    fake_pci_put8(disk, 0x40 + MSIX_BYTES + VIRTIO_CAP_LEN, 2); /* one that isn't used */
    assert_null(read_capabilities());
    assert_int_equal(found.parts[DEVICE_PART_COMMON].offset, 0);
    for (unsigned cap = 0x40; cap < at; cap++) { /* all virtio structures are a byte too short */
        if (disk->config[cap] == PCI_CAPABILITY_VENDOR && disk->config[cap + 2] >= 16) {
            disk->config[cap + 2]--;
        }
    }
    assert_null(strstr(read_capabilities(), "common")); /* the late one is good */
    assert_int_equal(found.parts[DEVICE_PART_COMMON].offset, 0x100);
    assert_int_equal(found.parts[DEVICE_PART_NOTIFY].len_bytes, 0);
}

static void test_capabilities_at_the_end(void **state)
{
    (void)state;
    fake_pci_put8(disk, disk->capability_last, 0xf4);
    fake_pci_put8(disk, 0xf4, PCI_CAPABILITY_VENDOR);
    fake_pci_put8(disk, 0xf4 + VIRTIO_CAP_LEN, VIRTIO_CAP_BYTES);
    assert_null(read_capabilities());
    fake_pci_put8(disk, disk->capability_last, 0xf8);
    fake_pci_put8(disk, 0xf8, PCI_CAPABILITY_MSIX);
    assert_string_equal(read_capabilities(), "its MSI-X capability is cut off");
}

static void test_msix(void **state)
{
    (void)state;
    fake_pci_put16(disk, 0x40 + MSIX_CONTROL, 0x7ff);
    assert_string_equal(read_capabilities(), "its MSI-X table is in no BAR");
    fake_pci_put16(disk, 0x40 + MSIX_CONTROL, 1);
    fake_pci_put32(disk, 0x40 + MSIX_TABLE, 0x1000 | 1);
    assert_string_equal(read_capabilities(), "its MSI-X table is in no BAR");
    fake_pci_put32(disk, 0x40 + MSIX_TABLE, 7);
    assert_string_equal(read_capabilities(), "its MSI-X table is in no BAR");
    fake_pci_put32(disk, 0x40 + MSIX_TABLE, 1);
    fake_pci_put32(disk, 0x40 + MSIX_PENDING, 0xfffffff8 | 1);
    assert_string_equal(read_capabilities(), "its MSI-X pending bits are in no BAR");
    fake_pci_put32(disk, 0x40 + MSIX_PENDING, 0xff8 | 1);
    assert_null(read_capabilities());
    (void)fake_pci_msix(disk, 2, 1, 0x800 | 1);
    assert_string_equal(read_capabilities(), "it has two MSI-X capabilities");
}

/* ---- windows ---- */

static const struct pci_bar some_bars[PCI_BARS] = {
    {.base = 0x40010000, .len_bytes = 0x10000},
    {.base = 0x40000800, .len_bytes = 0x800},
};

static void test_windows(void **state)
{
    struct rs_device_told told = {0};
    const struct pci_capabilities capabilities = {
        .parts = {{0, 0x8000, 64}, {0, 0x1000, 0x2004}, {1, 0x10, 1}, {0, 0x7ffc, 8}},
        .notify_multiplier = 8,
    };
    (void)state;
    assert_null(pci_describe(some_bars, &capabilities, &told));
    assert_int_equal(told.description.transport, DEVICE_VIRTIO_PCI);
    assert_int_equal(told.description.notify_multiplier, 8);
    assert_int_equal(told.description.windows, 3);
    assert_int_equal(told.windows[0].base, 0x40000000);
    assert_int_equal(told.windows[0].len_bytes, 0x1000);
    assert_int_equal(told.windows[1].base, 0x40011000);
    assert_int_equal(told.windows[1].len_bytes, 0x3000);
    assert_int_equal(told.windows[2].base, 0x40017000);
    assert_int_equal(told.windows[2].len_bytes, 0x2000);
    const struct device_part *parts = told.description.parts;
    assert_int_equal(parts[DEVICE_PART_COMMON].window, 2);
    assert_int_equal(parts[DEVICE_PART_COMMON].offset, 0x1000);
    assert_int_equal(parts[DEVICE_PART_NOTIFY].window, 1);
    assert_int_equal(parts[DEVICE_PART_NOTIFY].offset, 0);
    assert_int_equal(parts[DEVICE_PART_NOTIFY].len_bytes, 0x2004);
    assert_int_equal(parts[DEVICE_PART_ISR].window, 0);
    assert_int_equal(parts[DEVICE_PART_ISR].offset, 0x810); /* the BAR begins within a page */
    assert_int_equal(parts[DEVICE_PART_CONFIG].offset, 0xffc);
}

/* Between register blocks: the windows leave it out. With them in a page: no window at all. */
static void test_msix_pages(void **state)
{
    struct rs_device_told told = {0};
    struct pci_capabilities capabilities = {
        .parts = {{0, 0, 64}, {0, 0x3000, 64}, {0, 0x40, 1}},
        .msix = {.capability = 0x40, .table = {0, 0x1000, 32}, .pending = {0, 0x2000, 8}},
    };
    (void)state;
    assert_null(pci_describe(some_bars, &capabilities, &told));
    assert_int_equal(told.description.windows, 2);
    assert_int_equal(told.windows[0].len_bytes, 0x1000);
    assert_int_equal(told.windows[1].base, 0x40013000);
    capabilities.msix.table.offset = 0xff8; /* begins in the first page */
    assert_string_equal(pci_describe(some_bars, &capabilities, &told),
                        "its registers share a page with its MSI-X table");
    capabilities.msix.table.offset = 0x1000;
    capabilities.msix.pending.offset = 0x3ff8;
    assert_string_equal(pci_describe(some_bars, &capabilities, &told),
                        "its registers share a page with its MSI-X table");
    capabilities.msix.capability = 0; /* it has none */
    assert_null(pci_describe(some_bars, &capabilities, &told));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sizes, setup),
        cmocka_unit_test_setup(test_sizes_beyond_32_bits, setup),
        cmocka_unit_test_setup(test_odd_bars, setup),
        cmocka_unit_test_setup(test_places, setup),
        cmocka_unit_test_setup(test_translated_window, setup),
        cmocka_unit_test_setup(test_no_room, setup),
        cmocka_unit_test_setup(test_full_window, setup),
        cmocka_unit_test_setup(test_kept, setup),
        cmocka_unit_test_setup(test_not_to_be_kept, setup),
        cmocka_unit_test_setup(test_capabilities, setup),
        cmocka_unit_test_setup(test_broken_lists, setup),
        cmocka_unit_test_setup(test_longest_list, setup),
        cmocka_unit_test_setup(test_structures, setup),
        cmocka_unit_test_setup(test_first_usable, setup),
        cmocka_unit_test_setup(test_short_capabilities, setup),
        cmocka_unit_test_setup(test_capabilities_at_the_end, setup),
        cmocka_unit_test_setup(test_msix, setup),
        cmocka_unit_test_setup(test_windows, setup),
        cmocka_unit_test_setup(test_msix_pages, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
