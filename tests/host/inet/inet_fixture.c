#include "inet_fixture.h"

#include <libanole/service.h>
#include <lwip/init.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tests/host/fake_pages.h>

#define TICKS_A_MS 10000u
#define WATCHES 1024u

struct startup_page fake_startup_page;
struct info_page fake_info_page;
struct wire wires[2];
uint8_t client_buffer[128 * 1024];

static uint64_t now_ticks = 1000ul * TICKS_A_MS;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "inet: %s\n", what);
    abort();
}

/* ---- the kernel ---- */

uint64_t ticks_now(void)
{
    return now_ticks;
}

uint64_t ticks_to_us(uint64_t ticks)
{
    return ticks / (TICKS_A_MS / 1000);
}

uint64_t deadline_in_us(uint64_t microseconds)
{
    return now_ticks + microseconds * (TICKS_A_MS / 1000);
}

uint32_t sys_now(void)
{
    return (uint32_t)(now_ticks / TICKS_A_MS);
}

uint32_t inet_random(void)
{
    static uint32_t state = 1;

    state = state * 1664525u + 1013904223u;
    return state;
}

void log_printf(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

_Noreturn void panic(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fail(": panic");
}

/* ---- clients: the threads 2n and 2n + 1 are of one process ---- */

static struct {
    bool dead, waiting;
    struct ipc_delivery waits;
    bool answered;
    struct message reply;
} clients[CLIENTS];
static handle_t watches;

static endpoint_t endpoint_of(unsigned client)
{
    return (endpoint_t)(1000 + client);
}

int kcall_endpoint_info(endpoint_t endpoint, endpoint_t *process, unsigned *service_id)
{
    if (endpoint < 1000 || endpoint >= 1000 + CLIENTS || clients[endpoint - 1000].dead)
        return -ANOLE_EDEADENDPOINT;
    *process = endpoint & ~1u;
    *service_id = 27;
    return 0;
}

int kcall_watch(endpoint_t endpoint, unsigned bit, handle_t *handle)
{
    (void)endpoint;
    (void)bit;
    if (watches == WATCHES)
        return -ANOLE_ENOMEM;
    *handle = ++watches;
    return 0;
}

int kcall_close(handle_t handle)
{
    (void)handle;
    watches--;
    return 0;
}

/* Every grant reaches the one buffer. */
int kcall_copy(endpoint_t maker, handle_t grant, uint64_t offset, void *local, size_t len,
               unsigned direction)
{
    (void)maker;
    (void)grant;
    if (offset > sizeof(client_buffer) || len > sizeof(client_buffer) - offset)
        return -ANOLE_EFAULT;
    if (direction == COPY_TO_GRANT)
        memcpy(client_buffer + offset, local, len);
    else
        memcpy(local, client_buffer + offset, len);
    return 0;
}

int kcall_copy_vector(const struct copy_op *ops, unsigned count, unsigned *done)
{
    for (*done = 0; *done < count; (*done)++) {
        const struct copy_op *op = &ops[*done];
        int error = kcall_copy(op->maker, op->grant, op->offset,
                               (void *)(uintptr_t)op->local_address, op->len_bytes, op->direction);
        if (error)
            return error;
    }
    return 0;
}

int ipc_notify(endpoint_t maker, uint64_t doorbell)
{
    (void)maker;
    (void)doorbell;
    return 0;
}

/* RS, about who may. */
int anole_call(endpoint_t endpoint, uint32_t type, struct message *message, uint64_t deadline_ticks)
{
    (void)endpoint;
    (void)deadline_ticks;
    if (type != RS_MAY_CONTROL)
        fail("a call that isn't expected");
    return message->word[0] == endpoint_of(OPERATOR) ? 0 : -ANOLE_EPERM;
}

void service_reply(struct ipc_delivery *request, int status)
{
    unsigned client = request->message.endpoint - 1000;

    if (request->call_id != clients[client].waits.call_id)
        fail("an answer to a request that doesn't wait");
    clients[client].answered = true;
    clients[client].waiting = false;
    clients[client].reply = request->message;
    clients[client].reply.type = (uint32_t)status;
}

int client_ask(unsigned client, uint32_t type, struct message *message)
{
    static uint64_t call_id;
    struct ipc_delivery request = {.message = *message};
    unsigned i = 0;

    request.call_id = ++call_id;
    request.message.endpoint = endpoint_of(client);
    request.message.type = type;
    while (i < inet_entry_count && inet_entries[i].type != type)
        i++;
    if (i == inet_entry_count)
        return -ANOLE_ENOSYS;
    clients[client].answered = false;
    clients[client].waits = request;
    int status = inet_entries[i].handler(&request);
    *message = request.message;
    clients[client].waiting = status == SERVICE_NO_REPLY;
    return status;
}

int client_answer(unsigned client, struct message *reply)
{
    if (!clients[client].answered)
        return SERVICE_NO_REPLY;
    *reply = clients[client].reply;
    return message_status(reply);
}

bool client_waits(unsigned client)
{
    return clients[client].waiting;
}

void client_die(unsigned client)
{
    clients[client & ~1u].waiting = clients[client | 1u].waiting = false;
    clients[client & ~1u].dead = clients[client | 1u].dead = true;
    sockets_bury();
    clients[client & ~1u].dead = clients[client | 1u].dead = false;
}

/* ---- libnet ---- */

enum news {
    NEWS_UP = 1,
    NEWS_DOWN = 2,
    NEWS_LINK = 4,
};

struct frame_in {
    uint8_t *parts[NET_CLIENT_PARTS_MAX];
    uint32_t part_bytes[NET_CLIENT_PARTS_MAX];
    unsigned part_count;
    uint32_t bytes, flags;
};

struct net_client {
    struct wire *wire;
    struct net_client_options options;
    struct net_info info;
    uint8_t *pool;
    bool up, linked;
    uint32_t news;
    uint64_t tags[1024]; /* frames to be answered */
    unsigned tag_count, confirmed;
    uint8_t *buffers[1024]; /* that inet has */
    struct frame_in *in;
    struct net_client_stats stats;
};
static struct net_client *net_clients[2];

int net_open(struct net_client **client, const char *name, const struct net_client_options *options)
{
    unsigned number = (unsigned)(name[3] - '0');

    *client = net_clients[number] = calloc(1, sizeof(**client));
    (*client)->wire = &wires[number];
    (*client)->options = *options;
    (*client)->pool = malloc(options->pool_bytes);
    return 0;
}

void *net_client_pool(const struct net_client *client, size_t *len)
{
    *len = client->options.pool_bytes;
    return client->pool;
}

const struct net_info *net_client_info(const struct net_client *client)
{
    return &client->info;
}

void net_client_stats(const struct net_client *client, struct net_client_stats *stats)
{
    *stats = client->stats;
}

int net_mode(struct net_client *client, uint32_t flags,
             const uint8_t (*addresses)[NET_ADDRESS_BYTES], unsigned count)
{
    (void)client;
    (void)flags;
    (void)addresses;
    (void)count;
    return 0;
}

static void keep(struct wire *wire, const struct net_frame *frame)
{
    if (wire->sent_count == WIRE_KEPT) {
        struct wire_frame oldest = {0};
        (void)wire_take((unsigned)(wire - wires), &oldest);
        free(oldest.data);
    }
    struct wire_frame *kept = &wire->sent[(wire->first_sent + wire->sent_count) % WIRE_KEPT];
    *kept = (struct wire_frame){.flags = frame->flags, .offload = frame->offload};
    kept->data = malloc(WIRE_FRAME_MAX);
    for (unsigned i = 0; i < frame->piece_count; i++) {
        memcpy(kept->data + kept->len_bytes, frame->piece[i], frame->piece_bytes[i]);
        kept->len_bytes += frame->piece_bytes[i];
    }
    wire->sent_count++;
}

int net_send(struct net_client *client, const struct net_frame *frame)
{
    if (client->tag_count == client->options.tx_depth)
        return -ANOLE_EAGAIN;
    for (unsigned i = 0; i < frame->piece_count; i++)
        if ((const uint8_t *)frame->piece[i] < client->pool || frame->piece_bytes[i] == 0 ||
            (const uint8_t *)frame->piece[i] + frame->piece_bytes[i] >
                client->pool + client->options.pool_bytes)
            fail("a piece that isn't in the pool");
    client->tags[client->tag_count++] = frame->tag;
    client->wire->unanswered++;
    if (client->up)
        keep(client->wire, frame);
    return 0;
}

static bool next_confirmed(struct net_client *client, struct net_event *event)
{
    if (client->tag_count == 0 || (client->wire->holds && client->confirmed == 0) || !client->up)
        return false;
    *event = (struct net_event){.kind = NET_EVENT_SENT, .tag = client->tags[0]};
    client->confirmed -= client->confirmed > 0;
    client->wire->unanswered--;
    client->tag_count--;
    memmove(client->tags, client->tags + 1, client->tag_count * sizeof(client->tags[0]));
    return true;
}

static bool next_news(struct net_client *client, struct net_event *event)
{
    uint32_t news = client->news & -client->news;

    client->news &= ~news;
    *event = (struct net_event){
        .kind = news == NEWS_UP     ? NET_EVENT_UP
                : news == NEWS_DOWN ? NET_EVENT_DOWN
                                    : NET_EVENT_LINK,
        .link = client->linked ? NET_LINK_UP : 0,
    };
    return news != 0;
}

static bool next_frame(struct net_client *client, struct net_event *event)
{
    struct frame_in *in = client->in;
    uint16_t buffer = 0;

    if (!in)
        return false;
    client->in = NULL;
    *event = (struct net_event){
        .kind = NET_EVENT_FRAME,
        .flags = in->flags,
        .bytes = in->bytes,
        .part_count = in->part_count,
    };
    for (unsigned i = 0; i < in->part_count; i++) {
        while (client->buffers[buffer])
            buffer++;
        client->buffers[buffer] = in->parts[i];
        client->wire->handed_out++;
        event->part[i] = (struct net_client_part){
            .data = in->parts[i], .bytes = in->part_bytes[i], .buffer = buffer};
    }
    free(in);
    return true;
}

bool net_next(struct net_client *client, struct net_event *event)
{
    return next_news(client, event) || next_confirmed(client, event) || next_frame(client, event);
}

void net_give_back(struct net_client *client, uint16_t buffer)
{
    if (buffer >= client->options.rx_buffers || !client->buffers[buffer])
        fail("a buffer that isn't inet's is given back");
    free(client->buffers[buffer]);
    client->buffers[buffer] = NULL;
    client->wire->handed_out--;
}

void net_step(struct net_client *client)
{
    (void)client;
}

void net_notified(struct net_client *client, uint64_t bits)
{
    (void)client;
    (void)bits;
}

bool net_arm(struct net_client *client)
{
    return client->news != 0 || client->in ||
           (client->up && client->tag_count > 0 && (!client->wire->holds || client->confirmed > 0));
}

uint64_t net_deadline(const struct net_client *client)
{
    (void)client;
    return DEADLINE_NEVER;
}

/* ---- wires ---- */

void wire_driver(unsigned wire, bool up)
{
    struct net_client *client = net_clients[wire];

    client->up = up;
    client->linked = true;
    client->news |= up ? NEWS_UP : NEWS_DOWN;
    client->stats.epochs += up;
    if (up)
        client->info = wires[wire].info;
    inet_go();
}

void wire_link(unsigned wire, bool up)
{
    net_clients[wire]->linked = up;
    net_clients[wire]->news |= NEWS_LINK;
    inet_go();
}

bool wire_deliver(unsigned wire, const void *frame, size_t len, uint32_t flags)
{
    struct net_client *client = net_clients[wire];
    size_t part_max = wires[wire].part_bytes != 0 ? wires[wire].part_bytes : RX_BUFFER_BYTES;
    size_t at = 0;

    if (client->in || part_max * NET_CLIENT_PARTS_MAX < len ||
        wires[wire].handed_out + len / part_max >= client->options.rx_buffers)
        return false;
    struct frame_in *in = calloc(1, sizeof(*in));
    in->bytes = (uint32_t)len;
    in->flags = flags;
    do {
        size_t part = len - at < part_max ? len - at : part_max;
        in->parts[in->part_count] = malloc(part);
        memcpy(in->parts[in->part_count], (const uint8_t *)frame + at, part);
        in->part_bytes[in->part_count++] = (uint32_t)part;
        at += part;
    } while (at < len);
    client->in = in;
    inet_go();
    return true;
}

bool wire_take(unsigned wire, struct wire_frame *frame)
{
    struct wire *of = &wires[wire];

    if (of->sent_count == 0)
        return false;
    *frame = of->sent[of->first_sent];
    of->first_sent = (of->first_sent + 1) % WIRE_KEPT;
    of->sent_count--;
    return true;
}

void wire_clear(unsigned wire)
{
    struct wire_frame frame;

    while (wire_take(wire, &frame))
        free(frame.data);
}

void wire_confirm(unsigned wire)
{
    net_clients[wire]->confirmed = net_clients[wire]->tag_count;
    inet_go();
}

/* ---- the server's loop ---- */

void inet_go(void)
{
    do {
        sockets_relieve();
        netif_poll_all();
        intake_check();
    } while (interfaces_step());
}

void inet_pass(uint64_t ms)
{
    while (ms > 0) {
        uint64_t step = LWIP_MIN(ms, ms > 10000 ? 50u : 10u);
        now_ticks += step * TICKS_A_MS;
        ms -= step;
        resolve_timers(true);
        sys_check_timeouts();
        resolve_timers(false);
        waiters_expire();
        inet_go();
    }
}

void inet_begin(void)
{
    static const char *const arguments[] = {"eth0=10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3", "eth1"};

    sockets_init();
    waiters_init();
    lwip_init();
    for (unsigned i = 0; i < 2; i++) {
        wires[i].info = (struct net_info){
            .address = {0x52, 0x54, 0, 0, 0, (uint8_t)i}, .mtu_bytes = 1500, .link = NET_LINK_UP};
        if (interface_open(arguments[i]) != 0)
            fail("an interface can't be opened");
        wire_driver(i, true);
    }
}
