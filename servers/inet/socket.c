/*
 * The table of sockets. A socket belongs to one process, and so do connections that wait to be
 * accepted: to the one that listens. All that waits in its sockets, both ways, is bounded; a process
 * that has too much is held up until some of it has gone, and nobody else is.
 */
#include "inet.h"
#include <string.h>

#define INDEX_BITS 10u
static_assert(SOCKETS == 1u << INDEX_BITS, "a number is an index and a generation");

static struct socket sockets[SOCKETS];
static struct socket *free_first, *free_last;

/* Processes with sockets, how many, and what waits in them. */
struct owner {
    endpoint_t process; /* ENDPOINT_NONE: free */
    handle_t watch;
    unsigned sockets;
    uint32_t bytes;
    bool held_up;        /* a socket had no room ... */
    uint32_t held_up_at; /* ... when it had as many bytes, or fewer */
};
static struct owner owners[OWNERS];
static bool anyone_held_up;

static void free_append(struct socket *socket)
{
    socket->next = NULL;
    if (free_last)
        free_last->next = socket;
    else
        free_first = socket;
    free_last = socket;
}

void sockets_init(void)
{
    for (uint32_t i = 0; i < SOCKETS; i++) {
        sockets[i].number = i;
        sockets[i].owner = ENDPOINT_NONE;
        free_append(&sockets[i]);
    }
    for (unsigned i = 0; i < OWNERS; i++)
        owners[i].process = ENDPOINT_NONE;
}

/* ---- owners ---- */

static struct owner *owner_find(endpoint_t process)
{
    for (unsigned i = 0; i < OWNERS; i++)
        if (owners[i].process == process)
            return &owners[i];
    return NULL;
}

/* One more socket for that process, which is watched from its first one on. */
static int owner_charge(endpoint_t process)
{
    struct owner *owner = owner_find(process);

    if (!owner) {
        owner = owner_find(ENDPOINT_NONE);
        if (!owner)
            return -ANOLE_ENOMEM;
        int error = kcall_watch(process, BIT_OWNER_DIED, &owner->watch);
        if (error)
            return error;
        owner->process = process;
        owner->sockets = 0;
        owner->bytes = 0;
        owner->held_up = false;
    }
    if (owner->sockets >= SOCKETS_A_PROCESS)
        return -ANOLE_ENOMEM;
    owner->sockets++;
    return 0;
}

static void owner_release(endpoint_t process)
{
    struct owner *owner = owner_find(process);

    if (--owner->sockets == 0) {
        (void)kcall_close(owner->watch);
        owner->process = ENDPOINT_NONE;
    }
}

void socket_charge(struct socket *socket, uint32_t bytes)
{
    struct owner *owner = owner_find(socket->owner);

    owner->bytes += bytes - socket->charged;
    socket->charged = bytes;
}

uint32_t socket_room(const struct socket *socket)
{
    const struct owner *owner = owner_find(socket->owner);
    uint32_t left = owner->bytes < OWNER_BYTES_MAX ? OWNER_BYTES_MAX - owner->bytes : 0;

    return left > socket->charged ? left - socket->charged : 0;
}

bool socket_may_have(const struct socket *socket, uint32_t bytes)
{
    struct owner *owner = owner_find(socket->owner);

    if (bytes <= socket_room(socket))
        return true;
    if (!owner->held_up || owner->bytes > owner->held_up_at)
        owner->held_up_at = owner->bytes;
    owner->held_up = anyone_held_up = true;
    return false;
}

static void owner_relieve(struct owner *owner)
{
    owner->held_up = false;
    for (unsigned i = 0; i < SOCKETS; i++)
        if (sockets[i].type == SOCK_TYPE_STREAM && sockets[i].owner == owner->process)
            stream_serve(&sockets[i]);
}

void sockets_relieve(void)
{
    if (!anyone_held_up)
        return;
    anyone_held_up = false;
    for (unsigned i = 0; i < OWNERS; i++) {
        struct owner *owner = &owners[i];
        if (owner->process == ENDPOINT_NONE || !owner->held_up)
            continue;
        if (owner->bytes < owner->held_up_at)
            owner_relieve(owner);
        anyone_held_up |= owner->held_up;
    }
}

static void owner_bury(endpoint_t process)
{
    waiters_bury(process);
    /* Connections that nobody has accepted end with their listeners. */
    for (unsigned i = 0; i < SOCKETS; i++)
        if (sockets[i].type != 0 && sockets[i].owner == process && !sockets[i].listener)
            socket_close(&sockets[i]);
}

void sockets_bury(void)
{
    for (unsigned i = 0; i < OWNERS; i++)
        if (owners[i].process != ENDPOINT_NONE && !endpoint_is_alive(owners[i].process))
            owner_bury(owners[i].process);
}

/* ---- sockets ---- */

int socket_make(endpoint_t owner, uint8_t family, uint8_t type, struct socket **made)
{
    struct socket *socket = free_first;

    if (!socket)
        return -ANOLE_ENOMEM;
    int error = owner_charge(owner);
    if (error)
        return error;
    free_first = socket->next;
    if (!free_first)
        free_last = NULL;
    *socket = (struct socket){
        .owner = owner,
        .number = socket->number + SOCKETS, /* the next generation */
        .type = type,
        .family = family,
    };
    *made = socket;
    return 0;
}

struct socket *socket_of(endpoint_t process, uint32_t number)
{
    struct socket *socket = &sockets[number % SOCKETS];

    if (socket->type == 0 || socket->number != number || socket->owner != process)
        return NULL;
    return socket->listener ? NULL : socket;
}

struct socket *socket_next(struct socket *socket)
{
    for (socket = socket ? socket + 1 : sockets; socket < sockets + SOCKETS; socket++)
        if (socket->type != 0)
            return socket;
    return NULL;
}

void socket_close(struct socket *socket)
{
    for (unsigned what = 0; what < WAITS_KINDS; what++)
        waiters_end(socket, (enum waits_for)what, -ANOLE_ECANCELED);
    if (socket->type == SOCK_TYPE_STREAM)
        stream_close(socket);
    else
        datagram_close(socket);
    socket_charge(socket, 0);
    owner_release(socket->owner);
    socket->type = 0;
    socket->owner = ENDPOINT_NONE;
    free_append(socket);
}

uint32_t socket_events(const struct socket *socket)
{
    uint32_t events = socket->error ? SOCK_FAILED : 0;

    if (socket->type != SOCK_TYPE_STREAM)
        return events | (interfaces_full() ? 0 : SOCK_WRITABLE) |
               (socket->datagrams ? SOCK_READABLE : 0);
    if (socket->listening)
        return events | (socket->backlog ? SOCK_READABLE : 0);
    if (socket->received.bytes > 0 || socket->peer_done || socket->read_shut)
        events |= SOCK_READABLE;
    if (socket->connected && socket->tcp && tcp_sndbuf(socket->tcp) >= TCP_SNDLOWAT &&
        socket_may_have(socket, ROOM_TO_WRITE))
        events |= SOCK_WRITABLE;
    /* Neither operation would wait, if only because it fails. */
    if (!socket->tcp || socket->error)
        events |= SOCK_READABLE | SOCK_WRITABLE;
    return events;
}

void socket_changed(struct socket *socket)
{
    if (socket->poll_doorbell == HANDLE_NONE ||
        (socket_events(socket) & (socket->poll_events | SOCK_FAILED)) == 0)
        return;
    /* Who made the doorbell for us and took it back needs no ringing. */
    (void)ipc_notify(socket->owner, socket->poll_doorbell);
    socket->poll_doorbell = HANDLE_NONE;
}

int socket_error_take(struct socket *socket)
{
    int error = socket->error;

    socket->error = 0;
    return error;
}
