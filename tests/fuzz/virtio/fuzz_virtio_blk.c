/*
 * The virtio block driver and libvirtio's driver side under a device that does anything: any
 * registers and any configuration space while it is brought up, and then a device that works, lies,
 * writes where it likes in memory that is shared with it, or doesn't answer. Whatever it does, each
 * request ends once at most, and nothing outside of that memory is touched.
 */
#include "../input.h"
#include "../require.h"
#include "used.h"

#include <anole/error.h>
#include <drivers/virtio_blk/disk.h>
#include <libanole/anole.h>
#include <libvirtio/device/blk.h>
#include <libvirtio/device/mmio.h>
#include <libvirtio/feature_bits.h>
#include <libvirtio/mmio_regs.h>
#include <setjmp.h>
#include <string.h>

#define STEPS 200u
#define BASE 0x10000000u
#define WINDOW 0x200u
#define PIECES 64u
#define DATA_PIECE_BYTES 4096u
#define ALLOCATIONS_MAX 32u
#define QUEUES 3u
#define QUEUE_SIZE 64u
#define SECTORS 64u

static struct input input;
static struct {
    struct virtio_platform platform;
    struct vdev_host host;
    struct vdev_store store;
    struct vdev_blk blk;
    struct vdev_mmio mmio;
    uint64_t now_us;
    bool noise;     /* registers read as anything */
    bool legacy;    /* there, a device of version 1 is claimed */
    unsigned lies;  /* one in so many register reads; 0: none */
    bool dma_fails; /* now and then */
} rig;
static uint8_t disk_data[SECTORS * VIRTIO_BLK_SECTOR];
static _Alignas(16) uint8_t device_memory[65536];

/* What was given to the driver for DMA: each with its own bounds. */
static struct allocation {
    uint8_t *memory;
    uint64_t address;
    size_t len;
} allocations[ALLOCATIONS_MAX];
static unsigned allocation_count;
static uint64_t next_address;

static struct disk driver;
static bool in_flight[PIECES];
static unsigned in_flight_count[BLK_QUEUES];
static unsigned queue_of[PIECES];
static uint64_t data_address;
static handle_t next_bell; /* a queue's number */
struct startup_page fake_startup_page;
static jmp_buf death;

/* ---- what the driver stands on ---- */

static uint32_t lie_32(void)
{
    static const uint32_t favourites[] = {0, 1, 2, MMIO_MAGIC, 0x7fffffff, UINT32_MAX, 512, 65536};
    unsigned which = input_below(&input, 16);
    return which < 8 ? favourites[which] : (uint32_t)input_word(&input);
}

static bool lies_now(void)
{
    return rig.noise || (rig.lies > 0 && input_below(&input, rig.lies) == 0);
}

static uint64_t access_read(uintptr_t address, unsigned width)
{
    REQUIRE(address >= BASE && address - BASE <= WINDOW - width);
    REQUIRE(width == 4 || address - BASE >= MMIO_CONFIG); /* MMIO-REG-04 */
    uint32_t offset = (uint32_t)(address - BASE);
    if (rig.noise && offset <= MMIO_DEVICE_ID && input_below(&input, 16) != 0)
        return offset == 0 ? MMIO_MAGIC : offset == MMIO_VERSION ? (rig.legacy ? 1u : 2u) : 2u;
    if (rig.noise && offset == MMIO_STATUS && input_below(&input, 4) != 0)
        return vdev_status(&rig.blk.device);
    if (lies_now())
        return lie_32();
    return vdev_mmio_read(&rig.mmio, offset, width);
}

static void access_write(uintptr_t address, unsigned width, uint64_t value)
{
    REQUIRE(address >= BASE && address - BASE <= WINDOW - width);
    vdev_mmio_write(&rig.mmio, address - BASE, width, value);
}

static uint8_t read8(struct virtio_platform *platform, uintptr_t address)
{
    (void)platform;
    return (uint8_t)access_read(address, 1);
}

static uint16_t read16(struct virtio_platform *platform, uintptr_t address)
{
    (void)platform;
    return (uint16_t)access_read(address, 2);
}

static uint32_t read32(struct virtio_platform *platform, uintptr_t address)
{
    (void)platform;
    return (uint32_t)access_read(address, 4);
}

static void write8(struct virtio_platform *platform, uintptr_t address, uint8_t value)
{
    (void)platform;
    access_write(address, 1, value);
}

static void write16(struct virtio_platform *platform, uintptr_t address, uint16_t value)
{
    (void)platform;
    access_write(address, 2, value);
}

static void write32(struct virtio_platform *platform, uintptr_t address, uint32_t value)
{
    (void)platform;
    access_write(address, 4, value);
}

static int dma_alloc(struct virtio_platform *platform, size_t len_bytes, struct dma_memory *memory)
{
    (void)platform;
    if (allocation_count == ALLOCATIONS_MAX || (rig.dma_fails && input_below(&input, 8) == 0))
        return -ANOLE_ENOMEM;
    struct allocation *allocation = &allocations[allocation_count++];
    size_t pages = (len_bytes + 4095) / 4096;
    *allocation = (struct allocation){
        .memory = aligned_alloc(4096, pages * 4096),
        .address = next_address,
        .len = len_bytes,
    };
    REQUIRE(allocation->memory != NULL);
    memset(allocation->memory, 0, pages * 4096);
    next_address += (pages + 1) * 4096;
    *memory = (struct dma_memory){allocation->memory, allocation->address, len_bytes};
    return 0;
}

static uint64_t now_us(struct virtio_platform *platform)
{
    (void)platform;
    return rig.now_us += 10;
}

static void wait_until(struct virtio_platform *platform, uint64_t deadline_us)
{
    (void)platform;
    if (rig.now_us < deadline_us)
        rig.now_us = deadline_us;
}

uint64_t ticks_now(void)
{
    return rig.now_us += 10;
}

uint64_t ticks_to_us(uint64_t ticks)
{
    return ticks;
}

void log_printf(enum log_level level, const char *format, ...)
{
    (void)level;
    REQUIRE(format[0] != '\0');
}

int ipc_notify(endpoint_t maker, uint64_t doorbell)
{
    (void)maker;
    REQUIRE(doorbell == driver.queue[doorbell]->bell);
    return 0;
}

int kcall_doorbell(endpoint_t peer, unsigned bit, handle_t *handle)
{
    (void)peer;
    REQUIRE(bit == DISK_RING_BIT);
    *handle = next_bell++;
    return 0;
}

int virtio_attach_queue(struct virtio_attached *attached, unsigned queue)
{
    (void)attached;
    (void)queue;
    abort(); /* there are no vectors here */
}

/* ---- what the driver answers to ---- */

void disk_die(struct disk *disk, enum disk_evidence evidence)
{
    REQUIRE(disk == &driver && evidence >= DISK_NEEDS_RESET && evidence <= DISK_STUCK);
    longjmp(death, 1);
}

void blk_server_done(struct blk_device *device, uint16_t token, int status)
{
    REQUIRE(token < PIECES && in_flight[token]);
    REQUIRE(device == &driver.queue[queue_of[token]]->blk);
    REQUIRE(status == 0 || status == -ANOLE_EIO || status == -ANOLE_ENOSYS);
    in_flight[token] = false;
    in_flight_count[queue_of[token]]--;
}

void blk_server_resized(struct blk_device *device, uint64_t capacity_sectors)
{
    REQUIRE(device == &driver.first.blk);
    device->capacity_sectors = capacity_sectors;
}

/* ---- the device, when it is honest ---- */

static void *translate(struct vdev_host *host, uint64_t address, uint64_t len_bytes, bool writable)
{
    REQUIRE(host == &rig.host);
    (void)writable;
    for (unsigned i = 0; i < allocation_count; i++) {
        const struct allocation *allocation = &allocations[i];
        if (address >= allocation->address && address - allocation->address <= allocation->len &&
            len_bytes <= allocation->len - (address - allocation->address))
            return allocation->memory + (address - allocation->address);
    }
    return NULL;
}

static void notified(struct vdev_host *host, struct vdev *device, uint16_t queue)
{
    REQUIRE(host == &rig.host && queue < device->queue_count);
}

static bool store_read(struct vdev_store *store, uint64_t offset, void *to, uint32_t len_bytes)
{
    memcpy(to, disk_data + offset, len_bytes);
    return store == &rig.store;
}

static bool store_write(struct vdev_store *store, uint64_t offset, const void *from,
                        uint32_t len_bytes)
{
    memcpy(disk_data + offset, from, len_bytes);
    return store == &rig.store;
}

static bool store_flush(struct vdev_store *store)
{
    return store == &rig.store;
}

static bool store_discard(struct vdev_store *store, uint64_t offset, uint64_t len_bytes)
{
    memset(disk_data + offset, 0, len_bytes);
    return store == &rig.store;
}

static bool store_zero(struct vdev_store *store, uint64_t offset, uint64_t len_bytes,
                       bool deallocate)
{
    (void)deallocate;
    return store_discard(store, offset, len_bytes);
}

static void line_changed(struct vdev_mmio *mmio)
{
    REQUIRE(mmio == &rig.mmio);
}

static uint32_t any_limit(uint32_t usual)
{
    return input_below(&input, 4) == 0 ? lie_32() : usual;
}

static void device_make(void)
{
    struct vdev_blk_options options = {
        .queues = (uint16_t)(1 + input_below(&input, QUEUES)),
        .queue_size = (uint16_t)(1 + input_below(&input, QUEUE_SIZE)),
        .size_max = any_limit(65536),
        .seg_max = any_limit(8),
        .block_bytes = 512u << input_below(&input, 5),
        .physical_block_exp = input_byte(&input),
        .opt_io_blocks = any_limit(8),
        .max_discard_sectors = any_limit(64),
        .max_discard_segments = any_limit(4),
        .max_zeroes_sectors = any_limit(64),
        .max_zeroes_segments = any_limit(4),
        .zeroes_may_unmap = true,
    };
    uint64_t refused = input_below(&input, 2) == 0 ? 0 : input_word(&input);
    options.features.mask = (vdev_common_features().mask | 0x7e76) & ~refused;
    options.features = feature_without(options.features, VIRTIO_F_ACCESS_PLATFORM);
    if (options.queues > 1)
        options.features = feature_with(options.features, VIRTIO_BLK_F_MQ);
    if (feature_has(options.features, VIRTIO_BLK_F_CONFIG_WCE))
        options.features = feature_with(options.features, VIRTIO_BLK_F_FLUSH);
    uint64_t len = vdev_blk_memory_len(&options);
    REQUIRE(len > 0 && len <= sizeof(device_memory));
    rig.platform = (struct virtio_platform){read8,   read16,    read32, write8,    write16,
                                            write32, dma_alloc, now_us, wait_until};
    rig.host = (struct vdev_host){translate, notified, NULL, NULL};
    rig.store = (struct vdev_store){sizeof(disk_data), store_read,    store_write,
                                    store_flush,       store_discard, store_zero};
    vdev_blk_init(&rig.blk, &options, &rig.host, &rig.store, device_memory);
    vdev_mmio_init(&rig.mmio, &rig.blk.device, 1, line_changed);
}

/* ---- requests ---- */

/* A piece as libblk makes them: within what the driver said of itself. */
static void submit(unsigned which)
{
    static const uint32_t types[] = {BLK_READ,    BLK_WRITE,        BLK_FLUSH,
                                     BLK_DISCARD, BLK_WRITE_ZEROES, BLK_IDENTIFY};
    struct blk_device *device = &driver.queue[which]->blk;
    const struct blk_device *first = &driver.first.blk;
    struct dma_segment segments[BLK_PIECE_SEGMENTS_MAX];
    struct blk_piece piece = {
        .type = types[input_below(&input, 6)],
        .token = (uint16_t)input_below(&input, PIECES),
        .sector = input_word(&input),
        .segments = segments,
    };
    if (in_flight[piece.token] || disk_ops.room(device) == 0)
        return;
    if (piece.type == BLK_READ || piece.type == BLK_WRITE || piece.type == BLK_IDENTIFY) {
        piece.segment_count = 1 + input_below(&input, first->max_segments);
        for (unsigned i = 0; i < piece.segment_count; i++) {
            uint32_t len = 1 + input_below(&input, 512);
            if (len > first->max_segment_bytes)
                len = first->max_segment_bytes;
            if (len == 0)
                return; /* libblk gives such a device up */
            segments[i] = (struct dma_segment){data_address + input_below(&input, 512), len};
            piece.bytes += len;
        }
    } else if (piece.type != BLK_FLUSH) {
        uint64_t most = piece.type == BLK_DISCARD ? first->max_discard_sectors
                                                  : first->max_zeroes_sectors;
        piece.bytes = most == 0 ? 0 : (1 + input_word(&input) % most) * BLK_SECTOR_SIZE;
        piece.unmap = input_below(&input, 2) == 0;
        if (piece.bytes == 0)
            return;
    }
    in_flight[piece.token] = true;
    queue_of[piece.token] = which;
    in_flight_count[which]++;
    disk_ops.submit(device, &piece);
}

/* ---- a device that does anything ---- */

static void scribble(void)
{
    const struct allocation *allocation = &allocations[input_below(&input, allocation_count)];
    size_t at = input_below(&input, 2048) % allocation->len;
    for (unsigned len = input_below(&input, 17); len > 0 && at < allocation->len; len--)
        allocation->memory[at++] = input_byte(&input);
}

static void answer_falsely(unsigned which)
{
    struct virtq *queue = &driver.queue[which]->queue;
    uint16_t id = (uint16_t)input_below(&input, queue->size + 2u);
    uint32_t len = input_below(&input, 4) == 0 ? lie_32() : input_below(&input, 1024);
    used_put(queue, id, len, input_below(&input, 8) == 0 ? input_byte(&input) : 0);
}

static void status_put(void)
{
    struct disk_queue *queue = driver.queue[input_below(&input, driver.queues)];
    unsigned slot = input_below(&input, driver.first.blk.max_in_flight);
    queue->memory[slot].status = (uint8_t)input_below(&input, 5);
}

static void config_scribble(void)
{
    uint8_t *config = (uint8_t *)&rig.blk.config;
    config[input_below(&input, VIRTIO_BLK_CONFIG_LEN)] = input_byte(&input);
    vdev_config_changed(&rig.blk.device);
}

/* ---- a life ---- */

static void step(void)
{
    unsigned which = input_below(&input, driver.queues);
    struct blk_device *device = &driver.queue[which]->blk;
    switch (input_below(&input, 14)) {
    case 0:
    case 1:
    case 2:
        submit(which);
        break;
    case 3:
        disk_ops.kick(device);
        break;
    case 4:
        disk_ops.reap(device);
        break;
    case 5:
        (void)disk_ops.arm(device, 1 + input_below(&input, PIECES));
        break;
    case 6:
        disk_ops.notified(device, NOTIFY_BIT(DISK_LINE_BIT));
        break;
    case 7:
        disk_ops.check(device);
        break;
    case 8:
        disk_ops.set_write_back(device, input_below(&input, 2) == 0);
        break;
    case 9:
        scribble();
        break;
    case 10:
        answer_falsely(which);
        break;
    case 11:
        status_put();
        break;
    case 12:
        config_scribble();
        break;
    default:
        (void)vdev_blk_work(&rig.blk, (uint16_t)which, 1 + input_below(&input, 8));
    }
    REQUIRE(disk_ops.room(device) + in_flight_count[which] == driver.first.blk.max_in_flight);
}

/* Whatever the device says of itself, this holds of a disk that was brought up. */
static void check_description(void)
{
    const struct blk_device *device = &driver.first.blk;
    REQUIRE(driver.queues >= 1 && driver.queues <= BLK_QUEUES);
    REQUIRE(device->max_segments >= 1 && device->max_segments <= BLK_PIECE_SEGMENTS_MAX);
    REQUIRE(device->max_segments <= DISK_TABLE_ENTRIES - DISK_CHAIN_EXTRA);
    REQUIRE(device->max_in_flight >= 1 && device->max_in_flight <= DISK_QUEUE_SIZE);
    for (unsigned i = 0; i < driver.queues; i++)
        REQUIRE(driver.queue[i]->memory != NULL && driver.queue[i]->disk == &driver);
}

static void live(void)
{
    struct virtio_mmio mmio;
    if (virtio_mmio_probe(&mmio, &rig.platform, BASE, WINDOW) != 0)
        return;
    if (disk_open(&driver, &mmio.transport, NULL, "vda", 1 + input_below(&input, 4)) < 0)
        return;
    check_description();
    for (unsigned i = 1; i < driver.queues; i++) {
        driver.queue[i]->blk = driver.first.blk; /* as libblk does */
        next_bell = i;
        REQUIRE(disk_ops.enter(&driver.queue[i]->blk) == 0);
    }
    if (setjmp(death) != 0)
        return;
    for (unsigned i = 0; i < STEPS && input.len > 0; i++)
        step();
    disk_ops.quiesce(&driver.first.blk);
}

/* What a process takes with it when it ends. */
static void bury(void)
{
    for (unsigned i = 1; i < BLK_QUEUES; i++)
        free(driver.queue[i]);
    for (unsigned i = 0; i < allocation_count; i++)
        free(allocations[i].memory);
    allocation_count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct dma_memory buffer = {0};
    input = (struct input){data, len};
    memset(in_flight, 0, sizeof(in_flight));
    memset(in_flight_count, 0, sizeof(in_flight_count));
    memset(driver.queue, 0, sizeof(driver.queue));
    memset(&rig, 0, sizeof(rig));
    next_address = 0x80000000u;
    device_make();
    REQUIRE(dma_alloc(&rig.platform, DATA_PIECE_BYTES, &buffer) == 0);
    data_address = buffer.device_address;
    rig.noise = input_below(&input, 4) == 0;
    rig.legacy = input_below(&input, 2) == 0;
    rig.lies = input_below(&input, 2) == 0 ? 0 : input_below(&input, 64);
    rig.dma_fails = input_below(&input, 4) == 0;
    live();
    bury();
    return 0;
}
