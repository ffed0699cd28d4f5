/*
 * The PCI transport under any description of a device and under registers that read as anything, now
 * and then as what was written to them. Whatever they say, no register is touched outside of the parts
 * that are described, at another width than its own alignment allows, or for ever.
 */
#include "../input.h"
#include "../require.h"

#include <anole/error.h>
#include <libvirtio/device.h>
#include <libvirtio/pci.h>
#include <string.h>

#define STEPS 40u
#define QUEUES 4u
#define QUEUE_SIZE 16u
#define ALLOCATIONS 64u
#define WINDOW_LEN 0x4000u
#define ACCESSES_MAX 200000u

static struct input input;
static struct virtio_platform platform;
static struct device_description described;
static struct virtio_window windows[DEVICE_WINDOWS];
static uint8_t last_written[DEVICE_PARTS][64]; /* for registers that tell the truth */
static unsigned truthful;                      /* in 4 reads, so many do */
static uint64_t now;
static unsigned accesses;
static void *allocations[ALLOCATIONS];
static unsigned allocation_count;

/* Where in which part that is: there must be one. */
static unsigned part_of(uintptr_t address, unsigned width, uint64_t *offset)
{
    unsigned kind;
    REQUIRE(address % width == 0);
    REQUIRE(++accesses < ACCESSES_MAX);
    for (kind = 0; kind < DEVICE_PARTS; kind++) {
        const struct device_part *part = &described.parts[kind];
        if (part->window >= described.windows || part->window >= DEVICE_WINDOWS)
            continue;
        *offset = address - windows[part->window].base - part->offset;
        if (*offset < part->len_bytes && width <= part->len_bytes - *offset)
            break;
    }
    REQUIRE(kind < DEVICE_PARTS);
    return kind;
}

static uint64_t value_at(uintptr_t address, unsigned width)
{
    uint64_t offset, value = 0;
    unsigned kind = part_of(address, width, &offset);
    if (input_byte(&input) % 4 < truthful && offset + width <= sizeof(last_written[0]))
        memcpy(&value, &last_written[kind][offset], width);
    else
        value = input_word(&input);
    return value;
}

static void write_at(uintptr_t address, unsigned width, uint64_t value)
{
    uint64_t offset;
    unsigned kind = part_of(address, width, &offset);
    if (offset + width <= sizeof(last_written[0]))
        memcpy(&last_written[kind][offset], &value, width);
}

static uint8_t read8(struct virtio_platform *of, uintptr_t address)
{
    (void)of;
    return (uint8_t)value_at(address, 1);
}

static uint16_t read16(struct virtio_platform *of, uintptr_t address)
{
    (void)of;
    return (uint16_t)value_at(address, 2);
}

static uint32_t read32(struct virtio_platform *of, uintptr_t address)
{
    (void)of;
    return (uint32_t)value_at(address, 4);
}

static void write8(struct virtio_platform *of, uintptr_t address, uint8_t value)
{
    (void)of;
    write_at(address, 1, value);
}

static void write16(struct virtio_platform *of, uintptr_t address, uint16_t value)
{
    (void)of;
    write_at(address, 2, value);
}

static void write32(struct virtio_platform *of, uintptr_t address, uint32_t value)
{
    (void)of;
    write_at(address, 4, value);
}

static int dma_alloc(struct virtio_platform *of, size_t len_bytes, struct dma_memory *memory)
{
    (void)of;
    if (allocation_count == ALLOCATIONS)
        return -ANOLE_ENOMEM;
    memory->address = calloc(1, len_bytes);
    memory->device_address = 0x80000000u + allocation_count * 0x100000u;
    memory->len_bytes = len_bytes;
    REQUIRE(memory->address != NULL);
    allocations[allocation_count++] = memory->address;
    return 0;
}

static uint64_t now_us(struct virtio_platform *of)
{
    (void)of;
    return now;
}

static void wait(struct virtio_platform *of, uint64_t deadline_us)
{
    (void)of;
    now = deadline_us > now ? deadline_us : now + 1;
}

/* As devman has it, or with one thing or another in it that can't be. */
static void describe(void)
{
    static const struct device_part good[DEVICE_PARTS] = {
        {0, 0, 64}, {1, 0x1000, 64}, {0, 0x1000, 1}, {0, 0x2000, 64}};
    uint8_t wrong = input_byte(&input);
    described = (struct device_description){
        .virtio_id = 2,
        .transport = DEVICE_VIRTIO_PCI,
        .windows = 2,
        .interrupts = (uint8_t)input_below(&input, DEVICE_VECTORS + 1),
        .flags = input_byte(&input) % 2,
        .notify_multiplier = (wrong & 1) != 0 ? (uint32_t)input_word(&input) : 4,
    };
    memcpy(described.parts, good, sizeof(good));
    for (unsigned i = 0; i < DEVICE_WINDOWS; i++)
        windows[i] = (struct virtio_window){0x10000000u + i * 0x100000u, WINDOW_LEN};
    if ((wrong & 2) != 0)
        described.windows = input_byte(&input);
    for (unsigned kind = 0; kind < DEVICE_PARTS; kind++) {
        if ((wrong >> (2 + kind) & 1) == 0)
            continue;
        struct device_part *part = &described.parts[kind];
        part->window = input_below(&input, DEVICE_WINDOWS + 2);
        part->offset = (uint32_t)input_word(&input);
        part->len_bytes = (uint32_t)input_word(&input);
        if (input_byte(&input) % 2 != 0) {
            part->offset %= WINDOW_LEN + 1;
            part->len_bytes %= 128;
        }
    }
}

/* One of what drivers do with a device that is open. */
static void step(struct virtio_device *device, struct virtq *queues, unsigned *set_up)
{
    static struct virtq_chain chains[QUEUES][QUEUE_SIZE];
    struct virtio_transport *transport = device->transport;
    struct virtio_register_info registers[VIRTIO_REGISTERS];
    struct virtio_config_field field = {.offset = input_byte(&input), .width = 8};
    uint16_t index = (uint16_t)input_below(&input, QUEUES);
    switch (input_byte(&input) % 7) {
    case 0:
        if (virtio_device_queue(device, &queues[index], index, QUEUE_SIZE, chains[index]) == 0)
            *set_up |= 1u << index;
        break;
    case 1:
        if ((*set_up >> index & 1) != 0)
            transport->ops->notify(transport, index, (uint16_t)input_word(&input));
        break;
    case 2:
        REQUIRE((virtio_interrupt_causes(transport, true, true) & ~3u) == 0);
        break;
    case 3:
        field.width = 1u << input_byte(&input) % 4;
        (void)!virtio_config_read(device, &field, 1);
        break;
    case 4:
        if (feature_has(device->features, VIRTIO_F_RING_RESET))
            (void)transport->ops->queue_reset(transport, index);
        break;
    case 5:
        REQUIRE(transport->ops->registers(transport, registers, VIRTIO_REGISTERS) <=
                VIRTIO_REGISTERS);
        break;
    default:
        (void)!virtio_device_start(device);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct feature_rule rules[] = {
        {.bit = VIRTIO_F_VERSION_1, .needs = FEATURE_NEEDS_NOTHING, .required = true},
        {.bit = VIRTIO_F_RING_PACKED, .needs = FEATURE_NEEDS_NOTHING},
        {.bit = VIRTIO_F_RING_RESET, .needs = FEATURE_NEEDS_NOTHING},
        {.bit = VIRTIO_F_NOTIFICATION_DATA, .needs = FEATURE_NEEDS_NOTHING},
        {.bit = VIRTIO_F_NOTIF_CONFIG_DATA, .needs = FEATURE_NEEDS_NOTHING},
        {.bit = VIRTIO_F_SR_IOV, .needs = FEATURE_NEEDS_NOTHING},
    };
    static struct virtio_pci pci;
    static struct virtio_device device;
    static struct virtq queues[QUEUES];
    unsigned set_up = 0;
    input = (struct input){data, len};
    platform = (struct virtio_platform){read8,   read16,    read32, write8, write16,
                                        write32, dma_alloc, now_us, wait};
    memset(last_written, 0, sizeof(last_written));
    now = accesses = allocation_count = 0;
    truthful = input_below(&input, 5);
    describe();
    if (virtio_pci_probe(&pci, &platform, &described, windows) == 0) {
        int rc = virtio_device_open(&device, &pci.transport, rules, sizeof(rules) / sizeof(*rules));
        REQUIRE(rc < 0 || !feature_has(device.features, VIRTIO_F_SR_IOV));
        for (unsigned i = 0; i < STEPS && rc == 0 && input.len > 0; i++)
            step(&device, queues, &set_up);
    }
    for (unsigned i = 0; i < allocation_count; i++)
        free(allocations[i]);
    return 0;
}
