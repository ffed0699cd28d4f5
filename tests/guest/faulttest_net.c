/*
 * The load of a network interface: a client, through libnet, whose frames a peer on the wire sends back
 * (tests/wire). A frame may get lost when a driver dies, and may come twice; the load sends it again
 * until its echo is there, as any protocol would. What comes must be what was sent.
 */
#include "faulttest.h"

#include <inttypes.h>
#include <libnet/client.h>
#include <stdio.h>
#include <string.h>

#define FRAMES 8u
#define SLOT_BYTES 2048u
#define BUFFERS                                                                                    \
    24u /* for a round's echoes, and some that come twice; few, for each is steps of a sweep */
#define TIMEOUT_US 1000000u /* after so long libnet complains about the driver */
#define PEER_US 2000000ul   /* for the first echoes, if there is a peer at all */
#define AGAIN_US 50000ul    /* a frame without an echo is sent again */
#define FINISH_US 15000000ul

/* A frame of the peer's language: EtherType 0x88b5, 'E' for an echo, and what is checked. */
struct echo {
    uint8_t to[NET_ADDRESS_BYTES], from[NET_ADDRESS_BYTES];
    uint8_t type[2];
    uint8_t kind, count;
    uint64_t generation;
    uint64_t slot;
    uint64_t word[];
};
static_assert(offsetof(struct echo, generation) == 16, "what is checked is aligned");

static const uint8_t peer_address[NET_ADDRESS_BYTES] = {2, 0, 0, 0, 0xaa, 1};

/* One frame of a round: its place in the pool stays as it is while the driver may have it. */
struct slot {
    bool sending; /* given to libnet, no NET_EVENT_SENT yet */
    bool echoed;
    uint64_t sent_ticks;
};

static struct net_client *client;
static char interface[RS_NAME_LEN];
static uint8_t *pool;
static struct slot slots[FRAMES];
static uint64_t generation;
static bool wrong; /* since the last net_finish() */

static bool complain(const char *what, int status)
{
    printf("FAIL load: %s: %s\n", what, anole_error_text(status));
    wrong = true;
    return false;
}

/* ---- data ---- */

/* From the shortest frame that makes sense to the longest, in whole words. */
static unsigned words_of(uint64_t slot)
{
    static const uint16_t words[FRAMES] = {8, 9, 32, 64, 100, 128, 180, 185};
    return words[slot];
}

static uint32_t bytes_of(uint64_t slot)
{
    return (uint32_t)(sizeof(struct echo) + words_of(slot) * sizeof(uint64_t));
}

static uint64_t expected_word(uint64_t of_generation, uint64_t slot, unsigned index)
{
    uint64_t word = of_generation * 0x9e3779b97f4a7c15u + slot * SLOT_BYTES + index;
    return (word ^ word >> 29) * 0xbf58476d1ce4e5b9u;
}

static struct echo *frame_of(uint64_t slot)
{
    return (struct echo *)(void *)(pool + slot * SLOT_BYTES);
}

static void fill(uint64_t slot)
{
    struct echo *frame = frame_of(slot);
    memcpy(frame->to, peer_address, sizeof frame->to);
    memcpy(frame->from, net_client_info(client)->address, sizeof frame->from);
    frame->type[0] = 0x88;
    frame->type[1] = 0xb5;
    frame->kind = 'E';
    frame->count = 1;
    frame->generation = generation;
    frame->slot = slot;
    for (unsigned i = 0; i < words_of(slot); i++)
        frame->word[i] = expected_word(generation, slot, i);
}

/* The first word of a frame that isn't what was sent, or -1. */
static int first_difference(const struct echo *frame)
{
    for (unsigned i = 0; i < words_of(frame->slot); i++)
        if (frame->word[i] != expected_word(frame->generation, frame->slot, i))
            return (int)i;
    return -1;
}

/* An echo, or something that isn't for us. An older one than of this round comes late, or twice. */
static void judge(const struct echo *frame, uint32_t bytes)
{
    if (bytes < sizeof *frame || frame->type[0] != 0x88 || frame->type[1] != 0xb5)
        return;
    if (frame->kind != 'E' || frame->slot >= FRAMES || frame->generation > generation ||
        bytes != bytes_of(frame->slot)) {
        printf("FAIL load: an echo of %u bytes that was never asked for\n", bytes);
        wrong = true;
        return;
    }
    int at = first_difference(frame);
    if (at >= 0) {
        printf("FAIL load: frame %" PRIu64 ", word %d: expected %#" PRIx64 ", found %#" PRIx64 "\n",
               frame->slot, at, expected_word(frame->generation, frame->slot, (unsigned)at),
               frame->word[at]);
        wrong = true;
    }
    if (frame->generation == generation)
        slots[frame->slot].echoed = true;
}

/* ---- frames ---- */

/* In one piece or, of every second one, in as many as need a vector. */
static void send(uint64_t slot)
{
    const uint8_t *at = (const uint8_t *)frame_of(slot);
    struct net_frame frame = {.tag = slot};
    uint32_t step = slot % 2 == 0 ? bytes_of(slot) : bytes_of(slot) / (NET_PIECES_INLINE + 1);
    for (uint32_t done = 0; done < bytes_of(slot); done += step) {
        uint32_t left = bytes_of(slot) - done;
        frame.piece[frame.piece_count] = at + done;
        frame.piece_bytes[frame.piece_count++] = left < step ? left : step;
    }
    int status = net_send(client, &frame);
    if (status != 0)
        complain("a frame is refused", status);
    slots[slot].sending = status == 0;
    slots[slot].sent_ticks = ticks_now();
}

static void take_frame(const struct net_event *event)
{
    static uint64_t whole[SLOT_BYTES / sizeof(uint64_t)];
    uint32_t at = 0;
    for (unsigned i = 0; i < event->part_count; i++) {
        const struct net_client_part *part = &event->part[i];
        if (part->bytes <= sizeof whole - at) {
            memcpy((uint8_t *)whole + at, part->data, part->bytes);
            at += part->bytes;
        }
        net_give_back(client, part->buffer);
    }
    judge((const struct echo *)(const void *)whole, at);
}

static void take(const struct net_event *event)
{
    if (event->kind == NET_EVENT_FRAME)
        take_frame(event);
    if (event->kind != NET_EVENT_SENT)
        return;
    if (event->status != 0)
        complain("a frame isn't sent", event->status);
    slots[event->tag].sending = false;
}

/* Waits for what happens next, and takes it. */
static void go_on(uint64_t deadline)
{
    struct net_event event;
    (void)net_wait(client, deadline); /* time-outs are the caller's */
    while (net_next(client, &event))
        take(&event);
}

/* Whether frames of the round have no echo yet, or are with the driver; those that are neither go out
 * again. */
static bool unfinished(void)
{
    bool some = false;
    for (uint64_t slot = 0; slot < FRAMES && !wrong; slot++) {
        if (slots[slot].echoed && !slots[slot].sending)
            continue;
        some = true;
        if (!slots[slot].sending && ticks_now() - slots[slot].sent_ticks > ticks_from_us(AGAIN_US))
            send(slot);
    }
    return some;
}

static bool net_submit(void)
{
    generation++;
    for (uint64_t slot = 0; slot < FRAMES && !wrong; slot++) {
        slots[slot].echoed = false;
        fill(slot);
        send(slot);
    }
    net_step(client);
    return !wrong;
}

/* Until all frames of the round have come back. */
static bool finish_within(uint64_t limit_us)
{
    uint64_t deadline = deadline_in_us(limit_us);
    bool late = false;
    while (!late && !wrong && unfinished()) {
        go_on(deadline_in_us(AGAIN_US));
        late = ticks_now() > deadline;
    }
    return !late;
}

static bool net_finish(void)
{
    bool in_time = finish_within(FINISH_US);
    if (!in_time)
        printf("FAIL load: frames never come back\n");
    bool right = in_time && !wrong;
    wrong = false;
    return right;
}

/* ---- opening ---- */

static enum load_state net_open_load(const char name[RS_NAME_LEN], bool write)
{
    const struct net_client_options options = {
        .notify_bit = BIT_LOAD, .timeout_us = TIMEOUT_US, .rx_buffers = BUFFERS};
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    struct net_client_stats stats = {0};
    size_t len;
    (void)write;
    int status = net_open(&client, name, &options);
    if (status == 0)
        status = net_mode(client, NET_MODE_UNICAST, NULL, 0);
    while (status == 0 && stats.epochs == 0) {
        if (ticks_now() > deadline)
            status = -ANOLE_ETIMEDOUT;
        go_on(deadline);
        net_client_stats(client, &stats);
    }
    if (status != 0) {
        complain(name, status);
        return LOAD_FAILED;
    }
    memcpy(interface, name, sizeof interface);
    pool = net_client_pool(client, &len);
    if (net_submit() && finish_within(PEER_US))
        return wrong ? LOAD_FAILED : LOAD_OPEN;
    printf("note no peer on the wire of %s echoes: there is no load\n", name);
    net_close(client);
    return LOAD_NONE;
}

static uint64_t net_sessions(void)
{
    struct net_client_stats stats;
    net_client_stats(client, &stats);
    return stats.epochs;
}

/* Whether no other process has a session, which a fault of a channel might hit instead of ours. */
static bool net_alone(void)
{
    static struct net_stats stats;
    handle_t grant;
    endpoint_t driver;
    if (name_lookup(interface, &driver) != 0 ||
        kcall_grant(driver, &stats, sizeof stats, GRANT_WRITE, &grant) != 0)
        return false;
    struct message message = {.word = {0, 0, grant}};
    int status = anole_call(driver, NET_STATS, &message, deadline_in_us(PATIENCE_US));
    (void)kcall_revoke(grant, -1); /* the driver copies: nothing is pinned */
    return status == 0 && stats.sessions_now == 1;
}

static bool net_close_load(void)
{
    net_close(client);
    return true;
}

const struct load load_net = {
    .device = "virtio,1@",
    .prefix = "eth",
    .writes_always = true,
    .open = net_open_load,
    .submit = net_submit,
    .finish = net_finish,
    .sessions = net_sessions,
    .alone = net_alone,
    .close = net_close_load,
};
