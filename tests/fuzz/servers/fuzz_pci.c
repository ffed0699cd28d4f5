/*
 * devman on a PCI bus whose configuration spaces say anything: what it tells RS of a device must
 * pass RS's own check and share no page with another device or an MSI-X table, what it refuses must
 * be quiet, and a second devman must find the same without touching what is in use.
 */
#include "../input.h"
#include "../require.h"
#include <anole/error.h>
#include <servers/devman/devman.h>
#include <servers/rs/rs.h>
#include <string.h>
#include <tests/host/fake_kernel.h>
#include <tests/host/fake_pci_config.h>

#define ROOM 12u
#define FUNCTIONS 10u
#define REGISTER_BYTES 65536u
#define FIRST_MSI 100u

static struct input input;
static struct pci_host host;
static struct device devices[ROOM], before[ROOM];
static unsigned count;
static _Alignas(8) uint8_t registers[REGISTER_BYTES];

/* ---- the machine ---- */

static int machine_call(uint32_t call, struct message *message)
{
    switch (call) {
    case KCALL_DEVICE_MAP:
        if (message->word[1] == PCI_BUS_BYTES) {
            return 0;
        }
        if (message->word[0] % PAGE_SIZE != 0 || message->word[1] > REGISTER_BYTES) {
            return -ANOLE_EINVAL;
        }
        message->word[0] = (uintptr_t)registers;
        return 0;
    case KCALL_MSI_ALLOC:
        if (message->word[1] > 8) {
            return -ANOLE_ENOMEM;
        }
        message->word[0] = FIRST_MSI + 8 * (message->word[0] & 0xff);
        return 0;
    case KCALL_MSI_INFO:
        return 0;
    default:
        return -ANOLE_ENOENT;
    }
}

static int rs_call(uint32_t type, struct message *message)
{
    (void)type, (void)message;
    return 0;
}

static void function_change(struct fake_function *function)
{
    for (unsigned i = input_below(&input, 8); i > 0; i--) {
        function->config[input_byte(&input)] = input_byte(&input);
    }
    for (unsigned i = input_below(&input, 4); i > 0; i--) {
        function->writable[input_byte(&input)] = input_byte(&input);
    }
}

/* A virtio device with structures anywhere. */
static void function_make(pci_address address)
{
    struct fake_function *function = fake_pci_add(address, VIRTIO_PCI_VENDOR,
                                                  (uint16_t)(0x1000 + input_below(&input, 0x82)));
    for (unsigned i = input_below(&input, 4); i > 0; i--) {
        static const uint32_t flags[] = {0, PCI_BAR_TYPE_64, PCI_BAR_IO, 8 | PCI_BAR_TYPE_64};
        uint32_t chosen = flags[input_below(&input, 4)];
        fake_pci_bar(function, input_below(&input, chosen & PCI_BAR_TYPE_64 ? 5 : 6), chosen,
                     (uint64_t)16 << input_below(&input, 40));
    }
    for (unsigned i = input_below(&input, 7); i > 0; i--) {
        uint32_t offset = (uint32_t)input_below(&input, 0x2000) * 4;
        uint32_t len = input_below(&input, 0x4000);
        uint8_t bar = (uint8_t)input_below(&input, 7);
        if (input_below(&input, 6) == 5) {
            (void)fake_pci_msix(function, 1 + input_below(&input, 2048), (offset & ~7u) | bar,
                                (len & ~7u) | bar);
        } else {
            (void)fake_pci_virtio(function, (uint8_t)(1 + input_below(&input, 5)), bar, offset,
                                  len);
        }
    }
}

/* Half of them on the first bus. */
static pci_address address_any(void)
{
    unsigned bus = input_below(&input, 2 * FAKE_PCI_BUSES);
    return (pci_address)((bus < FAKE_PCI_BUSES ? bus : 0) << 8 | input_byte(&input));
}

static void buses_make(void)
{
    fake_pci_reset();
    for (unsigned i = 1 + input_below(&input, FUNCTIONS); i > 0; i--) {
        pci_address address = address_any();
        switch (input_below(&input, 4)) {
        case 0:
        case 1:
            (void)fake_pci_disk(address);
            break;
        case 2:
            (void)fake_pci_bridge(address);
            break;
        default:
            function_make(address);
            break;
        }
        if (input_below(&input, 2)) {
            function_change(&fake_pci[address]);
        }
    }
}

static void host_make(void)
{
    host = (struct pci_host){
        .config_base = 0x30000000,
        .buses = FAKE_PCI_BUSES,
        .window_count = 2,
        .windows = {{0x400000000, 0x400000000, (uint64_t)1 << 34, false},
                    {0x40000000, 0x50000000, 0x1000000, false}},
    };
    for (unsigned i = 0; i < PCI_DEVICES; i++) {
        host.lines[i][i % PCI_PINS] = 32 + i % PCI_PINS;
    }
}

/* ---- what must be true ---- */

static bool in_windows(uint64_t base, uint64_t len)
{
    for (unsigned i = 0; i < host.window_count; i++) {
        if (base >= host.windows[i].base &&
            base + len <= host.windows[i].base + host.windows[i].len_bytes) {
            return true;
        }
    }
    return false;
}

static bool pages_meet(uint64_t base, uint64_t len, uint64_t other, uint64_t other_len)
{
    return base / PAGE_SIZE <= (other + other_len - 1) / PAGE_SIZE &&
           other / PAGE_SIZE <= (base + len - 1) / PAGE_SIZE;
}

static void msix_check(const struct device *device, uint64_t base, uint64_t len)
{
    const struct pci_region *regions[] = {&device->pci.msix.table, &device->pci.msix.pending};
    for (unsigned i = 0; device->pci.msix.capability != 0 && i < 2; i++) {
        REQUIRE(!pages_meet(base, len, device->pci.bars[regions[i]->bar].base + regions[i]->offset,
                            regions[i]->len_bytes));
    }
}

static void bars_check(const struct device *device, const struct device *other)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        for (unsigned j = 0; j < PCI_BARS; j++) {
            const struct pci_bar *a = &device->pci.bars[i];
            const struct pci_bar *b = &other->pci.bars[j];
            REQUIRE(a == b || a->len_bytes == 0 || b->len_bytes == 0 ||
                    !pages_meet(a->base, a->len_bytes, b->base, b->len_bytes));
        }
    }
}

static void device_check(const struct device *device)
{
    uint16_t command = pci_read16(device->pci.function, PCI_COMMAND);
    if (!device->present) {
        /* Quiet, if it can be written at all. */
        uint8_t writable = fake_pci[device->pci.function].writable[PCI_COMMAND];
        REQUIRE(device->state == DEVICE_REFUSED && (command & writable & PCI_COMMAND_MASTER) == 0);
        return;
    }
    REQUIRE(told_is_fit(&device->told));
    REQUIRE(device->registers);
    for (unsigned i = 0; i < device->told.description.windows; i++) {
        uint64_t base = device->told.windows[i].base;
        uint64_t len = device->told.windows[i].len_bytes;
        REQUIRE(in_windows(base, len));
        msix_check(device, base, len);
    }
}

static void devices_check(void)
{
    REQUIRE(count <= ROOM);
    for (unsigned i = 0; i < count; i++) {
        device_check(&devices[i]);
        for (unsigned j = 0; j <= i && devices[i].present; j++) {
            if (devices[j].present) {
                REQUIRE(i == j || !told_overlap(&devices[i].told, &devices[j].told));
                bars_check(&devices[i], &devices[j]);
            }
        }
    }
}

/* ---- what happens ---- */

static void resets(void)
{
    for (unsigned i = 0; i < count; i++) {
        if (devices[i].present) {
            reset_begin(&devices[i], ENDPOINT_NONE);
        }
    }
    fake.now += 2 * (uint64_t)RESET_BOUND_US / 1000 * FAKE_TICKS_PER_MS;
    reset_poll(devices, count);
    for (unsigned i = 0; i < count; i++) {
        REQUIRE(devices[i].state != DEVICE_RESETTING);
        REQUIRE(devices[i].state != DEVICE_FAILED ||
                (pci_read16(devices[i].pci.function, PCI_COMMAND) &
                 fake_pci[devices[i].pci.function].writable[PCI_COMMAND] & PCI_COMMAND_MASTER) ==
                    0);
    }
}

/* Nothing has changed: the next devman finds the same. */
static void restart(void)
{
    unsigned writes[FAKE_PCI_ADDRESSES];
    unsigned count_before = count;
    memcpy(before, devices, sizeof(before));
    for (unsigned i = 0; i < FAKE_PCI_ADDRESSES; i++) {
        writes[i] = fake_pci[i].decoded_writes;
    }
    memset(devices, 0, sizeof(devices));
    count = pci_scan(&host, false, devices, ROOM);
    REQUIRE(count == count_before);
    for (unsigned i = 0; i < count; i++) {
        REQUIRE(fake_pci[devices[i].pci.function].decoded_writes ==
                writes[devices[i].pci.function]);
        if (before[i].present && before[i].told.description.interrupts <= 8) {
            REQUIRE(devices[i].present);
            REQUIRE(memcmp(&devices[i].told, &before[i].told, sizeof(before[i].told)) == 0);
        }
    }
}

/* Do the devices keep what is written to them, and change nothing by that? */
static bool bus_is_sound(void)
{
    for (unsigned i = 0; i < FAKE_PCI_ADDRESSES; i++) {
        const struct fake_function *function = &fake_pci[i];
        if (!function->there) {
            continue;
        }
        for (unsigned at = 0; at < PCI_CONFIG_BYTES; at++) {
            uint8_t writable = function->writable[at];
            bool bar = at >= PCI_BAR_0 && at < PCI_BAR_0 + 4 * PCI_BARS;
            bool command = at == PCI_COMMAND || at == PCI_COMMAND + 1;
            bool bridge = at >= BRIDGE_BUSES && at < BRIDGE_PREFETCH_LIMIT_HIGH + 4;
            if (command ? writable != 0xff : !bar && !bridge && writable != 0 && writable != 0xc0) {
                return false;
            }
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    input = (struct input){data, len};
    fake_reset();
    fake.kcall = machine_call;
    fake.call = rs_call;
    memset(devices, 0, sizeof(devices));
    memset(registers, 0, sizeof(registers));
    host_make();
    buses_make();
    count = pci_scan(&host, true, devices, ROOM);
    devices_check();
    resets();
    if (bus_is_sound()) {
        restart();
        devices_check();
    }
    for (unsigned i = 0; i < 4 && input.len > 0; i++) {
        function_change(&fake_pci[address_any()]);
        count = pci_scan(&host, input_below(&input, 2), devices, ROOM);
        devices_check();
        resets();
    }
    return 0;
}
