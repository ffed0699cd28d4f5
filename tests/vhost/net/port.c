/* One network device: see port.h. */
#include "port.h"

#include <inttypes.h>
#include <libvirtio/feature_bits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct waiting_frame {
    struct waiting_frame *next;
    unsigned pair;
    struct frame frame;
};

static struct port *port_of(const struct backend *backend)
{
    return (struct port *)(uintptr_t)backend; /* its first member */
}

bool port_has(const struct port *port, struct feature_bit feature)
{
    return feature_has(port->ring[0].features, feature);
}

/* Legacy drivers' headers without MRG_RXBUF lack num_buffers; others are all the same. */
static size_t header_len(const struct port *port)
{
    bool whole = port_has(port, VIRTIO_F_VERSION_1) || port_has(port, VIRTIO_NET_F_MRG_RXBUF);
    return whole ? sizeof(struct net_header) : offsetof(struct net_header, num_buffers);
}

/* ---- from the driver ---- */

/* Copies what the driver sends: false if it is longer than any frame. */
static bool gather(const struct chain *chain, size_t skip, struct frame *frame)
{
    uint8_t *header = (uint8_t *)&frame->header;
    size_t at = 0;
    frame->header = (struct net_header){0};
    frame->len = 0;
    for (unsigned i = 0; i < chain->buffer.readable; i++) {
        const struct vdev_segment *segment = &chain->segment[i];
        size_t of_header = at < skip ? skip - at : 0;
        of_header = of_header < segment->len_bytes ? of_header : segment->len_bytes;
        size_t rest = segment->len_bytes - of_header;
        if (rest > sizeof frame->bytes - frame->len)
            return false;
        if (of_header > 0)
            memcpy(header + at, segment->data, of_header);
        if (rest > 0)
            memcpy(frame->bytes + frame->len, segment->data + of_header, rest);
        at += of_header;
        frame->len += rest;
    }
    return at == skip;
}

static void take_sent(struct port *port, unsigned pair)
{
    static struct chain chain;
    static struct frame frame;
    struct ring *ring = &port->ring[2 * pair + 1];
    bool some = false;
    while (ring_runs(ring) && ring_take(ring, &chain) == 1) {
        const char *wrong = NULL;
        if (chain.buffer.writable > 0 || !gather(&chain, header_len(port), &frame))
            wrong = "a buffer that can't be a frame";
        ring_use(ring, &chain, 0);
        some = true;
        if (!wrong)
            wrong = frame_wrong(&frame);
        if (wrong) {
            printf("the driver sends %s\n", wrong);
            port->wrong++;
            continue;
        }
        port->frames[2 * pair + 1]++;
        port->sent(port, &frame, pair);
    }
    if (some)
        ring_show(ring);
}

/* ---- to the driver ---- */

/* Takes buffers until they hold so many bytes. 1: they do; 0: there aren't enough now; -1: no frame of
 * this driver's may be in so many. */
static int reserve(struct port *port, unsigned pair, size_t len, unsigned *count)
{
    struct taken *taken = &port->taken[pair];
    unsigned most = port_has(port, VIRTIO_NET_F_MRG_RXBUF) ? RING_SIZE_MAX : 1;
    uint64_t room = 0;
    *count = 0;
    while (room < len) {
        if (*count == most)
            return -1;
        if (*count == taken->count) {
            if (ring_take(&port->ring[2 * pair], &taken->chain[*count]) != 1)
                return 0;
            taken->count++;
        }
        room += taken->chain[(*count)++].buffer.writable_bytes;
    }
    return 1;
}

/* Bytes from `from` on into a chain; how many fitted. */
static size_t scatter(const struct chain *chain, const uint8_t *from, size_t len)
{
    size_t done = 0;
    for (unsigned i = 0; i < chain_segments(chain) && done < len; i++) {
        const struct vdev_segment *segment = &chain->segment[i];
        size_t part = segment->len_bytes < len - done ? segment->len_bytes : len - done;
        if (part > 0)
            memcpy(segment->data, from + done, part);
        done += part;
    }
    return done;
}

/* The first chains are the driver's again; the others move up. */
static void drop_taken(struct taken *taken, unsigned count)
{
    taken->count -= count;
    for (unsigned i = 0; i < taken->count; i++) {
        taken->chain[i] = taken->chain[i + count];
        taken->chain[i].buffer.segments = taken->chain[i].segment;
    }
}

/* False: there is no room now. A frame that never fits is lost. */
static bool put(struct port *port, const struct frame *frame, unsigned pair)
{
    static uint8_t whole[sizeof(struct net_header) + FRAME_MAX];
    struct ring *ring = &port->ring[2 * pair];
    struct taken *taken = &port->taken[pair];
    struct net_header header = frame->header;
    size_t len = header_len(port) + frame->len, done = 0;
    unsigned count;
    int there = reserve(port, pair, len, &count);
    port->lost += there < 0;
    if (there <= 0)
        return there < 0;
    header.num_buffers = frame->lies ? header.num_buffers : (uint16_t)count;
    memcpy(whole, &header, header_len(port));
    memcpy(whole + header_len(port), frame->bytes, frame->len);
    for (unsigned i = 0; i < count; i++) {
        size_t part = scatter(&taken->chain[i], whole + done, len - done);
        ring_use(ring, &taken->chain[i], (uint32_t)part);
        done += part;
    }
    drop_taken(taken, count);
    ring_show(ring);
    port->frames[2 * pair]++;
    return true;
}

/* The pair that a frame comes by: the one it is for, if that is in use. */
static unsigned pair_in_use(const struct port *port, unsigned pair)
{
    return ring_runs(&port->ring[2 * pair]) ? pair : 0;
}

static void put_waiting(struct port *port)
{
    while (port->waiting && ring_runs(&port->ring[0])) {
        struct waiting_frame *first = port->waiting;
        if (!put(port, &first->frame, pair_in_use(port, first->pair)))
            return;
        port->waiting = first->next;
        port->waiting_count--;
        if (!port->waiting)
            port->waiting_end = &port->waiting;
        free(first);
    }
}

void port_deliver(struct port *port, const struct frame *frame, unsigned pair)
{
    struct waiting_frame *last = port->waiting_count < WAITING_MAX ? malloc(sizeof *last) : NULL;
    if (!last) {
        port->lost++;
        return;
    }
    last->next = NULL;
    last->pair = pair;
    last->frame.header = frame->header;
    last->frame.lies = frame->lies;
    last->frame.len = frame->len;
    memcpy(last->frame.bytes, frame->bytes, frame->len);
    *port->waiting_end = last;
    port->waiting_end = &last->next;
    port->waiting_count++;
    put_waiting(port);
}

static void forget_waiting(struct port *port)
{
    while (port->waiting) {
        struct waiting_frame *first = port->waiting;
        port->waiting = first->next;
        free(first);
    }
    port->waiting_end = &port->waiting;
    port->waiting_count = 0;
}

/* ---- as a device ---- */

static void work(struct backend *backend)
{
    struct port *port = port_of(backend);
    put_waiting(port);
    for (unsigned pair = 0; pair < backend->pairs && !backend->dying; pair++)
        take_sent(port, pair);
}

static uint64_t next_ms(const struct backend *backend)
{
    (void)backend;
    return UINT64_MAX;
}

static void stopping(struct backend *backend, struct ring *ring)
{
    struct port *port = port_of(backend);
    unsigned number = (unsigned)(ring - port->ring);
    if (number % 2 == 0)
        port->taken[number / 2].count = 0;
    if (number == 0)
        forget_waiting(port);
}

static void left(struct backend *backend, bool died)
{
    struct port *port = port_of(backend);
    (void)died;
    port->connections++;
    for (unsigned pair = 0; pair < PAIRS_MAX; pair++)
        port->taken[pair].count = 0;
    forget_waiting(port);
}

static const struct backend_ops ops = {
    .work = work, .next_ms = next_ms, .stopping = stopping, .left = left};

int port_init(struct port *port, unsigned pairs, struct feature_set features,
              void (*sent)(struct port *port, struct frame *frame, unsigned pair))
{
    *port = (struct port){
        .backend = {.ops = &ops, .features = features, .pairs = pairs, .ring_count = 2 * pairs},
        .sent = sent,
    };
    port->backend.rings = port->ring;
    port->waiting_end = &port->waiting;
    for (unsigned pair = 0; pair < pairs; pair++) {
        ring_init(&port->ring[2 * pair], &port->backend.memory);
        ring_init(&port->ring[2 * pair + 1], &port->backend.memory);
        port->taken[pair].chain = calloc(RING_SIZE_MAX, sizeof *port->taken[pair].chain);
        if (!port->taken[pair].chain)
            return -1;
    }
    return 0;
}

void port_free(struct port *port)
{
    for (unsigned pair = 0; pair < PAIRS_MAX; pair++)
        free(port->taken[pair].chain);
}

void port_report(const struct port *port)
{
    printf("frames:");
    for (unsigned i = 0; i < port->backend.ring_count; i++)
        printf(" %" PRIu64, port->frames[i]);
    printf("; %" PRIu64 " lost, %" PRIu64 " wrong, %" PRIu64 " connections\n", port->lost,
           port->wrong, port->connections);
}
