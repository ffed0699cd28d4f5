/*
 * File servers. vfs is the client of each through a channel and never waits for one: who asks is a
 * coroutine. Unanswered questions are asked again of a server's next instance, under the same numbers.
 *
 * What a server answers is looked at once: it may be wrong, and what is in the shared memory may change
 * meanwhile.
 */
#include "vfs.h"

#include <string.h>

#define ENTRIES 64u

static struct server servers[SERVERS];
static uint64_t exchanges;

struct server *server_find(const char *type)
{
    for (unsigned i = 0; i < SERVERS; i++)
        if (servers[i].type[0] && strcmp(servers[i].type, type) == 0)
            return &servers[i];
    return NULL;
}

struct server *server_next(struct server *server)
{
    for (unsigned i = server ? (unsigned)(server - servers) + 1 : 0; i < SERVERS; i++)
        if (servers[i].type[0])
            return &servers[i];
    return NULL;
}

struct server *server_make(const char *type)
{
    struct server *known = server_find(type);

    if (known)
        return known;
    for (unsigned i = 0; i < SERVERS; i++) {
        struct server *server = &servers[i];
        if (server->type[0])
            continue;
        memcpy(server->type, type, strnlen(type, RS_NAME_LEN - 1));
        strcpy(server->service, service_noted(type));
        server->away_since_ticks = ticks_now();
        return server;
    }
    return NULL;
}

struct server *mount_server(const struct mount *mount)
{
    return server_make(mount->kept->type);
}

/* ---- asking ---- */

static void ask_end(struct server *server, struct ask *ask, int status)
{
    struct ask **at = &server->asks;

    while (*at != ask)
        at = &(*at)->next;
    *at = ask->next;
    if (ask->slot >= 0)
        server->slots_used &= ~(1u << ask->slot);
    ask->reply.type = (uint32_t)status;
    ask->answered = true;
    coro_wake(ask->asker);
}

static int slot_take(struct server *server)
{
    for (int i = 0; i < (int)FS_SLOTS; i++) {
        if (server->slots_used & 1u << i)
            continue;
        server->slots_used |= 1u << i;
        return i;
    }
    return -1;
}

static bool may_send(const struct server *server, const struct ask *ask)
{
    return ask->slot < 0 &&
           (server->state == SERVER_READY || (server->state == SERVER_COMES && ask->telling));
}

static void ask_send(struct server *server, struct ask *ask)
{
    struct message message = {.type = ask->type};
    int slot = server->slots ? slot_take(server) : -1;

    if (slot < 0)
        return; /* with the next answer there is one */
    ask->slot = slot;
    ask->sent_ticks = ticks_now();
    memcpy(message.word, ask->word, sizeof(message.word));
    message.word[0] = ask->word[0] = ++exchanges;
    message.word[3] = (uint64_t)slot;
    message.word[4] = ask->first_len | (uint64_t)ask->second_len << 32;
    struct fs_slot *shared = &server->slots[slot];
    shared->origin = ask->origin;
    shared->number = ask->number;
    if (ask->first_len)
        memcpy(shared->first, ask->first, ask->first_len);
    if (ask->second_len)
        memcpy(shared->second, ask->second, ask->second_len);
    /* There are more entries than slots: it is full only if the server lies, which shows later. */
    (void)channel_put(&server->channel.channel, &message);
    (void)peer_channel_publish(&server->channel);
}

static void asks_send(struct server *server)
{
    /* The list has the newest first. */
    for (;;) {
        struct ask *oldest = NULL;
        for (struct ask *ask = server->asks; ask; ask = ask->next)
            if (may_send(server, ask))
                oldest = ask;
        if (!oldest || server->slots_used == UINT32_MAX)
            break;
        ask_send(server, oldest);
    }
    if (server->channel.service != ENDPOINT_NONE)
        (void)peer_channel_ring(&server->channel);
}

static int status_of(const struct ask *ask)
{
    int status = message_status(&ask->reply);

    return status > 0 || status < -255 ? -ANOLE_EIO : status;
}

int server_ask(struct server *server, struct ask *ask)
{
    if (!server)
        return -ANOLE_ENODEV;
    ask->slot = -1;
    ask->answered = false;
    ask->asker = coro_current();
    ask->next = server->asks;
    server->asks = ask;
    asks_send(server);
    while (!ask->answered)
        coro_wait();
    return status_of(ask);
}

/* Everything is read out of the slot before anybody else can use it. */
static void answer_take(struct server *server, struct ask *ask, const struct message *reply)
{
    const struct fs_slot *slot = &server->slots[ask->slot];

    ask->reply = *reply;
    if (message_status(reply) == 0) {
        if (ask->first_room)
            memcpy(ask->first_out, slot->first, ask->first_room);
        if (ask->target && (reply->word[6] & 0xff) == FS_WALK_LINK)
            memcpy(ask->target, slot->second, FS_PATH_MAX);
    }
    ask_end(server, ask, message_status(reply));
}

static struct ask *ask_of(const struct server *server, uint64_t exchange)
{
    for (struct ask *ask = server->asks; ask; ask = ask->next)
        if (ask->slot >= 0 && ask->word[0] == exchange)
            return ask;
    return NULL;
}

/* ---- coming and going ---- */

static void server_leave(struct server *server)
{
    peer_channel_close(&server->channel);
    if (server->watch != HANDLE_NONE)
        (void)kcall_close(server->watch);
    server->watch = HANDLE_NONE;
    server->state = SERVER_AWAY;
    server->away_since_ticks = ticks_now();
    server->complained_ticks = 0;
    server->slots_used = 0;
    server->slots = NULL;
    /* tell() gives up; the others' are asked of the next instance. */
    for (struct ask *ask = server->asks, *next; ask; ask = next) {
        next = ask->next;
        ask->slot = -1;
        if (ask->telling)
            ask_end(server, ask, -ANOLE_EDEADENDPOINT);
    }
}

/* It finds the channel broken, too, and may come again. */
static void server_broke(struct server *server, const char *what)
{
    log_printf(LOG_ERROR, "the file server %s %s", server->service, what);
    peer_complain(server->process, RS_COMPLAINT_PROTOCOL, deadline_in_us(1000000));
    channel_shut(&server->channel.channel);
    (void)ipc_notify(server->process, server->channel.service_doorbell);
    server_leave(server);
}

void servers_notified(void)
{
    for (unsigned i = 0; i < SERVERS; i++)
        if (servers[i].state != SERVER_AWAY && !peer_alive(servers[i].process))
            server_leave(&servers[i]);
}

/* What a channel for `server` needs; nothing of it is left after an error. */
static int channel_make(struct server *server, endpoint_t process, handle_t doorbell,
                        struct message *answer)
{
    size_t slots = (channel_size(ENTRIES) + 63) & ~(size_t)63;
    int error = kcall_watch(process, BIT_SERVERS, &server->watch);

    if (error)
        server->watch = HANDLE_NONE;
    if (!error)
        error = peer_channel_open_with(&server->channel, process, ENTRIES, BIT_SERVERS,
                                       slots - channel_size(ENTRIES) +
                                           FS_SLOTS * sizeof(struct fs_slot));
    if (error) {
        server_leave(server);
        return error;
    }
    server->process = process;
    server->channel.service_doorbell = doorbell;
    server->slots = (struct fs_slot *)(void *)((char *)server->channel.memory + slots);
    server->state = SERVER_COMES;
    server->complained_ticks = 0;
    server->epoch++;
    answer->word[0] = server->channel.offer;
    answer->word[1] = server->channel.doorbell;
    answer->word[2] = ENTRIES;
    answer->word[3] = slots;
    return 0;
}

/* w0-1 type, w2 doorbell, w3-4 name of the service. */
int request_serve(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    char type[RS_NAME_LEN], service[RS_NAME_LEN];
    endpoint_t process, named;
    unsigned id;
    int error = kcall_endpoint_info(message->endpoint, &process, &id);

    if (error)
        return error;
    rs_name_unpack(type, message->word);
    rs_name_unpack(service, &message->word[3]);
    if (type[0] == '\0')
        return -ANOLE_EINVAL;
    if (service[0] == '\0' || name_lookup(service, &named) || named != process)
        return -ANOLE_EPERM;
    struct server *server = server_make(type);
    if (!server)
        return -ANOLE_ENOMEM;
    if (server->state != SERVER_AWAY && server->process != process && peer_alive(server->process))
        return -ANOLE_EEXIST;
    if (server->state != SERVER_AWAY)
        server_leave(server);
    memcpy(server->service, service, sizeof(service));
    service_note(server->type, service);
    error = channel_make(server, process, message->word[2], message);
    if (!error)
        error = coro_start(tell, server);
    if (error && server->state != SERVER_AWAY)
        server_leave(server);
    return error;
}

/* ---- the loop ---- */

static void server_step(struct server *server)
{
    struct message reply;
    int got = 1;

    while (server->state != SERVER_AWAY && got > 0) {
        got = channel_take(&server->channel.channel, &reply);
        struct ask *ask = got > 0 ? ask_of(server, reply.word[0]) : NULL;
        if (ask)
            answer_take(server, ask, &reply);
        else if (got > 0)
            got = -ANOLE_EPROTO;
        else if (got == 0)
            got = channel_arm(&server->channel.channel);
    }
    if (server->state != SERVER_AWAY && got < 0)
        server_broke(server, "answers what wasn't asked");
    if (server->state != SERVER_AWAY)
        asks_send(server);
}

void servers_step(void)
{
    for (unsigned i = 0; i < SERVERS; i++)
        server_step(&servers[i]);
}

/* ---- those that don't come, or don't answer ---- */

static uint64_t patience_of(const struct server *server)
{
    return server->state == SERVER_AWAY && server->asks
               ? server->away_since_ticks + ticks_from_us(SERVER_PATIENCE_US)
               : DEADLINE_NEVER;
}

/* Since when somebody has waited for it, or DEADLINE_NEVER. */
static uint64_t waited_since(const struct server *server)
{
    uint64_t since = DEADLINE_NEVER;

    if (server->state == SERVER_AWAY)
        return server->asks ? server->away_since_ticks : since;
    for (const struct ask *ask = server->asks; ask; ask = ask->next)
        if (ask->slot >= 0 && ask->sent_ticks < since)
            since = ask->sent_ticks;
    return since;
}

/* When RS is told that it doesn't answer: the kernel can't see that somebody waits at a channel. */
static uint64_t complaint_due(const struct server *server)
{
    uint64_t since = waited_since(server);

    if (since == DEADLINE_NEVER || server->service[0] == '\0')
        return DEADLINE_NEVER;
    uint64_t due = since + ticks_from_us(COMPLAIN_US);
    uint64_t again = server->complained_ticks + ticks_from_us(COMPLAIN_AGAIN_US);
    return server->complained_ticks != 0 && again > due ? again : due;
}

/* RS looks, and kills one that hangs. One that is at work answers its ping, and stays. */
static void complain(struct server *server)
{
    endpoint_t process = server->process;

    server->complained_ticks = ticks_now();
    if (server->state == SERVER_AWAY && name_lookup(server->service, &process))
        return; /* it is on its way, which RS itself sees to */
    peer_complain(process, RS_COMPLAINT_TIMEOUT, deadline_in_us(1000000));
}

uint64_t servers_deadline(void)
{
    uint64_t first = DEADLINE_NEVER;

    for (unsigned i = 0; i < SERVERS; i++) {
        uint64_t patience = patience_of(&servers[i]), due = complaint_due(&servers[i]);
        uint64_t sooner = patience < due ? patience : due;
        first = sooner < first ? sooner : first;
    }
    return first;
}

void servers_timeout(void)
{
    for (unsigned i = 0; i < SERVERS; i++) {
        while (servers[i].asks && patience_of(&servers[i]) <= ticks_now())
            ask_end(&servers[i], servers[i].asks, -ANOLE_EIO);
        if (complaint_due(&servers[i]) <= ticks_now())
            complain(&servers[i]);
    }
}
