/*
 * testkit: the other process, started through pm. It does what its parent asks for by messages.
 */
#include "testkit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MAX 8
#define PARENT_BIT 0 /* rings when the parent is dead */
#define SEGMENTS 256u

/* The child's state. */
static struct ipc_delivery held[HELD_MAX]; /* callers kept waiting, oldest first */
static unsigned held_count;
static _Alignas(PAGE_SIZE) unsigned char child_buffer[CHILD_BUFFER];
static unsigned char *mapped;
static size_t mapped_len;
static bool answered; /* the request at hand, or it is to be kept waiting */
static uint64_t rung; /* own bits that rang and weren't asked for yet */

/* ---- patterns ---- */

static uint64_t pattern_word(uint64_t seed, size_t index)
{
    uint64_t x = (seed + index + 1) * 0x9e3779b97f4a7c15ul;

    return x ^ (x >> 29);
}

void pattern_fill(void *buffer, size_t len, uint64_t seed)
{
    unsigned char *bytes = buffer;

    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)(pattern_word(seed, i / 8) >> (i % 8 * 8));
}

bool pattern_check(const void *buffer, size_t len, uint64_t seed)
{
    const unsigned char *bytes = buffer;

    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != (unsigned char)(pattern_word(seed, i / 8) >> (i % 8 * 8)))
            return false;
    }
    return true;
}

/* ---- what it does ---- */

static int do_echo(struct ipc_delivery *request)
{
    for (unsigned i = 0; i < MESSAGE_WORDS; i++)
        request->message.word[i]++;
    return 0;
}

static int do_status(struct ipc_delivery *request)
{
    return (int)(int64_t)request->message.word[0];
}

static int do_hold(struct ipc_delivery *request)
{
    if (held_count == HELD_MAX)
        return -ANOLE_ENOMEM;
    held[held_count++] = *request;
    answered = true;
    return 0;
}

static int do_release(struct ipc_delivery *request)
{
    unsigned which = request->message.word[0] == 1 ? 0 : held_count - 1;
    struct ipc_delivery *caller = &held[which];

    if (held_count == 0)
        return -ANOLE_ENOENT;
    caller->message.type = 0;
    int status = ipc_reply(&caller->message, caller->call_id);
    memmove(&held[which], &held[which + 1], (held_count - which - 1) * sizeof(held[0]));
    held_count--;
    return status;
}

static int do_exit(struct ipc_delivery *request)
{
    exit((int)request->message.word[0]);
}

static int do_fault(struct ipc_delivery *request)
{
    return (int)*(const volatile uint32_t *)request->message.word[0];
}

static int do_ring(struct ipc_delivery *request)
{
    int status = 0;

    for (uint64_t i = 0; i < request->message.word[1] && status == 0; i++)
        status = ipc_notify(request->message.endpoint, request->message.word[0]);
    return status;
}

static int do_call(struct ipc_delivery *request)
{
    uint64_t *word = request->message.word;
    struct message message = {.word = {word[3], word[4], word[5], word[6]}};

    int status = anole_call((endpoint_t)word[0], (uint32_t)word[1], &message,
                            deadline_in_us(word[2]));

    memcpy(word, message.word, sizeof(message.word));
    return status;
}

static int do_copy(struct ipc_delivery *request)
{
    const uint64_t *word = request->message.word;
    uint64_t grant = word[0], offset = word[1], len = word[2], direction = word[3], seed = word[4];

    if (len <= sizeof(child_buffer)) {
        if (direction == COPY_TO_GRANT)
            pattern_fill(child_buffer, len, seed);
        else
            memset(child_buffer, 0, len);
    }
    int status = kcall_copy(request->message.endpoint, grant, offset, child_buffer, len,
                            (unsigned)direction);
    if (status == 0 && direction == COPY_FROM_GRANT && !pattern_check(child_buffer, len, seed))
        status = -ANOLE_EPROTO;
    return status;
}

static int do_grant(struct ipc_delivery *request)
{
    uint64_t *word = request->message.word;

    if (word[0] > sizeof(child_buffer))
        return -ANOLE_ERANGE;
    pattern_fill(child_buffer, word[0], word[2]);
    return kcall_grant(request->message.endpoint, child_buffer, word[0], (unsigned)word[1],
                       &word[0]);
}

static int do_map(struct ipc_delivery *request)
{
    const uint64_t *word = request->message.word;
    void *address;
    int status = kcall_region_map(request->message.endpoint, word[0], word[1], word[2],
                                  (unsigned)word[3], &address);

    if (status == 0) {
        mapped = address;
        mapped_len = word[2];
    }
    return status;
}

static int do_peek(struct ipc_delivery *request)
{
    uint64_t *word = request->message.word;

    if (mapped_len < 8 || word[0] > mapped_len - 8)
        return -ANOLE_ERANGE;
    memcpy(&word[0], mapped + word[0], 8);
    return 0;
}

static int do_poke(struct ipc_delivery *request)
{
    const uint64_t *word = request->message.word;

    if (mapped_len < 8 || word[0] > mapped_len - 8)
        return -ANOLE_ERANGE;
    memcpy(mapped + word[0], &word[1], 8);
    return 0;
}

static int do_region(struct ipc_delivery *request)
{
    uint64_t *word = request->message.word;
    handle_t region;
    void *address;
    int status = kcall_region_create(word[0], 0, &region);

    if (status == 0)
        status = kcall_region_map(ENDPOINT_SELF, region, 0, word[0], PROT_READ_BIT | PROT_WRITE_BIT,
                                  &address);
    if (status != 0)
        return status;
    pattern_fill(address, word[0], word[2]);
    return kcall_region_offer(region, request->message.endpoint, (unsigned)word[1], &word[0]);
}

static int do_sleep(struct ipc_delivery *request)
{
    uint64_t us = request->message.word[0];

    request->message.type = 0;
    int status = ipc_reply(&request->message, request->call_id);
    if (status == 0)
        sleep_us(us);
    answered = true;
    return 0;
}

static int do_rights(struct ipc_delivery *request)
{
    uint32_t call = (uint32_t)request->message.word[0];
    struct message message;

    memset(&message, 0xff, sizeof(message));
    return kcall(call, &message);
}

static int do_doorbell(struct ipc_delivery *request)
{
    uint64_t bit = request->message.word[0];

    if (bit == PARENT_BIT)
        return -ANOLE_EINVAL;
    return kcall_doorbell(request->message.endpoint, (unsigned)bit, &request->message.word[0]);
}

static int do_rung(struct ipc_delivery *request)
{
    request->message.word[0] = rung;
    rung = 0;
    return 0;
}

static int do_unmap(struct ipc_delivery *request)
{
    (void)request;
    int status = kcall_unmap(mapped, mapped_len);
    if (status == 0)
        mapped_len = 0;
    return status;
}

static int do_copy_loop(struct ipc_delivery *request)
{
    uint64_t *word = request->message.word;
    uint64_t grant = word[0], times = word[3];
    int status = word[1] <= sizeof(child_buffer) ? 0 : -ANOLE_ERANGE;

    for (word[0] = 0; status == 0 && word[0] < times; word[0]++)
        status = kcall_copy(request->message.endpoint, grant, 0, child_buffer, word[1],
                            (unsigned)word[2]);
    return status;
}

static struct dma_segment segments[SEGMENTS];

static int do_dma_map(struct ipc_delivery *request)
{
    uint64_t *word = request->message.word;
    unsigned used;
    int status = kcall_dma_map(request->message.endpoint, word[0], word[1], word[2],
                               (unsigned)word[3], segments, SEGMENTS, &word[0], &used);

    if (status != 0)
        return status;
    word[1] = used;
    word[2] = segments[0].device_address;
    word[3] = 0;
    for (unsigned i = 0; i < used && i < SEGMENTS; i++)
        word[3] += segments[i].len_bytes;
    return 0;
}

static int do_dma_unmap(struct ipc_delivery *request)
{
    return kcall_dma_unmap(request->message.word[0]);
}

static int do_dma_loop(struct ipc_delivery *request)
{
    uint64_t *word = request->message.word;
    uint64_t grant = word[0], times = word[3];
    handle_t pin;
    unsigned used;
    int status = 0;

    for (word[0] = 0; status == 0 && word[0] < times; word[0]++) {
        status = kcall_dma_map(request->message.endpoint, grant, 0, word[1], (unsigned)word[2],
                               segments, SEGMENTS, &pin, &used);
        if (status == 0)
            status = kcall_dma_unmap(pin);
    }
    return status;
}

static int do_kcall(struct ipc_delivery *request)
{
    uint64_t *word = request->message.word;
    struct message message = {.word = {word[1], word[2], word[3], word[4], word[5], word[6]}};
    int status = kcall((uint32_t)word[0], &message);

    memcpy(word, message.word, sizeof(message.word));
    return status;
}

static int (*const handlers[])(struct ipc_delivery *) = {
    do_echo,  do_status,    do_hold,    do_release,   do_exit,     do_fault,
    do_ring,  do_call,      do_copy,    do_grant,     do_map,      do_peek,
    do_poke,  do_region,    do_sleep,   do_rights,    do_doorbell, do_rung,
    do_unmap, do_copy_loop, do_dma_map, do_dma_unmap, do_dma_loop, do_kcall,
};

#define HANDLERS (sizeof(handlers) / sizeof(handlers[0]))

int child_main(const char *parent)
{
    endpoint_t parent_endpoint = (endpoint_t)strtoul(parent, NULL, 10);
    struct ipc_delivery delivery;
    handle_t watch;

    /* A parent that is dead already has nobody left to serve. */
    if (kcall_watch(parent_endpoint, PARENT_BIT, &watch) != 0)
        return 1;
    for (;;) {
        if (ipc_receive(&delivery, NOTIFY_ALL, DEADLINE_NEVER, 0) != 0)
            return 1;
        if (delivery.message.endpoint == ENDPOINT_KERNEL) {
            if (delivery.message.word[0] & NOTIFY_BIT(PARENT_BIT))
                return 1;
            rung |= delivery.message.word[0];
            continue;
        }
        answered = false;
        uint32_t number = delivery.message.type - CHILD_ECHO;
        int status = number < HANDLERS ? handlers[number](&delivery) : -ANOLE_ENOSYS;
        if (answered)
            continue;
        delivery.message.type = (uint32_t)status;
        /* A caller that is gone meanwhile is what some of the tests are about. */
        (void)ipc_reply(&delivery.message, delivery.call_id);
    }
}

/* ---- the parent's side ---- */

endpoint_t child_start(void)
{
    char parent[12];
    const char *const argv[] = {test_name, "--child", parent, NULL};
    struct message message = {0};
    endpoint_t child = ENDPOINT_NONE;

    snprintf(parent, sizeof(parent), "%u", startup_page()->self);
    int status = program_spawn(argv, false, &child);
    if (status == 0)
        status = child_call(child, CHILD_ECHO, &message);
    if (status != 0) {
        EXPECT(status, 0);
        printf("a child can't be had: %s\n", anole_error_text(status));
        exit(1);
    }
    return child;
}

int child_call(endpoint_t child, enum child_request type, struct message *message)
{
    return anole_call(child, type, message, deadline_in_us(PATIENCE_US));
}

bool child_end(endpoint_t child)
{
    struct message message = {.word = {42}};
    enum death_cause cause = DEATH_NONE;
    uint64_t detail = 0;
    int status = child_call(child, CHILD_EXIT, &message);

    return EXPECT(status, -ANOLE_EDEADENDPOINT) &&
           EXPECT(program_wait(child, &cause, &detail), 0) && CHECK(cause == DEATH_EXIT) &&
           CHECK(detail == 42);
}
