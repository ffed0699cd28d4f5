/*
 * The block device of lib/libvirtio/device against libvirtio's driver side, through registers and
 * rings: every kind of ring and size, requests cut into descriptors at random, and a byte-exact model
 * of the disk as the judge. Requests that must be refused are among them.
 */
#include "device_rig.h"
#include "fake_memory.h"

#include <anole/error.h>
#include <libvirtio/device.h>
#include <libvirtio/feature_bits.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS 512u
#define SECTOR 512u
#define JOBS 24u
#define DATA_MAX (16u * SECTOR)
#define PIECES 12u
#define QUEUES 4u

/* A request in flight: its own memory, and what must come of it. */
struct job {
    bool in_flight;
    unsigned char *out, *in, *table; /* what the device reads, what it writes */
    uint64_t out_address, in_address, table_address;
    uint32_t out_len, in_len;
    unsigned char expected[DATA_MAX + 1]; /* of in */
};

struct line {
    struct virtq queue;
    struct virtq_chain chains[1024];
    struct job jobs[JOBS];
    unsigned in_flight;
};

static struct life {
    struct rig rig;
    struct virtio_device device;
    struct random random;
    unsigned char mirror[SECTORS * SECTOR]; /* what the disk must hold */
    struct line line[QUEUES];
    unsigned lines;
    uint64_t done, refused;
} life;

static uint32_t below(uint32_t limit)
{
    return random_below(&life.random, limit);
}

/* ---- the driver ---- */

static void bring_up(const struct vdev_blk_options *options, uint16_t size)
{
    struct feature_rule rules[VIRTIO_FEATURES];
    unsigned count = 0;
    for (uint8_t bit = 0; bit < VIRTIO_FEATURES; bit++)
        rules[count++] = (struct feature_rule){FEATURE_BIT(bit), FEATURE_NEEDS_NOTHING, false};
    struct virtio_transport *transport = rig_probe(&life.rig);
    transport->barred = (struct feature_set){0};
    CHECK(virtio_device_open(&life.device, transport, rules, count) == 0);
    CHECK(life.device.features.mask == life.rig.blk.device.offered.mask);
    life.lines = options->queues;
    for (uint16_t i = 0; i < options->queues; i++) {
        struct line *line = &life.line[i];
        CHECK(virtio_device_queue(&life.device, &line->queue, i, size, line->chains) == 0);
        CHECK(line->queue.size == size);
    }
    CHECK(virtio_device_start(&life.device) == 0);
}

static void jobs_alloc(void)
{
    for (unsigned i = 0; i < life.lines * JOBS; i++) {
        struct job *job = &life.line[i / JOBS].jobs[i % JOBS];
        uint64_t address = fake_memory_address(DATA_MAX + 4096);
        *job = (struct job){
            .out = malloc(DATA_MAX + 64),
            .in = malloc(DATA_MAX + 1),
            .table = fake_memory_alloc(PIECES * VIRTQ_DESCRIPTOR_SIZE, &job->table_address),
            .table_address = job->table_address,
            .out_address = address,
            .in_address = fake_memory_address(DATA_MAX + 1),
        };
        fake_memory_add(job->out_address, job->out, DATA_MAX + 64, FAKE_READ);
        fake_memory_add(job->in_address, job->in, DATA_MAX + 1, FAKE_WRITE);
    }
}

static void jobs_free(void)
{
    for (unsigned i = 0; i < life.lines * JOBS; i++) {
        struct job *job = &life.line[i / JOBS].jobs[i % JOBS];
        free(job->out);
        free(job->in);
        *job = (struct job){0};
    }
}

/* Cuts len bytes into at most `most` pieces; how many. */
static unsigned cut(struct virtq_segment *segments, unsigned most, uint64_t address, uint32_t len)
{
    unsigned count = 0;
    while (len > 0) {
        uint32_t part = count + 1 == most || below(3) == 0 ? len : 1 + below(len);
        segments[count++] = (struct virtq_segment){address, part};
        address += part;
        len -= part;
    }
    return count;
}

static unsigned pieces_max(const struct line *line)
{
    return line->queue.size < PIECES ? line->queue.size : PIECES;
}

static void submit(struct line *line, struct job *job, bool with_table)
{
    struct virtq_segment segments[PIECES];
    unsigned most = pieces_max(line);
    unsigned readable = cut(segments, most - 1, job->out_address, job->out_len);
    unsigned writable = cut(segments + readable, most - readable, job->in_address, job->in_len);
    struct virtq_table table = {job->table, job->table_address, PIECES};
    memset(job->in, 0x5a, job->in_len);
    CHECK(virtq_add(&line->queue, segments, readable, writable, with_table ? &table : NULL,
                    (uint16_t)(job - line->jobs)) == 0);
    job->in_flight = true;
    line->in_flight++;
}

static void reap(struct line *line)
{
    struct virtq_used used;
    int rc;
    do {
        while ((rc = virtq_take(&line->queue, &used)) > 0) {
            CHECK(used.token < JOBS);
            struct job *job = &line->jobs[used.token];
            CHECK(job->in_flight && used.len_bytes == job->in_len);
            CHECK(memcmp(job->in, job->expected, job->in_len) == 0);
            job->in_flight = false;
            line->in_flight--;
            life.done++;
        }
        CHECK(rc == 0);
        rc = virtq_arm(&line->queue, (uint16_t)(1 + below(4)));
        CHECK(rc >= 0);
    } while (rc > 0);
}

/* ---- the judge ---- */

struct wish {
    uint32_t type;
    uint64_t sector;
    uint32_t bytes;
};

static bool has(struct feature_bit bit)
{
    return feature_has(life.rig.blk.device.offered, bit);
}

static uint32_t block_sectors(void)
{
    return has(VIRTIO_BLK_F_BLK_SIZE) ? life.rig.blk.config.blk_size / SECTOR : 1;
}

static bool on_disk(uint64_t sector, uint64_t sectors)
{
    return sector <= SECTORS && sectors <= SECTORS - sector && sector % block_sectors() == 0 &&
           sectors % block_sectors() == 0;
}

static struct wish wish_random(void)
{
    static const uint32_t types[] = {0, 0, 0, 0, 1, 1, 1, 1, 1, 4, 8, 11, 13, 13, 2, 14, 24, 77};
    struct wish wish = {.type = types[below(sizeof(types) / sizeof(types[0]))]};
    uint32_t blocks = DATA_MAX / SECTOR / block_sectors();
    wish.bytes = (1 + below(blocks)) * block_sectors() * SECTOR;
    wish.sector = below((SECTORS - wish.bytes / SECTOR) / block_sectors() + 1) * block_sectors();
    if (below(50) == 0)
        wish.sector = below(2) == 0 ? SECTORS - 1 + below(4) : random_next(&life.random);
    if (below(50) == 0)
        wish.bytes = below(DATA_MAX);
    return wish;
}

static uint8_t judge_ranges(uint32_t type, const struct virtio_blk_range *ranges, unsigned count)
{
    bool discard = type == 11;
    if (count == 0 || count > (discard ? 4 : 3))
        return 1;
    for (unsigned i = 0; i < count; i++) {
        if (ranges[i].flags > 1 || (discard && ranges[i].flags == 1))
            return 2;
        if (ranges[i].sectors > (discard ? 1000 : 500) ||
            !on_disk(ranges[i].sector, ranges[i].sectors))
            return 1;
    }
    for (unsigned i = 0; i < count; i++)
        memset(life.mirror + ranges[i].sector * SECTOR, 0, (size_t)ranges[i].sectors * SECTOR);
    return 0;
}

static uint8_t put_ranges(struct job *job, uint32_t type)
{
    struct virtio_blk_range ranges[6] = {0};
    unsigned count = below(20) == 0 ? below(6) : 1 + below(3);
    for (unsigned i = 0; i < count; i++) {
        ranges[i].sectors = below(8) * block_sectors();
        ranges[i].sector = below(SECTORS / block_sectors() - 8) * block_sectors();
        ranges[i].flags = type == 13 ? below(2) : 0;
        if (below(40) == 0)
            ranges[i].flags = below(4);
        if (below(40) == 0)
            ranges[i].sector = random_next(&life.random);
    }
    memcpy(job->out + 16, ranges, count * sizeof(ranges[0]));
    job->out_len += count * (uint32_t)sizeof(ranges[0]);
    return judge_ranges(type, ranges, count);
}

static uint8_t put_write(struct job *job, const struct wish *wish)
{
    for (unsigned i = 0; i < wish->bytes; i++)
        job->out[16 + i] = (unsigned char)(life.done * 7 + i * 3 + i / SECTOR);
    job->out_len += wish->bytes;
    if (has(VIRTIO_BLK_F_RO) || wish->bytes == 0 || wish->bytes % SECTOR != 0 ||
        !on_disk(wish->sector, wish->bytes / SECTOR))
        return 1;
    memcpy(life.mirror + wish->sector * SECTOR, job->out + 16, wish->bytes);
    return 0;
}

static uint8_t put_read(struct job *job, const struct wish *wish)
{
    job->in_len += wish->bytes;
    if (wish->bytes == 0 || wish->bytes % SECTOR != 0 ||
        !on_disk(wish->sector, wish->bytes / SECTOR))
        return 1;
    memcpy(job->expected, life.mirror + wish->sector * SECTOR, wish->bytes);
    return 0;
}

/* Lays the request out, and does to the mirror what the device must do to the disk: it takes requests
 * in the order of the ring. */
static void prepare(struct job *job, const struct wish *wish)
{
    struct virtio_blk_header header = {.type = wish->type, .sector = wish->sector};
    uint8_t status = 2;
    memcpy(job->out, &header, sizeof(header));
    job->out_len = sizeof(header);
    job->in_len = 1;
    memset(job->expected, 0, sizeof(job->expected));
    if (wish->type == 0)
        status = put_read(job, wish);
    else if (wish->type == 1)
        status = put_write(job, wish);
    else if (wish->type == 4)
        status = 0;
    else if (wish->type == 8) {
        job->in_len += 20;
        memcpy(job->expected, "SERIAL-OF-TWENTY-BYT", 20);
        status = 0;
    } else if (wish->type == 11 || wish->type == 13)
        status = put_ranges(job, wish->type);
    job->expected[job->in_len - 1] = status;
    life.refused += status != 0;
}

/* ---- lives ---- */

static void submit_some(struct line *line)
{
    for (unsigned n = below(6); n > 0; n--) {
        struct job *job = &line->jobs[below(JOBS)];
        bool with_table = virtq_has_indirect(&line->queue) && below(4) != 0;
        if (job->in_flight || line->queue.free_slots < (with_table ? 1 : pieces_max(line)))
            continue;
        struct wish wish = wish_random();
        prepare(job, &wish);
        submit(line, job, with_table);
    }
    CHECK(virtq_kick(&line->queue) >= 0);
}

/* False: there is no interrupt. */
static bool interrupted(void)
{
    unsigned causes = rig_interrupts(&life.rig);
    if (causes == 0)
        return false;
    CHECK(causes == VIRTIO_INTERRUPT_RING);
    for (unsigned i = 0; i < life.lines; i++)
        reap(&life.line[i]);
    return true;
}

static unsigned in_flight(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < life.lines; i++)
        count += life.line[i].in_flight;
    return count;
}

/* Nobody looks unasked: a notification or an interrupt that isn't sent leaves requests behind. */
static void drain(void)
{
    while (in_flight() > 0) {
        bool worked = life.rig.notified != 0;
        rig_work(&life.rig);
        CHECK(interrupted() || worked);
    }
}

static void live(enum rig_bus bus, const struct vdev_blk_options *options, uint16_t size,
                 uint64_t requests)
{
    fake_memory_reset();
    life = (struct life){.random = {0x9e3779b97f4a7c15u + size}};
    rig_init(&life.rig, bus, options, SECTORS);
    life.rig.expected_error = "a transfer of no blocks"; /* it asks for what isn't there */
    bring_up(options, size);
    jobs_alloc();
    for (unsigned i = 0; i < life.lines; i++)
        CHECK(virtq_arm(&life.line[i].queue, 1) == 0);
    while (life.done < requests) {
        unsigned first = below(options->queues);
        /* More than one queue: what is in flight in two of them has no order. */
        submit_some(&life.line[first]);
        if (life.lines > 1)
            drain();
        if (below(2) == 0)
            rig_work(&life.rig);
        if (below(2) == 0)
            (void)interrupted();
    }
    drain();
    CHECK(memcmp(life.mirror, life.rig.disk, sizeof(life.mirror)) == 0);
    CHECK(life.refused > requests / 100 && life.refused < requests / 2);
    CHECK(!virtio_device_needs_reset(&life.device));
    jobs_free();
    rig_free(&life.rig);
}

static struct vdev_blk_options options_with(struct feature_bit feature, bool wanted,
                                            struct vdev_blk_options options)
{
    options.features = wanted ? feature_with(options.features, feature)
                              : feature_without(options.features, feature);
    return options;
}

/* Rings of that size, with the features whose bits are set: EVENT_IDX, INDIRECT, IN_ORDER. */
static struct vdev_blk_options ring_options(bool packed, uint16_t size, unsigned features)
{
    struct vdev_blk_options options = rig_options();
    options.queue_size = size;
    options = options_with(VIRTIO_F_RING_PACKED, packed, options);
    options = options_with(VIRTIO_F_NOTIFICATION_DATA, packed, options);
    options = options_with(VIRTIO_F_EVENT_IDX, (features & 1) != 0, options);
    options = options_with(VIRTIO_F_INDIRECT_DESC, (features & 2) != 0, options);
    return options_with(VIRTIO_F_IN_ORDER, (features & 4) != 0, options);
}

static void split_rings(void **state)
{
    static const uint16_t sizes[] = {2, 4, 8, 64, 1024};
    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (unsigned features = 0; features < 8; features++) {
            struct vdev_blk_options options = ring_options(false, sizes[i], features);
            live(RIG_MMIO, &options, sizes[i], 6000);
        }
}

static void packed_rings(void **state)
{
    static const uint16_t sizes[] = {2, 3, 8, 61, 1000, 1024};
    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (unsigned features = 0; features < 8; features++) {
            struct vdev_blk_options options = ring_options(true, sizes[i], features);
            live(RIG_MMIO, &options, sizes[i], 6000);
        }
}

static void large_blocks(void **state)
{
    (void)state;
    struct vdev_blk_options options = ring_options(false, 256, 3);
    options.block_bytes = 4096;
    live(RIG_MMIO, &options, 256, 10000);
}

/* The driver takes less than the device has: no power of two here. */
static void part_of_a_queue(void **state)
{
    (void)state;
    struct vdev_blk_options options = ring_options(false, 100, 3);
    live(RIG_MMIO, &options, 64, 3000);
    live(RIG_MMIO, &options, 16, 3000);
}

static void four_queues(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 8; kind++) {
        struct vdev_blk_options options = ring_options(kind % 2 != 0, 16, 3);
        options.features = feature_with(options.features, VIRTIO_BLK_F_MQ);
        options.queues = QUEUES;
        live((enum rig_bus)(kind / 2), &options, 16, 5000);
    }
}

/* With vectors of their own, and with the line that they share. */
static void pci(void **state)
{
    (void)state;
    for (unsigned features = 0; features < 32; features++) {
        struct vdev_blk_options options = ring_options((features & 8) != 0, 32, features & 7);
        live((features & 16) != 0 ? RIG_PCI : RIG_PCI_MSIX, &options, 32, 5000);
    }
}

/* One block of pages, and features below 32: rings are split, whatever is asked for. */
static void legacy(void **state)
{
    static const uint16_t sizes[] = {2, 8, 256, 1024};
    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (unsigned features = 0; features < 4; features++) {
            struct vdev_blk_options options = ring_options(false, sizes[i], features);
            live(RIG_MMIO_LEGACY, &options, sizes[i], 5000);
        }
}

/* More requests than an index has values, twice. */
static void indices_wrap(void **state)
{
    (void)state;
    struct vdev_blk_options options = ring_options(false, 64, 3);
    live(RIG_MMIO, &options, 64, 140000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_rings),  cmocka_unit_test(packed_rings),
        cmocka_unit_test(large_blocks), cmocka_unit_test(part_of_a_queue),
        cmocka_unit_test(four_queues),  cmocka_unit_test(pci),
        cmocka_unit_test(legacy),       cmocka_unit_test(indices_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
