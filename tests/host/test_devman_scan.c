/*
 * devman on a PCI bus: which functions it uses and which it makes quiet, that a second devman
 * disturbs nobody, and what is on and off between a reset and a hand-over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_kernel.h"
#include "fake_pci_config.h"
#include <anole/error.h>
#include <servers/devman/devman.h>
#include <string.h>

#define ROOM 8u
#define PAGES 64u
#define FIRST_MSI 200u
#define COMMAND_BITS (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

static struct pci_host host;
static struct device devices[ROOM];
static unsigned count;

/* Registers: a page of memory for each physical page. */
static struct {
    uint64_t base;
    _Alignas(8) uint8_t bytes[PAGE_SIZE];
} pages[PAGES];
static unsigned page_count;

static unsigned msi_room;      /* the kernel has that many left; 0: it has none at all */
static int map_error;          /* what mapping registers ends with ... */
static int bus_error;          /* ... and the configuration space of a bus */
static uint32_t said[4];       /* requests to RS, in order */
static uint64_t said_words[4]; /* their second words */
static unsigned said_count;

static uint8_t *page_at(uint64_t base)
{
    for (unsigned i = 0; i < page_count; i++) {
        if (pages[i].base == base) {
            return pages[i].bytes;
        }
    }
    assert_true(page_count < PAGES);
    pages[page_count].base = base;
    return pages[page_count++].bytes;
}

static int machine_call(uint32_t call, struct message *message)
{
    switch (call) {
    case KCALL_DEVICE_MAP:
        assert_int_equal(message->word[0] % PAGE_SIZE, 0);
        if (message->word[1] == PCI_BUS_BYTES) {
            assert_true(message->word[0] > 0x30000000 && message->word[0] < 0x30400000);
            return bus_error;
        }
        assert_true(message->word[1] <= PAGE_SIZE);
        message->word[0] = (uintptr_t)page_at(message->word[0]);
        return map_error;
    case KCALL_MSI_ALLOC:
        if (msi_room == 0) {
            return -ANOLE_ENOSYS;
        }
        if (message->word[1] > msi_room) {
            return -ANOLE_ENOMEM;
        }
        message->word[0] = FIRST_MSI;
        return 0;
    case KCALL_MSI_INFO:
        message->word[1] = message->word[0] - FIRST_MSI + 1;
        message->word[0] = 0x128000000;
        return 0;
    case KCALL_QUARANTINE_END:
        return 0;
    default:
        return -ANOLE_ENOSYS;
    }
}

static int rs_call(uint32_t type, struct message *message)
{
    assert_true(said_count < 4);
    said[said_count] = type;
    said_words[said_count++] = message->word[1];
    return 0;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_pci_reset();
    fake.kcall = machine_call;
    fake.call = rs_call;
    memset(pages, 0, sizeof(pages));
    page_count = msi_room = said_count = 0;
    map_error = bus_error = 0;
    host = (struct pci_host){
        .config_base = 0x30000000,
        .buses = FAKE_PCI_BUSES,
        .window_count = 2,
        .windows = {{0x400000000, 0x400000000, 0x10000000, false},
                    {0x40000000, 0x40000000, 0x1000000, false}},
    };
    for (unsigned i = 0; i < PCI_DEVICES; i++) {
        for (unsigned pin = 0; pin < PCI_PINS; pin++) {
            host.lines[i][pin] = 32 + (i + pin) % PCI_PINS;
        }
    }
    return 0;
}

static void scan(bool first)
{
    memset(devices, 0, sizeof(devices));
    count = pci_scan(&host, first, devices, ROOM);
}

static uint16_t command_of(unsigned address)
{
    return pci_read16((pci_address)address, PCI_COMMAND);
}

static void assert_quiet(unsigned address)
{
    assert_int_equal(command_of(address) & COMMAND_BITS, 0);
    assert_true(command_of(address) & PCI_COMMAND_INTX_OFF);
}

/* ---- what is used ---- */

static void test_finds(void **state)
{
    (void)state;
    fake_pci_put16(fake_pci_add(0, 0x1b36, 8), PCI_COMMAND, COMMAND_BITS); /* a host bridge */
    (void)fake_pci_disk(8);
    (void)fake_pci_disk(9); /* function 1 of a device that has one function */
    fake_pci_put8(fake_pci_disk(16), PCI_HEADER_TYPE, PCI_HEADER_MULTI);
    fake_pci_put8(fake_pci_disk(19), PCI_INTERRUPT_PIN, 4);
    scan(true);
    assert_int_equal(count, 3);
    assert_quiet(0);
    assert_string_equal(devices[0].node, "pci:00:01.0");
    assert_string_equal(devices[0].told.label, "virtio,2@pci:00:01.0");
    assert_string_equal(devices[0].told.compatible, "virtio,2");
    assert_int_equal(devices[0].told.description.number, DEVICES + 8);
    assert_int_equal(devices[0].told.description.virtio_id, 2);
    assert_int_equal(devices[0].told.description.windows, 1);
    assert_int_equal(devices[0].told.interrupt, 33); /* INTA of device 1 */
    assert_int_equal(devices[0].told.description.interrupts, 1);
    assert_string_equal(devices[1].node, "pci:00:02.0");
    assert_string_equal(devices[2].told.label, "virtio,2@pci:00:02.3");
    assert_int_equal(devices[2].told.interrupt, 33); /* INTD of device 2: the same line */
    for (unsigned i = 0; i < count; i++) {
        assert_true(devices[i].present);
        assert_int_equal(command_of(devices[i].pci.function) & COMMAND_BITS, PCI_COMMAND_MEMORY);
        for (unsigned j = 0; j < i; j++) {
            assert_int_not_equal(devices[i].told.windows[0].base, devices[j].told.windows[0].base);
        }
    }
}

static void test_ids(void **state)
{
    struct fake_function *function;
    (void)state;
    function = fake_pci_disk(8); /* transitional: the subsystem says which */
    fake_pci_put16(function, PCI_DEVICE_ID, VIRTIO_PCI_TRANSITIONAL + 5);
    fake_pci_put16(function, PCI_SUBSYSTEM_ID, 4);
    fake_pci_put16(fake_pci_disk(16), PCI_DEVICE_ID, VIRTIO_PCI_MODERN + 0x3f);
    fake_pci_put16(fake_pci_disk(24), PCI_DEVICE_ID, VIRTIO_PCI_MODERN + 0x40); /* too high */
    fake_pci_put16(fake_pci_disk(32), PCI_DEVICE_ID, VIRTIO_PCI_MODERN);        /* id 0 */
    fake_pci_put16(fake_pci_disk(40), PCI_VENDOR_ID, 0x1af5);
    fake_pci_put8(fake_pci_disk(48), PCI_HEADER_TYPE, 2); /* neither device nor bridge */
    fake_pci_put16(fake_pci_disk(56), PCI_DEVICE_ID, 0xfff);
    scan(true);
    assert_int_equal(count, 2);
    assert_string_equal(devices[0].told.compatible, "virtio,4");
    assert_string_equal(devices[1].told.compatible, "virtio,63");
    for (unsigned address = 24; address <= 56; address += 8) {
        assert_quiet(address);
    }
}

/* What is odd is quiet, and the others are used. */
static void test_refuses(void **state)
{
    struct fake_function *function;
    (void)state;
    (void)fake_pci_disk(8);
    (void)fake_pci_add(16, VIRTIO_PCI_VENDOR, VIRTIO_PCI_MODERN + 2); /* no capabilities */
    function = fake_pci_disk(24);
    fake_pci_put8(function, function->capability_last, PCI_CAPABILITY_FIRST);
    fake_pci_bar(fake_pci_disk(32), 2, 0, 0x8000000);
    fake_pci_put8(fake_pci_disk(40), PCI_BAR_0, 6);
    function = fake_pci_add(48, VIRTIO_PCI_VENDOR, VIRTIO_PCI_MODERN + 2);
    fake_pci_bar(function, 0, 0, 0x1000); /* everything in one page */
    (void)fake_pci_msix(function, 2, 0x800, 0xc00);
    (void)fake_pci_virtio(function, 1, 0, 0, 64);
    (void)fake_pci_virtio(function, 2, 0, 0x100, 64);
    (void)fake_pci_virtio(function, 3, 0, 0x200, 1);
    (void)fake_pci_disk(56);
    scan(true);
    assert_int_equal(count, 7);
    for (unsigned i = 0; i < count; i++) {
        bool good = i == 0 || i == 6;
        assert_int_equal(devices[i].present, good);
        if (!good) {
            assert_int_equal(devices[i].state, DEVICE_REFUSED);
            assert_quiet(devices[i].pci.function);
        }
    }
}

static void test_too_many(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= ROOM + 1; i++) {
        (void)fake_pci_disk((pci_address)(8 * i));
    }
    scan(true);
    assert_int_equal(count, ROOM);
    assert_quiet(8 * (ROOM + 1));
}

static void test_registers_that_cannot_be_mapped(void **state)
{
    (void)state;
    (void)fake_pci_disk(8);
    map_error = -ANOLE_ENOMEM;
    scan(true);
    assert_false(devices[0].present);
    assert_quiet(8);
}

static void test_no_line(void **state)
{
    (void)state;
    fake_pci_put8(fake_pci_disk(8), PCI_INTERRUPT_PIN, 0);
    fake_pci_put8(fake_pci_disk(16), PCI_INTERRUPT_PIN, 5);
    host.lines[3][0] = 0;
    (void)fake_pci_disk(24);
    scan(true);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(devices[i].present);
        assert_int_equal(devices[i].told.description.interrupts, 0);
        assert_int_equal(devices[i].told.interrupt, 0);
    }
}

/* ---- a second devman ---- */

static void test_disturbs_nobody(void **state)
{
    struct rs_device_told before[2];
    struct fake_function *disk = fake_pci_disk(8);
    (void)state;
    (void)fake_pci_disk(24);
    scan(true);
    before[0] = devices[0].told;
    before[1] = devices[1].told;
    fake_pci_put16(disk, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER); /* at work */
    (void)fake_pci_disk(16); /* one more, that nobody knows */
    scan(false);
    assert_int_equal(count, 3);
    assert_memory_equal(&devices[0].told, &before[0], sizeof(before[0]));
    assert_memory_equal(&devices[2].told, &before[1], sizeof(before[1]));
    assert_true(devices[1].present);
    assert_int_equal(disk->decoded_writes, 0);
    assert_int_equal(command_of(8), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    uint64_t added = devices[1].told.windows[0].base;
    assert_true(added != before[0].windows[0].base && added != before[1].windows[0].base);
}

/* A first devman trusts no place that it didn't choose. */
static void test_places_afresh(void **state)
{
    struct fake_function *disk = fake_pci_disk(8);
    (void)state;
    fake_pci_put32(disk, PCI_BAR_0 + 4, 0x30001000);
    fake_pci_put16(disk, PCI_COMMAND, COMMAND_BITS);
    scan(true);
    assert_true(devices[0].present);
    assert_int_equal(disk->decoded_writes, 0); /* not decoded while that is asked and changed */
    assert_int_equal(command_of(8) & COMMAND_BITS, PCI_COMMAND_MEMORY);
    assert_true(fake_pci_bar_at(disk, 1) >= 0x40000000);
}

static void test_moved_onto_another(void **state)
{
    struct fake_function *disk = fake_pci_disk(8);
    (void)state;
    struct fake_function *other = fake_pci_disk(16);
    scan(true);
    fake_pci_put32(other, PCI_BAR_0 + 4, (uint32_t)fake_pci_bar_at(disk, 1));
    scan(false);
    assert_true(devices[0].present);
    assert_false(devices[1].present);
    assert_quiet(16);
}

/* ---- bridges ---- */

#define BEHIND(bus, device) ((pci_address)((bus) << 8 | (device) << 3))

static void test_bridge(void **state)
{
    (void)state;
    (void)fake_pci_disk(8);
    struct fake_function *bridge = fake_pci_bridge(16);
    (void)fake_pci_bridge(24);
    fake_pci_put8(fake_pci_disk(BEHIND(1, 0)), PCI_INTERRUPT_PIN, 1);
    fake_pci_put8(fake_pci_disk(BEHIND(1, 5)), PCI_INTERRUPT_PIN, 2);
    (void)fake_pci_disk(BEHIND(2, 0));
    scan(true);
    assert_int_equal(count, 4);
    assert_string_equal(devices[1].told.label, "virtio,2@pci:01:00.0");
    assert_int_equal(devices[1].told.description.number, DEVICES + 0x100);
    assert_string_equal(devices[2].node, "pci:01:05.0");
    assert_string_equal(devices[3].node, "pci:02:00.0");
    /* INTA of device 0 is the bridge's INTA; INTB of device 5 its INTC. */
    assert_int_equal(devices[1].told.interrupt, 34);
    assert_int_equal(devices[2].told.interrupt, 32);
    assert_int_equal(pci_read32(16, BRIDGE_BUSES), 0x010100);
    assert_int_equal(pci_read32(24, BRIDGE_BUSES), 0x020200);
    assert_int_equal(command_of(16) & COMMAND_BITS, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_true((pci_read16(16, BRIDGE_IO) & 0xf0) > (pci_read16(16, BRIDGE_IO) >> 8));
    /* BARs behind it are in its windows. */
    uint64_t low = (uint64_t)(pci_read16(16, BRIDGE_MEMORY_BASE) & BRIDGE_ADDRESS) << 16;
    uint64_t high = (uint64_t)pci_read32(16, BRIDGE_PREFETCH_BASE_HIGH) << 32 |
                    (uint64_t)(pci_read16(16, BRIDGE_PREFETCH_BASE) & BRIDGE_ADDRESS) << 16;
    for (unsigned i = 0; i < count; i++) {
        assert_true(devices[i].present);
        bool behind = i == 1 || i == 2;
        uint64_t bar_1 = devices[i].pci.bars[1].base;
        uint64_t bar_4 = devices[i].pci.bars[4].base;
        assert_int_equal(bar_1 >= low && bar_1 < low + (2u << 20), behind);
        assert_int_equal(bar_4 >= high && bar_4 < high + (64u << 20), behind);
    }
    assert_int_equal(bridge->decoded_writes, 0);
}

/* A BAR of 64 bits that may not be prefetched has to be among those of 32 bits. */
static void test_not_prefetchable(void **state)
{
    (void)state;
    (void)fake_pci_bridge(16);
    struct fake_function *disk = fake_pci_disk(BEHIND(1, 0));
    fake_pci_bar(disk, 4, PCI_BAR_TYPE_64, 0x4000);
    scan(true);
    assert_true(devices[0].present);
    assert_true(devices[0].pci.bars[4].base < 0x80000000);
}

static void test_bridge_is_kept(void **state)
{
    struct rs_device_told before;
    (void)state;
    struct fake_function *bridge = fake_pci_bridge(16);
    struct fake_function *disk = fake_pci_disk(BEHIND(1, 0));
    scan(true);
    before = devices[0].told;
    struct fake_function bridge_before = *bridge;
    (void)fake_pci_disk(8); /* two more that nobody knows */
    (void)fake_pci_bridge(24);
    (void)fake_pci_disk(BEHIND(2, 0));
    memset(&fake_pci_mapped[1], 0, FAKE_PCI_BUSES - 1);
    scan(false);
    assert_int_equal(count, 3);
    assert_memory_equal(&devices[1].told, &before, sizeof(before));
    assert_memory_equal(bridge, &bridge_before, sizeof(bridge_before));
    assert_int_equal(disk->decoded_writes, 0);
    assert_int_equal(pci_read32(24, BRIDGE_BUSES), 0x020200);
    for (unsigned i = 0; i < count; i++) {
        assert_true(devices[i].present);
    }
}

/* What it was given has changed: it is closed, and what is behind it is gone. */
static void test_bridges_that_changed(void **state)
{
    static const struct {
        unsigned offset;
        uint16_t value;
    } changes[] = {
        {BRIDGE_BUSES, 0x0001},
        {BRIDGE_BUSES, 0x0000},
        {BRIDGE_BUSES, FAKE_PCI_BUSES << 8},
        {BRIDGE_BUSES + 2, 0x0002},
        {BRIDGE_BUSES, 0x0200},
        {BRIDGE_MEMORY_BASE, 0x3000},
        {BRIDGE_MEMORY_LIMIT, 0x4100},
        {BRIDGE_PREFETCH_LIMIT, 0xfff1},
        {BRIDGE_PREFETCH_BASE_HIGH, 9},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        (void)setup(NULL);
        struct fake_function *bridge = fake_pci_bridge(16);
        (void)fake_pci_disk(BEHIND(1, 0));
        (void)fake_pci_disk(8);
        scan(true);
        assert_int_equal(count, 2);
        fake_pci_put16(bridge, changes[i].offset, changes[i].value);
        scan(false);
        assert_int_equal(count, 1);
        assert_int_equal(devices[0].pci.function, 8);
        assert_quiet(16);
    }
}

/* Two bridges with one bus number, or with one window. */
static void test_bridge_like_another(void **state)
{
    (void)state;
    (void)fake_pci_bridge(16);
    struct fake_function *other = fake_pci_bridge(24);
    (void)fake_pci_disk(BEHIND(1, 0));
    scan(true);
    fake_pci_put32(other, BRIDGE_BUSES, 0x010100);
    scan(false);
    assert_int_equal(count, 1);
    assert_quiet(24);
    *other = fake_pci[16];
    fake_pci_put32(other, BRIDGE_BUSES, 0x020200);
    scan(false);
    assert_int_equal(count, 1);
    assert_quiet(24);
}

static void test_unusable_bridges(void **state)
{
    (void)state;
    struct fake_function *bridge = fake_pci_bridge(16); /* it keeps no bus number */
    memset(&bridge->writable[BRIDGE_BUSES], 0, 4);
    (void)fake_pci_disk(8);
    scan(true);
    assert_int_equal(count, 1);
    assert_quiet(16);
    (void)setup(NULL);
    (void)fake_pci_bridge(16);
    (void)fake_pci_bridge(BEHIND(1, 0)); /* one behind it */
    (void)fake_pci_disk(BEHIND(1, 1));
    scan(true);
    assert_int_equal(count, 1);
    assert_quiet(BEHIND(1, 0));
    (void)setup(NULL);
    (void)fake_pci_bridge(16);
    bus_error = -ANOLE_ENOMEM;
    scan(true);
    assert_int_equal(count, 0);
    assert_quiet(16);
}

/* There are no more buses, or no more windows, than there are. */
static void test_too_many_bridges(void **state)
{
    (void)state;
    host.windows[0].len_bytes = 0x40000000;
    for (unsigned i = 1; i <= FAKE_PCI_BUSES; i++) {
        (void)fake_pci_bridge((pci_address)(8 * i));
    }
    scan(true);
    assert_quiet(8 * FAKE_PCI_BUSES);
    assert_true(command_of(8 * (FAKE_PCI_BUSES - 1)) & PCI_COMMAND_MEMORY);
    (void)setup(NULL);
    host.windows[0].len_bytes = 0x40000000;
    host.windows[1].len_bytes = 0x800000; /* odd multiples of 2 MiB: two */
    for (unsigned i = 1; i < FAKE_PCI_BUSES; i++) {
        (void)fake_pci_bridge((pci_address)(8 * i));
    }
    scan(true);
    assert_true(command_of(16) & PCI_COMMAND_MEMORY);
    assert_quiet(24);
}

/* ---- resets ---- */

static uint8_t *status_register(const struct device *device)
{
    return device->registers + VIRTIO_COMMON_STATUS;
}

static void test_reset_with_a_line(void **state)
{
    (void)state;
    (void)fake_pci_disk(8);
    scan(true);
    *status_register(&devices[0]) = 0xf;
    fake_pci_put16(&fake_pci[8], PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    reset_begin(&devices[0], ENDPOINT_NONE);
    assert_int_equal(*status_register(&devices[0]), 0);
    assert_int_equal(devices[0].state, DEVICE_READY);
    assert_int_equal(command_of(8), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_int_equal(pci_read16(8, 0x40 + MSIX_CONTROL), 1); /* off */
    assert_int_equal(said_count, 1);
    assert_int_equal(said[0], RS_RESET_DONE);
    assert_int_equal(said_words[0], 0);
}

static bool never(const struct device *device)
{
    (void)device;
    return false;
}

/* It doesn't come out of reset: it may write nowhere. */
static void test_stuck(void **state)
{
    struct device_kind kind = pci_virtio_kind;
    (void)state;
    (void)fake_pci_disk(8);
    scan(true);
    fake_pci_put16(&fake_pci[8], PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    kind.is_reset = never;
    devices[0].kind = &kind;
    reset_begin(&devices[0], ENDPOINT_NONE);
    assert_int_equal(devices[0].state, DEVICE_RESETTING);
    assert_int_equal(said_count, 0);
    fake.now = devices[0].reset_deadline;
    reset_poll(devices, 1);
    assert_int_equal(devices[0].state, DEVICE_FAILED);
    assert_int_equal(said_words[0], (uint64_t)-ANOLE_EIO);
    assert_int_equal(command_of(8) & PCI_COMMAND_MASTER, 0);
}

static void test_gone(void **state)
{
    (void)state;
    (void)fake_pci_disk(8);
    scan(true);
    fake_pci[8].gone = true;
    reset_begin(&devices[0], ENDPOINT_NONE);
    assert_int_equal(devices[0].state, DEVICE_GONE);
    assert_int_equal(said_count, 1);
    assert_int_equal(said[0], RS_DEVICE_GONE);
}

/* ---- MSI-X ---- */

static const volatile uint32_t *entry_of(const struct device *device, unsigned index)
{
    return (const volatile uint32_t *)(const void *)(device->pci.table +
                                                     (size_t)index * MSIX_ENTRY_BYTES);
}

static void test_vectors(void **state)
{
    (void)state;
    msi_room = 100;
    fake_pci_put16(fake_pci_disk(8), 0x40 + MSIX_CONTROL, 4); /* five entries */
    scan(true);
    assert_int_equal(devices[0].told.description.flags, DEVICE_MSIX);
    assert_int_equal(devices[0].told.description.interrupts, 5);
    assert_int_equal(devices[0].told.interrupt, FIRST_MSI);
    reset_begin(&devices[0], ENDPOINT_NONE);
    assert_int_equal(devices[0].state, DEVICE_READY);
    for (unsigned i = 0; i < 5; i++) {
        const volatile uint32_t *entry = entry_of(&devices[0], i);
        assert_int_equal(entry[0], 0x28000000);
        assert_int_equal(entry[1], 1);
        assert_int_equal(entry[2], i + 1);
        assert_int_equal(entry[3], 0);
    }
    assert_int_equal(pci_read16(8, 0x40 + MSIX_CONTROL), MSIX_CONTROL_ENABLE | 4);
    assert_int_equal(command_of(8), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF);
}

/* More entries than a driver could use: the others stay masked. */
static void test_more_entries_than_vectors(void **state)
{
    (void)state;
    msi_room = 1000;
    fake_pci_put16(fake_pci_disk(8), 0x40 + MSIX_CONTROL, 63);
    scan(true);
    assert_int_equal(devices[0].told.description.interrupts, DEVICE_VECTORS);
    reset_begin(&devices[0], ENDPOINT_NONE);
    assert_int_equal(entry_of(&devices[0], DEVICE_VECTORS - 1)[3], 0);
    for (unsigned i = DEVICE_VECTORS; i < 64; i++) {
        assert_int_equal(entry_of(&devices[0], i)[3], MSIX_ENTRY_MASKED);
    }
}

static void test_few_vectors_left(void **state)
{
    (void)state;
    fake_pci_put16(fake_pci_disk(8), 0x40 + MSIX_CONTROL, 8); /* nine */
    msi_room = 3;
    scan(true);
    assert_int_equal(devices[0].told.description.interrupts, 2);
    msi_room = 1; /* one is no better than the line */
    scan(true);
    assert_int_equal(devices[0].told.description.flags, 0);
    assert_int_equal(devices[0].told.interrupt, 33);
}

/* Interrupts are off from the beginning of the reset on; the bus is taken away once it is quiet. */
static void test_msix_is_off_during_a_reset(void **state)
{
    (void)state;
    msi_room = 100;
    (void)fake_pci_disk(8);
    scan(true);
    reset_begin(&devices[0], ENDPOINT_NONE);
    devices[0].kind->reset(&devices[0]);
    assert_int_equal(pci_read16(8, 0x40 + MSIX_CONTROL), 1);
    assert_int_equal(command_of(8), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF);
    devices[0].kind->cut_off(&devices[0]);
    assert_int_equal(command_of(8), PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_OFF);
}

/* It says that MSI-X is off when it was turned on. */
static void test_msix_that_stays_off(void **state)
{
    (void)state;
    msi_room = 100;
    struct fake_function *disk = fake_pci_disk(8);
    disk->writable[0x40 + MSIX_CONTROL + 1] = 0;
    scan(true);
    reset_begin(&devices[0], ENDPOINT_NONE);
    assert_int_equal(devices[0].state, DEVICE_FAILED);
    assert_int_equal(said_words[0], (uint64_t)-ANOLE_EIO);
    assert_int_equal(command_of(8) & PCI_COMMAND_MASTER, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_finds, setup),
        cmocka_unit_test_setup(test_ids, setup),
        cmocka_unit_test_setup(test_refuses, setup),
        cmocka_unit_test_setup(test_too_many, setup),
        cmocka_unit_test_setup(test_registers_that_cannot_be_mapped, setup),
        cmocka_unit_test_setup(test_no_line, setup),
        cmocka_unit_test_setup(test_disturbs_nobody, setup),
        cmocka_unit_test_setup(test_places_afresh, setup),
        cmocka_unit_test_setup(test_moved_onto_another, setup),
        cmocka_unit_test_setup(test_bridge, setup),
        cmocka_unit_test_setup(test_not_prefetchable, setup),
        cmocka_unit_test_setup(test_bridge_is_kept, setup),
        cmocka_unit_test_setup(test_bridges_that_changed, setup),
        cmocka_unit_test_setup(test_bridge_like_another, setup),
        cmocka_unit_test_setup(test_unusable_bridges, setup),
        cmocka_unit_test_setup(test_too_many_bridges, setup),
        cmocka_unit_test_setup(test_reset_with_a_line, setup),
        cmocka_unit_test_setup(test_stuck, setup),
        cmocka_unit_test_setup(test_gone, setup),
        cmocka_unit_test_setup(test_vectors, setup),
        cmocka_unit_test_setup(test_more_entries_than_vectors, setup),
        cmocka_unit_test_setup(test_few_vectors_left, setup),
        cmocka_unit_test_setup(test_msix_is_off_during_a_reset, setup),
        cmocka_unit_test_setup(test_msix_that_stays_off, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
