/* The block device: see device.h. */
#include "device.h"
#include "serve.h"
#include "virtio_blk.h"

#include <inttypes.h>
#include <libvirtio/feature_bits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE_MOVES_BY 64u /* sectors */

struct device_request {
    struct device_request *next;
    struct virtio_blk_header header;
    struct fault_subject subject;
    enum fate fate;
    bool undone;
    uint64_t due_ms;
    struct chain chain;
};

static struct device *device_of(const struct backend *backend)
{
    return (struct device *)(uintptr_t)backend; /* its first member */
}

/* ---- what a request says ---- */

/* The data segments' bytes; false: no header in front or no status byte behind. */
static bool request_shape(const struct chain *chain, uint64_t *data_bytes)
{
    unsigned count = chain_segments(chain);
    if (chain->buffer.readable == 0 || chain->buffer.writable == 0 ||
        chain->segment[0].len_bytes != sizeof(struct virtio_blk_header) ||
        chain->segment[count - 1].len_bytes != 1)
        return false;
    *data_bytes = chain->buffer.readable_bytes + chain->buffer.writable_bytes -
                  sizeof(struct virtio_blk_header) - 1;
    return true;
}

static bool request_read(const struct device *device, struct device_request *request)
{
    uint64_t bytes;
    if (!request_shape(&request->chain, &bytes))
        return false;
    memcpy(&request->header, request->chain.segment[0].data, sizeof request->header);
    bool moves = request->header.type == VIRTIO_BLK_T_IN ||
                 request->header.type == VIRTIO_BLK_T_OUT;
    request->subject = (struct fault_subject){
        .number = device->requests,
        .type = request->header.type,
        .sector = request->header.sector,
        .sectors = moves ? bytes / STORE_SECTOR : 0,
    };
    return true;
}

/* ---- doing it ---- */

/* Moves the data segments from or to the disk: status of virtio-blk, bytes that the driver gets. */
static uint8_t move_data(struct device *device, const struct device_request *request, bool to_disk,
                         uint32_t *written)
{
    const struct chain *chain = &request->chain;
    const uint64_t sector = request->header.sector;
    uint64_t offset = 0;
    uint64_t bytes;
    /* All data is to be read, or all to be written. */
    if (!request_shape(chain, &bytes) || !store_holds(&device->store, sector, bytes) ||
        (to_disk ? chain->buffer.writable : chain->buffer.readable) != 1)
        return VIRTIO_BLK_S_IOERR;
    for (unsigned i = 1; i + 1 < chain_segments(chain); i++) {
        const struct vdev_segment *segment = &chain->segment[i];
        if (segment->len_bytes == 0)
            continue;
        if (to_disk)
            store_write(&device->store, sector, offset, segment->data, segment->len_bytes);
        else
            store_read(&device->store, sector, offset, segment->data, segment->len_bytes);
        offset += segment->len_bytes;
    }
    if (!to_disk)
        *written += (uint32_t)bytes;
    /* Who doesn't know of flushes gets a disk that needs none. */
    if (to_disk && !feature_has(device->ring.features, VIRTIO_BLK_F_FLUSH) &&
        store_flush(&device->store) < 0)
        return VIRTIO_BLK_S_IOERR;
    return VIRTIO_BLK_S_OK;
}

/* Writes zeroes over the ranges of a DISCARD or WRITE_ZEROES. */
static uint8_t clear_ranges(struct device *device, const struct device_request *request)
{
    static const uint8_t zeroes[STORE_SECTOR];
    const struct vdev_segment *segment = &request->chain.segment[1];
    unsigned count = segment->len_bytes / (unsigned)sizeof(struct virtio_blk_range);
    if (request->chain.buffer.readable != 2 || count == 0)
        return VIRTIO_BLK_S_IOERR;
    for (unsigned i = 0; i < count; i++) {
        struct virtio_blk_range range;
        memcpy(&range, segment->data + i * sizeof range, sizeof range);
        if (!store_holds(&device->store, range.sector, (uint64_t)range.sectors * STORE_SECTOR))
            return VIRTIO_BLK_S_IOERR;
        for (uint64_t at = 0; at < range.sectors; at++)
            store_write(&device->store, range.sector + at, 0, zeroes, sizeof zeroes);
    }
    return VIRTIO_BLK_S_OK;
}

static uint8_t identify(const struct device_request *request, uint32_t *written)
{
    static const char id[VIRTIO_BLK_ID_BYTES] = "vhost_blk";
    const struct vdev_segment *segment = &request->chain.segment[1];
    if (request->chain.buffer.writable != 2 || segment->len_bytes != sizeof id)
        return VIRTIO_BLK_S_IOERR;
    memcpy(segment->data, id, sizeof id);
    *written += (uint32_t)sizeof id;
    return VIRTIO_BLK_S_OK;
}

/* written: by the device, without the status byte. */
static uint8_t perform(struct device *device, const struct device_request *request,
                       uint32_t *written)
{
    switch (request->header.type) {
    case VIRTIO_BLK_T_IN:
        return move_data(device, request, false, written);
    case VIRTIO_BLK_T_OUT:
        return move_data(device, request, true, written);
    case VIRTIO_BLK_T_FLUSH:
        return store_flush(&device->store) < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
    case VIRTIO_BLK_T_GET_ID:
        return identify(request, written);
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
        return clear_ranges(device, request);
    default:
        return VIRTIO_BLK_S_UNSUPP;
    }
}

/* What it would have written, had it done it. */
static uint32_t bytes_promised(const struct device_request *request)
{
    uint64_t bytes = 0;
    (void)request_shape(&request->chain, &bytes);
    return request->header.type == VIRTIO_BLK_T_IN ? (uint32_t)bytes : 0;
}

/* Does and answers a request. */
static void finish(struct device *device, const struct device_request *request)
{
    const struct chain *chain = &request->chain;
    uint32_t written = 0;
    uint8_t done = VIRTIO_BLK_S_OK;
    if (request->undone)
        written = bytes_promised(request);
    else
        done = perform(device, request, &written);
    struct answer_plan plan = {
        .status = done,
        .status_written = true,
        .ring = {.id = chain->buffer.id, .copies = 1, .interrupts = 1},
    };
    plan.ring.len = written + 1;
    faults_at_answer(&device->faults, &request->subject, &device->ring, &plan);
    if (plan.status_written)
        *chain->segment[chain_segments(chain) - 1].data = plan.status;
    /* The answer is shown after data and status: the barrier in publishing it. */
    ring_answer(&device->ring, chain, &plan.ring);
}

/* ---- what waits ---- */

static void hold(struct device *device, struct device_request *request)
{
    struct device_request **end = &device->held;
    while (*end)
        end = &(*end)->next;
    request->next = NULL;
    *end = request;
}

static void finish_late(struct device *device, const struct device_request *request)
{
    device->late++;
    printf("late: %s %" PRIu64 ", sector %" PRIu64 "\n",
           virtio_blk_type_name(request->subject.type), request->subject.number,
           request->subject.sector);
    finish(device, request);
}

/* Nobody asked this ring for it: the id of a request that its predecessor had. */
static void answer_stale(struct device *device, const struct device_request *request)
{
    const struct ring_answer answer = {
        .id = request->chain.buffer.id, .len = 1, .copies = 1, .interrupts = 1};
    printf("stale: id %" PRIu32 "\n", answer.id);
    ring_answer(&device->ring, NULL, &answer);
}

/* Whether a request's time has come. */
static bool is_due(const struct device_request *request, bool resetting, uint64_t now)
{
    switch (request->fate) {
    case FATE_LATE:
        return resetting || now >= request->due_ms;
    case FATE_AT_RESET:
        return resetting;
    default:
        return false;
    }
}

static void finish_due(struct device *device, bool resetting)
{
    struct device_request **at = &device->held;
    while (*at) {
        struct device_request *request = *at;
        if (!is_due(request, resetting, now_ms())) {
            at = &request->next;
            continue;
        }
        *at = request->next;
        finish_late(device, request);
        free(request);
    }
}

/* The first life after the one that the stale requests were made in: their time has come. */
static void finish_stale(struct device *device)
{
    struct device_request **at = &device->held;
    while (*at) {
        struct device_request *request = *at;
        if (request->fate != FATE_STALE || request->due_ms == device->resets) {
            at = &request->next;
            continue;
        }
        *at = request->next;
        answer_stale(device, request);
        free(request);
    }
}

/* ---- taking ---- */

static void plan_request(struct device *device, struct device_request *request)
{
    struct request_plan plan = {.fate = FATE_NOW};
    faults_at_request(&device->faults, &request->subject, &plan);
    device->backend.dying |= plan.die;
    device->backend.gone |= plan.gone;
    if (plan.scribble)
        ring_scribble(&device->ring, &request->chain);
    if (plan.capacity != 0) {
        device->identity.config.capacity = plan.capacity;
        device->config_changes++;
    }
    if (plan.config_storm != 0) {
        device->config_changes += plan.config_storm &
                                  ~(uint64_t)1; /* the last one ends as it was */
        device->size_moves = true;
    }
    request->undone = plan.undone;
    if (plan.pause_ms != 0)
        device->paused_until_ms = now_ms() + plan.pause_ms;
    request->fate = plan.fate;
    request->due_ms = plan.fate == FATE_STALE ? device->resets : now_ms() + plan.delay_ms;
}

/* Takes one request and settles its fate; false: there is none, or none that makes sense. */
static bool take(struct device *device)
{
    struct device_request *request = calloc(1, sizeof *request);
    if (!request || ring_take(&device->ring, &request->chain) != 1) {
        free(request);
        return false;
    }
    device->requests++;
    if (!request_read(device, request)) {
        printf("a request without header or status: ring given up\n");
        device->ring.queue.broken = true;
        free(request);
        return false;
    }
    plan_request(device, request);
    if (request->fate == FATE_NOW && !device->backend.dying)
        finish(device, request);
    if (request->fate == FATE_NOW || request->fate == FATE_NEVER || device->backend.dying)
        free(request);
    else
        hold(device, request);
    return true;
}

static void work(struct backend *backend)
{
    struct device *device = device_of(backend);
    if (!ring_runs(&device->ring) || now_ms() < device->paused_until_ms)
        return;
    finish_due(device, false);
    finish_stale(device);
    while (!device->backend.dying && now_ms() >= device->paused_until_ms && take(device))
        continue;
}

static uint64_t next_ms(const struct backend *backend)
{
    const struct device *device = device_of(backend);
    uint64_t next = UINT64_MAX;
    if (!ring_runs(&device->ring))
        return next;
    if (device->paused_until_ms > now_ms())
        return device->paused_until_ms;
    for (const struct device_request *request = device->held; request; request = request->next)
        if (request->fate == FATE_LATE && request->due_ms < next)
            next = request->due_ms;
    return next;
}

/* ---- the end of a life ---- */

static void lose_cache(struct device *device)
{
    uint64_t lost = store_drop(&device->store);
    device->lost += lost;
    printf("lost: %" PRIu64 " sectors\n", lost);
}

static void stopping(struct backend *backend, struct ring *ring)
{
    struct device *device = device_of(backend);
    struct reset_plan plan = {0};
    faults_at_reset(&device->faults, &plan);
    if (plan.delay_ms != 0)
        (void)usleep((useconds_t)(plan.delay_ms * 1000));
    device->paused_until_ms = 0;
    if (ring->queue.ring)
        finish_due(device, true);
    if (plan.drop_cache)
        lose_cache(device);
    device->resets++;
    printf("reset %" PRIu64 "\n", device->resets);
}

/* Its cache is lost when the machine was switched off, not when we died. */
static void left(struct backend *backend, bool died)
{
    struct device *device = device_of(backend);
    struct reset_plan plan = {0};
    if (!died)
        faults_at_reset(&device->faults, &plan);
    if (plan.drop_cache)
        device->lost += store_drop(&device->store);
    while (device->held) {
        struct device_request *request = device->held;
        device->held = request->next;
        free(request);
    }
    device->paused_until_ms = 0;
}

/* ---- what it says of itself ---- */

static void config(struct backend *backend, uint8_t space[CONFIG_MAX])
{
    struct device *device = device_of(backend);
    struct virtio_blk_config *fields = &device->identity.config;
    if (device->size_moves)
        fields->capacity ^= SIZE_MOVES_BY;
    memcpy(space, fields, sizeof *fields);
}

static bool config_changed(struct backend *backend)
{
    struct device *device = device_of(backend);
    if (device->config_changes == 0) {
        device->size_moves = false;
        return false;
    }
    device->config_changes--;
    return true;
}

static const struct backend_ops ops = {
    .work = work,
    .next_ms = next_ms,
    .stopping = stopping,
    .left = left,
    .config = config,
    .config_changed = config_changed,
};

void device_init(struct device *device)
{
    *device = (struct device){.backend = {.ops = &ops, .ring_count = 1}};
    device->backend.rings = &device->ring;
    identity_default(&device->identity);
    ring_init(&device->ring, &device->backend.memory);
}

void device_ready(struct device *device)
{
    identity_size(&device->identity, device->store.sectors);
    device->backend.features = device->identity.features;
}
