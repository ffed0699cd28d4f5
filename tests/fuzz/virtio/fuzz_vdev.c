/*
 * The device's side of virtio (lib/libvirtio/device) under a driver that does anything: registers,
 * rings, requests and memory that changes at any time. Whatever it does, the device stays in the
 * driver's memory and on its disk, and after a reset it works again.
 */
#include "../input.h"
#include "../require.h"

#include <libvirtio/device/blk.h>
#include <libvirtio/device/mmio_legacy.h>
#include <libvirtio/device/pci.h>
#include <libvirtio/feature_bits.h>
#include <libvirtio/mmio_regs.h>
#include <string.h>

#define STEPS 300u
#define RAM_BYTES 32768u
#define RAM_ADDRESS 0x40000000u
#define QUEUES 3u
#define QUEUE_SIZE 20u
#define QUEUE_SPACING 2048u /* each queue's parts, from the start of memory */
#define DATA 8192u          /* and then buffers */
#define DRIVER_AREA 1024u
#define DEVICE_AREA 1536u
#define SECTORS 64u
#define SERIAL "A fuzzed disk"

static struct input input;
static struct {
    struct vdev_host host;
    struct vdev_store store;
    struct vdev_blk blk;
    struct vdev_mmio mmio;
    struct vdev_pci pci; /* registers of the same device */
    uint16_t vectors[QUEUES];
    bool store_fails;
} rig;
static _Alignas(4096) uint8_t ram[RAM_BYTES];
static uint8_t disk[SECTORS * VIRTIO_BLK_SECTOR];
static _Alignas(16) uint8_t memory[65536];

/* What the driver knows of a queue that it has set up. */
static struct lane {
    uint16_t size;
    uint16_t next; /* slot, or index */
    bool wrap;
} lanes[QUEUES];
static bool packed;
static bool legacy; /* the device is */

static struct vdev_segment held_segments[QUEUE_SIZE];
static struct vdev_blk_request held;
static int held_queue; /* -1: none is held */

/* ---- what the device stands on ---- */

static void *translate(struct vdev_host *host, uint64_t address, uint64_t len_bytes, bool writable)
{
    REQUIRE(host == &rig.host && len_bytes > 0);
    if (address < RAM_ADDRESS || address - RAM_ADDRESS > RAM_BYTES ||
        len_bytes > RAM_BYTES - (address - RAM_ADDRESS))
        return NULL;
    /* The last page is for reading only. */
    if (writable && address - RAM_ADDRESS + len_bytes > RAM_BYTES - 4096)
        return NULL;
    return ram + (address - RAM_ADDRESS);
}

static void notified(struct vdev_host *host, struct vdev *device, uint16_t queue)
{
    REQUIRE(host == &rig.host && queue < device->queue_count && vdev_runs(device));
}

static void stopping(struct vdev_host *host, struct vdev *device, uint16_t queue)
{
    REQUIRE(host == &rig.host && queue < device->queue_count);
    if (held_queue == queue)
        held_queue = -1;
}

static void driver_error(struct vdev_host *host, struct vdev *device, const char *what)
{
    REQUIRE(host == &rig.host && device == &rig.blk.device && what[0] != '\0');
}

static uint8_t *place(struct vdev_store *store, uint64_t offset, uint64_t len_bytes)
{
    REQUIRE(store == &rig.store && offset <= store->bytes && len_bytes <= store->bytes - offset);
    return disk + offset;
}

static bool store_read(struct vdev_store *store, uint64_t offset, void *to, uint32_t len_bytes)
{
    memcpy(to, place(store, offset, len_bytes), len_bytes);
    return !rig.store_fails;
}

static bool store_write(struct vdev_store *store, uint64_t offset, const void *from,
                        uint32_t len_bytes)
{
    memcpy(place(store, offset, len_bytes), from, len_bytes);
    return !rig.store_fails;
}

static bool store_flush(struct vdev_store *store)
{
    REQUIRE(store == &rig.store);
    return !rig.store_fails;
}

static bool store_discard(struct vdev_store *store, uint64_t offset, uint64_t len_bytes)
{
    memset(place(store, offset, len_bytes), 0xdd, len_bytes);
    return !rig.store_fails;
}

static bool store_zero(struct vdev_store *store, uint64_t offset, uint64_t len_bytes,
                       bool deallocate)
{
    (void)deallocate;
    memset(place(store, offset, len_bytes), 0, len_bytes);
    return !rig.store_fails;
}

static void line_changed(struct vdev_mmio *mmio)
{
    REQUIRE(mmio == &rig.mmio);
}

/* Events go to the other bus. */
static void intx_changed(struct vdev_pci *pci)
{
    (void)pci;
    abort();
}

static const struct vdev_pci_hooks pci_hooks = {.line_changed = intx_changed};

/* ---- a driver that knows how ---- */

static void put(uint32_t offset, uint32_t value)
{
    vdev_mmio_write(&rig.mmio, offset, 4, value);
}

static uint32_t get(uint32_t offset)
{
    return (uint32_t)vdev_mmio_read(&rig.mmio, offset, 4);
}

static void negotiate(uint64_t refused)
{
    uint64_t features = rig.blk.device.offered.mask & ~refused;
    put(MMIO_STATUS, 0);
    put(MMIO_STATUS, 1);
    put(MMIO_STATUS, 3);
    for (uint32_t word = 0; word < 2; word++) {
        put(MMIO_DRIVER_FEATURES_SEL, word);
        put(MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * word)));
    }
    put(MMIO_STATUS, legacy ? 3 : 0xb);
    packed = feature_has(rig.blk.device.accepted, VIRTIO_F_RING_PACKED);
}

static uint8_t *part(unsigned queue, uint32_t offset)
{
    return ram + queue * QUEUE_SPACING + offset;
}

static void queue_set_up(unsigned queue, uint16_t size)
{
    uint32_t base = RAM_ADDRESS + queue * QUEUE_SPACING;
    put(MMIO_QUEUE_SEL, queue);
    put(MMIO_QUEUE_SIZE, size);
    memset(part(queue, 0), 0, QUEUE_SPACING);
    lanes[queue] = (struct lane){.size = size, .wrap = true};
    if (legacy) {
        put(MMIO_LEGACY_PAGE_SIZE, QUEUE_SPACING);
        put(MMIO_LEGACY_QUEUE_ALIGN, QUEUE_SPACING / 4);
        put(MMIO_LEGACY_QUEUE_PFN, base / QUEUE_SPACING);
        return;
    }
    put(MMIO_QUEUE_DESC_LOW, base);
    put(MMIO_QUEUE_DESC_HIGH, 0);
    put(MMIO_QUEUE_DRIVER_LOW, base + DRIVER_AREA);
    put(MMIO_QUEUE_DRIVER_HIGH, 0);
    put(MMIO_QUEUE_DEVICE_LOW, base + DEVICE_AREA);
    put(MMIO_QUEUE_DEVICE_HIGH, 0);
    put(MMIO_QUEUE_READY, 1);
}

/* One descriptor, in the format of the ring: it is the last one, or one more follows. */
static void descriptor_put(unsigned queue, uint64_t address, uint32_t len_bytes, unsigned flags,
                           uint16_t id)
{
    struct lane *lane = &lanes[queue];
    uint16_t slot = packed ? lane->next : id;
    struct split_descriptor descriptor = {address, len_bytes, (uint16_t)flags,
                                          (uint16_t)(slot + 1)};
    if (packed) { /* the id is where the split ring has its flags */
        flags |= lane->wrap ? PACKED_DESCRIPTOR_AVAIL : PACKED_DESCRIPTOR_USED;
        descriptor.flags = id;
        descriptor.next = (uint16_t)flags;
        lane->next++;
        if (lane->next >= lane->size) {
            lane->next = 0;
            lane->wrap = !lane->wrap;
        }
    }
    memcpy(part(queue, slot % QUEUE_SIZE * (uint32_t)sizeof(descriptor)), &descriptor,
           sizeof(descriptor));
}

/* Makes a head available, which a packed ring's descriptors do by themselves. */
static void offer(unsigned queue, uint16_t head)
{
    struct lane *lane = &lanes[queue];
    if (packed)
        return;
    unsigned at = lane->size > 0 ? lane->next % lane->size : 0;
    uint32_t area = legacy ? 16u * lane->size : DRIVER_AREA;
    memcpy(part(queue, area + 4 + 2 * (at % QUEUE_SIZE)), &head, sizeof(head));
    lane->next++;
    memcpy(part(queue, area + 2), &lane->next, sizeof(lane->next));
}

static void header_put(uint32_t at, uint32_t type, uint64_t sector)
{
    struct virtio_blk_header header = {.type = type, .sector = sector};
    memcpy(ram + at, &header, sizeof(header));
}

/* A request as it should be: header, data, status. */
static void request_put(unsigned queue, uint32_t type, uint64_t sector, uint32_t len_bytes)
{
    bool reads = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
    header_put(DATA, type, sector);
    descriptor_put(queue, RAM_ADDRESS + DATA, sizeof(struct virtio_blk_header),
                   SPLIT_DESCRIPTOR_NEXT, 0);
    descriptor_put(queue, RAM_ADDRESS + DATA + 64, len_bytes,
                   SPLIT_DESCRIPTOR_NEXT | (reads ? SPLIT_DESCRIPTOR_WRITE : 0), 1);
    descriptor_put(queue, RAM_ADDRESS + DATA + 32, 1, SPLIT_DESCRIPTOR_WRITE, 2);
    offer(queue, 0);
}

/* ---- a driver that does anything ---- */

/* An address that is mostly in memory, now and then at its edges. */
static uint64_t any_address(void)
{
    switch (input_below(&input, 8)) {
    case 0:
        return input_word(&input);
    case 1:
        return RAM_ADDRESS + RAM_BYTES - input_below(&input, 64);
    default:
        return RAM_ADDRESS + input_below(&input, RAM_BYTES);
    }
}

static uint32_t any_len(void)
{
    switch (input_below(&input, 8)) {
    case 0:
        return (uint32_t)input_word(&input);
    case 1:
        return 512u * (1 + input_below(&input, 16));
    case 2:
        return 16u * (1 + input_below(&input, QUEUE_SIZE + 2));
    default:
        return input_below(&input, 2048);
    }
}

static void any_register(void)
{
    uint64_t offset = input_below(&input, 0x100) & ~3u;
    if (input_below(&input, 8) == 0)
        offset = input_below(&input, 4) == 0 ? input_word(&input) : input_below(&input, 0x200);
    unsigned width = input_below(&input, 8) == 0 ? 1u << input_below(&input, 4) : 4;
    uint64_t value = input_byte(&input);
    if (input_below(&input, 4) == 0)
        value = input_below(&input, 2) == 0 ? any_address() : input_word(&input);
    if (input_below(&input, 3) == 0)
        (void)vdev_mmio_read(&rig.mmio, offset, width);
    else
        vdev_mmio_write(&rig.mmio, offset, width, value);
}

static void any_pci_register(void)
{
    uint64_t offset = input_below(&input, PCI_COMMON_LEN_RESET + 4);
    unsigned width = 1u << input_below(&input, 4);
    uint32_t value = input_below(&input, 2) == 0 ? (uint32_t)any_address() : input_byte(&input);
    switch (input_below(&input, 8)) {
    case 0:
        (void)vdev_pci_isr_read(&rig.pci);
        break;
    case 1:
        vdev_pci_notify(&rig.pci, offset, width, value);
        break;
    case 2:
    case 3:
        (void)vdev_pci_common_read(&rig.pci, offset, width);
        break;
    default:
        vdev_pci_common_write(&rig.pci, offset, width, value);
    }
}

static void any_memory(void)
{
    uint32_t at = input_below(&input, RAM_BYTES - 64);
    for (unsigned len = input_below(&input, 17); len > 0; len--)
        ram[at++] = input_byte(&input);
}

static void any_queue(void)
{
    unsigned queue = input_below(&input, QUEUES);
    queue_set_up(queue, (uint16_t)(1 + input_below(&input, QUEUE_SIZE)));
}

static void any_descriptor(void)
{
    unsigned queue = input_below(&input, QUEUES);
    uint64_t address = any_address();
    uint32_t len_bytes = any_len();
    descriptor_put(queue, address, len_bytes, input_below(&input, 8),
                   (uint16_t)input_below(&input, QUEUE_SIZE + 1));
}

static void any_offer(void)
{
    unsigned queue = input_below(&input, QUEUES);
    offer(queue, (uint16_t)input_below(&input, QUEUE_SIZE + 1));
}

static void any_header(void)
{
    header_put(DATA + input_below(&input, 64), input_below(&input, 26),
               input_below(&input, 4) == 0 ? input_word(&input) : input_below(&input, SECTORS + 1));
}

/* Some ranges in the data's place; how long they are. */
static uint32_t any_ranges(void)
{
    uint32_t count = input_below(&input, 5);
    for (uint32_t i = 0; i < count; i++) {
        struct virtio_blk_range range = {
            .sector = input_below(&input, SECTORS + 1),
            .sectors = input_below(&input, SECTORS + 1),
            .flags = input_below(&input, 8) == 0 ? input_byte(&input) : input_below(&input, 2),
        };
        memcpy(ram + DATA + 64 + i * sizeof(range), &range, sizeof(range));
    }
    return count * (uint32_t)sizeof(struct virtio_blk_range);
}

static void any_request(void)
{
    static const uint8_t types[] = {0, 1, 4, 8, 11, 13, 14};
    unsigned queue = input_below(&input, QUEUES);
    uint32_t type = types[input_below(&input, sizeof(types))];
    uint64_t sector = input_below(&input, SECTORS + 1);
    bool ranges = type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES;
    request_put(queue, type, sector, ranges ? any_ranges() : any_len());
}

static void any_work(void)
{
    uint16_t queue = (uint16_t)input_below(&input, QUEUES + 1);
    unsigned budget = input_below(&input, 8);
    bool more = vdev_blk_work(&rig.blk, queue, budget);
    REQUIRE(!more || queue < rig.blk.device.queue_count);
}

static void check_chain(const struct vdev_chain *chain)
{
    uint64_t bytes[2] = {0, 0};
    REQUIRE(chain->readable + chain->writable <= chain->capacity);
    for (unsigned i = 0; i < chain->readable + chain->writable; i++) {
        const struct vdev_segment *segment = &chain->segments[i];
        bytes[i < chain->readable ? 0 : 1] += segment->len_bytes;
        if (segment->len_bytes == 0)
            continue;
        REQUIRE(segment->data >= ram && segment->data < ram + RAM_BYTES);
        REQUIRE(segment->len_bytes <= (size_t)(ram + RAM_BYTES - segment->data));
    }
    REQUIRE(bytes[0] == chain->readable_bytes && bytes[1] == chain->writable_bytes);
    REQUIRE(bytes[0] + bytes[1] <= (uint64_t)1 << 32);
}

/* Takes a request and answers it later, or never. */
static void any_hold(void)
{
    uint16_t queue = (uint16_t)input_below(&input, QUEUES);
    if (held_queue >= 0) {
        uint8_t status = vdev_blk_perform(&rig.blk, &held);
        vdev_blk_finish(&rig.blk, (uint16_t)held_queue, &held, status);
        vdev_publish(&rig.blk.device, (uint16_t)held_queue);
        held_queue = -1;
        return;
    }
    held.chain = (struct vdev_chain){.segments = held_segments, .capacity = QUEUE_SIZE};
    if (queue < rig.blk.device.queue_count && vdev_blk_take(&rig.blk, queue, &held) != 0) {
        check_chain(&held.chain);
        held_queue = queue;
    }
}

static void any_size(void)
{
    rig.store.bytes = (uint64_t)input_below(&input, SECTORS + 1) * VIRTIO_BLK_SECTOR;
    vdev_blk_resized(&rig.blk);
}

static void step(void)
{
    switch (input_below(&input, 16)) {
    case 0:
        negotiate(input_below(&input, 2) == 0 ? 0 : input_word(&input) & UINT32_MAX);
        break;
    case 1:
        any_queue();
        break;
    case 2:
        put(MMIO_STATUS, legacy ? 7 : 0xf);
        break;
    case 3:
        any_register();
        break;
    case 4:
        if (input_below(&input, 2) == 0)
            any_register();
        else
            any_pci_register();
        break;
    case 5:
        any_memory();
        break;
    case 6:
    case 7:
        any_descriptor();
        break;
    case 8:
        any_offer();
        break;
    case 9:
        any_header();
        break;
    case 10:
    case 11:
        any_request();
        break;
    case 12:
        put(MMIO_QUEUE_NOTIFY, input_below(&input, QUEUES));
        break;
    case 13:
        any_hold();
        break;
    case 14:
        if (input_below(&input, 4) == 0)
            vdev_mmio_write(&rig.mmio, MMIO_CONFIG + 32, 1, input_below(&input, 3));
        else if (input_below(&input, 4) == 0)
            any_size();
        rig.store_fails = input_below(&input, 4) == 0;
        break;
    default:
        any_work();
    }
}

/* ---- a life ---- */

static void device_make(void)
{
    static const uint32_t blocks[] = {512, 1024, 4096, 65536};
    const uint64_t common = vdev_common_features().mask & ~((uint64_t)1 << 33);
    struct vdev_blk_options options = {
        .queues = (uint16_t)(1 + input_below(&input, QUEUES)),
        .queue_size = (uint16_t)(1 + input_below(&input, QUEUE_SIZE)),
        .size_max = input_below(&input, 2048),
        .seg_max = input_below(&input, 8),
        .block_bytes = blocks[input_below(&input, 4)],
        .max_discard_sectors = input_below(&input, SECTORS),
        .max_discard_segments = input_below(&input, 4),
        .max_zeroes_sectors = input_below(&input, SECTORS),
        .max_zeroes_segments = input_below(&input, 4),
        .zeroes_may_unmap = input_below(&input, 2) == 0,
        .serial = SERIAL,
    };
    uint64_t wanted = input_below(&input, 2) == 0 ? UINT64_MAX : input_word(&input);
    options.features.mask = wanted & (common | 0x7e76);
    if (options.queues > 1)
        options.features = feature_with(options.features, VIRTIO_BLK_F_MQ);
    if (feature_has(options.features, VIRTIO_BLK_F_CONFIG_WCE))
        options.features = feature_with(options.features, VIRTIO_BLK_F_FLUSH);
    uint64_t len = vdev_blk_memory_len(&options);
    REQUIRE(len > 0 && len <= sizeof(memory));
    rig.host = (struct vdev_host){translate, notified, stopping, driver_error};
    rig.store = (struct vdev_store){sizeof(disk), store_read,    store_write,
                                    store_flush,  store_discard, store_zero};
    rig.store_fails = false;
    vdev_blk_init(&rig.blk, &options, &rig.host, &rig.store, memory);
    vdev_pci_init(&rig.pci, &rig.blk.device, &pci_hooks, QUEUES, rig.vectors);
    legacy = input_below(&input, 4) == 0;
    (legacy ? vdev_mmio_legacy_init : vdev_mmio_init)(&rig.mmio, &rig.blk.device, 1, line_changed);
    REQUIRE((rig.blk.device.offered.mask &
             ~(options.features.mask | (uint64_t)1 << (legacy ? 27 : 32))) == 0);
}

/* Whatever happened: after a reset it does a request. Chains of three need a queue of three. */
static void check_it_works(void)
{
    rig.store_fails = false;
    negotiate((uint64_t)3 << 1); /* without SIZE_MAX and SEG_MAX */
    REQUIRE(get(MMIO_STATUS) == (legacy ? 3 : 0xb));
    REQUIRE(get(MMIO_INTERRUPT_STATUS) == 0 && held_queue < 0);
    put(MMIO_QUEUE_SEL, 0);
    uint32_t size_max = get(MMIO_QUEUE_SIZE_MAX);
    uint16_t size = packed ? (uint16_t)size_max : size_max >= 16 ? 16 : size_max >= 4 ? 4 : 0;
    if (size < 3)
        return;
    queue_set_up(0, size);
    put(MMIO_STATUS, legacy ? 7 : 0xf);
    memset(ram + DATA, 0xff, 128);
    request_put(0, VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES);
    put(MMIO_QUEUE_NOTIFY, 0);
    REQUIRE(!vdev_blk_work(&rig.blk, 0, 4));
    REQUIRE(get(MMIO_STATUS) == (legacy ? 7 : 0xf));
    REQUIRE(get(MMIO_INTERRUPT_STATUS) == VIRTIO_INTERRUPT_RING);
    REQUIRE(ram[DATA + 32] == VIRTIO_BLK_S_OK);
    REQUIRE(memcmp(ram + DATA + 64, SERIAL, sizeof(SERIAL)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    input = (struct input){data, len};
    memset(ram, 0, sizeof(ram));
    memset(lanes, 0, sizeof(lanes));
    held_queue = -1;
    device_make();
    negotiate(0);
    for (unsigned i = 0; i < STEPS && input.len > 0; i++)
        step();
    check_it_works();
    return 0;
}
