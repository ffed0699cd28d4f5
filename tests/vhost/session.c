/* The vhost-user protocol: see session.h. A message is header, payload and file descriptors. */
#include "session.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define VERSION 1u
#define VERSION_MASK 3u
#define FLAG_REPLY 4u
#define FLAG_NEED_REPLY 8u

#define F_PROTOCOL_FEATURES ((uint64_t)1 << 30)
#define PROTOCOL_MQ ((uint64_t)1 << 0)
#define PROTOCOL_REPLY_ACK ((uint64_t)1 << 3)
#define PROTOCOL_BACKEND_CHANNEL ((uint64_t)1 << 5)
#define PROTOCOL_CONFIG ((uint64_t)1 << 9)

#define NO_DESCRIPTOR 0x100u
#define BACKEND_CONFIG_CHANGED 2u /* request of ours to QEMU */

enum request_code {
    GET_FEATURES = 1,
    SET_FEATURES = 2,
    SET_OWNER = 3,
    SET_MEM_TABLE = 5,
    SET_VRING_NUM = 8,
    SET_VRING_ADDR = 9,
    SET_VRING_BASE = 10,
    GET_VRING_BASE = 11,
    SET_VRING_KICK = 12,
    SET_VRING_CALL = 13,
    SET_VRING_ERR = 14,
    GET_PROTOCOL_FEATURES = 15,
    SET_PROTOCOL_FEATURES = 16,
    GET_QUEUE_NUM = 17,
    SET_VRING_ENABLE = 18,
    SET_BACKEND_CHANNEL = 21,
    GET_CONFIG = 24,
};

struct header {
    uint32_t request, flags, size;
};

struct vring_state {
    uint32_t index, number;
};

struct vring_addresses {
    uint32_t index, flags;
    uint64_t descriptors, used, available, log;
};

struct memory_table {
    uint32_t count, padding;
    struct memory_region region[MEMORY_REGIONS_MAX];
};

struct config {
    uint32_t offset, size, flags;
    uint8_t bytes[CONFIG_MAX];
};

struct vhost_message {
    struct header header;
    union {
        uint64_t number;
        struct vring_state state;
        struct vring_addresses addresses;
        struct memory_table table;
        struct config config;
    } payload;
    int fds[MEMORY_REGIONS_MAX]; /* -1: not there, or taken over */
    unsigned fd_count;
};

/* ---- receiving and sending ---- */

static void take_descriptors(struct vhost_message *message, struct msghdr *from)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(from); part; part = CMSG_NXTHDR(from, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        message->fd_count = (unsigned)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(message->fds, CMSG_DATA(part), message->fd_count * sizeof(int));
    }
}

static int read_fully(int fd, void *to, size_t len)
{
    ssize_t got = len == 0 ? 0 : recv(fd, to, len, MSG_WAITALL);
    return got == (ssize_t)len ? 0 : -1;
}

static int receive(const struct session *session, struct vhost_message *message)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(MEMORY_REGIONS_MAX * sizeof(int))];
    } control;
    struct iovec into = {&message->header, sizeof message->header};
    struct msghdr from = {.msg_iov = &into,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(session->fd, &from, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    if (got >= 0)
        take_descriptors(message, &from);
    if (got != sizeof message->header || (message->header.flags & VERSION_MASK) != VERSION ||
        message->header.size > sizeof message->payload)
        return -1;
    return read_fully(session->fd, &message->payload, message->header.size);
}

static int reply(const struct session *session, struct vhost_message *message, size_t size)
{
    message->header.flags = VERSION | FLAG_REPLY;
    message->header.size = (uint32_t)size;
    /* On the wire the payload follows the header without a gap. */
    struct iovec from[] = {{&message->header, sizeof message->header}, {&message->payload, size}};
    const struct msghdr both = {.msg_iov = from, .msg_iovlen = 2};
    size_t len = sizeof message->header + size;
    return sendmsg(session->fd, &both, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

static int reply_number(const struct session *session, struct vhost_message *message,
                        uint64_t number)
{
    message->payload.number = number;
    return reply(session, message, sizeof number);
}

/* ---- the requests ---- */

static int get_features(struct session *session, struct vhost_message *message)
{
    return reply_number(session, message, session->backend->features.mask | F_PROTOCOL_FEATURES);
}

static int set_features(struct session *session, struct vhost_message *message)
{
    struct backend *backend = session->backend;
    for (unsigned i = 0; i < backend->ring_count; i++)
        backend->rings[i].features = (struct feature_set){message->payload.number};
    return 0;
}

static int get_protocol_features(struct session *session, struct vhost_message *message)
{
    uint64_t features = PROTOCOL_REPLY_ACK;
    if (session->backend->ops->config)
        features |= PROTOCOL_CONFIG | PROTOCOL_BACKEND_CHANNEL;
    if (session->backend->pairs > 0)
        features |= PROTOCOL_MQ;
    return reply_number(session, message, features);
}

static int get_queue_pairs(struct session *session, struct vhost_message *message)
{
    return reply_number(session, message, session->backend->pairs);
}

static int nothing(struct session *session, struct vhost_message *message)
{
    (void)session;
    (void)message;
    return 0;
}

static int set_memory(struct session *session, struct vhost_message *message)
{
    const struct memory_table *table = &message->payload.table;
    struct memory *memory = &session->backend->memory;
    memory_clear(memory);
    if (table->count > MEMORY_REGIONS_MAX || table->count != message->fd_count)
        return -1;
    for (unsigned i = 0; i < table->count; i++)
        if (memory_add(memory, &table->region[i], message->fds[i]) < 0)
            return -1;
    return 0;
}

/* The ring of that number, or NULL: there is none. */
static struct ring *ring_of(const struct session *session, uint64_t index)
{
    return index < session->backend->ring_count ? &session->backend->rings[index] : NULL;
}

static int set_size(struct session *session, struct vhost_message *message)
{
    struct ring *ring = ring_of(session, message->payload.state.index);
    if (!ring || message->payload.state.number > RING_SIZE_MAX)
        return -1;
    ring->queue.size = (uint16_t)message->payload.state.number;
    return 0;
}

static int set_base(struct session *session, struct vhost_message *message)
{
    struct ring *ring = ring_of(session, message->payload.state.index);
    if (!ring)
        return -1;
    ring->base = message->payload.state.number;
    return 0;
}

static int set_addresses(struct session *session, struct vhost_message *message)
{
    const struct vring_addresses *from = &message->payload.addresses;
    struct ring *ring = ring_of(session, from->index);
    if (!ring)
        return -1;
    ring->parts = (struct ring_addresses){
        .descriptors = from->descriptors, .available = from->available, .used = from->used};
    return ring_place(ring);
}

/* The ring stops: the driver has reset the device, or the machine stands still. */
static int get_base(struct session *session, struct vhost_message *message)
{
    struct backend *backend = session->backend;
    struct ring *ring = ring_of(session, message->payload.state.index);
    if (!ring)
        return -1;
    backend->ops->stopping(backend, ring);
    message->payload.state.number = ring_base(ring);
    ring_stop(ring);
    return reply(session, message, sizeof message->payload.state);
}

static int enable(struct session *session, struct vhost_message *message)
{
    struct ring *ring = ring_of(session, message->payload.state.index);
    if (!ring)
        return -1;
    ring->enabled = message->payload.state.number != 0;
    return 0;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* Takes the message's descriptor over, in place of the one before. */
static int replace(int *fd, struct vhost_message *message)
{
    close_one(fd);
    if (!(message->payload.number & NO_DESCRIPTOR) && message->fd_count > 0) {
        *fd = message->fds[0];
        message->fds[0] = -1;
    }
    return 0;
}

static int set_kick(struct session *session, struct vhost_message *message)
{
    struct ring *ring = ring_of(session, message->payload.number & 0xff);
    return ring ? replace(&ring->kick_fd, message) : -1;
}

static int set_call(struct session *session, struct vhost_message *message)
{
    struct ring *ring = ring_of(session, message->payload.number & 0xff);
    return ring ? replace(&ring->call_fd, message) : -1;
}

static int set_backend_channel(struct session *session, struct vhost_message *message)
{
    if (message->fd_count == 0)
        return -1;
    close_one(&session->backend_fd);
    session->backend_fd = message->fds[0];
    message->fds[0] = -1;
    return 0;
}

/* QEMU asks again after each change that it was told of, and tells the driver of those that it sees. */
static int get_config(struct session *session, struct vhost_message *message)
{
    struct backend *backend = session->backend;
    uint8_t space[CONFIG_MAX] = {0};
    struct config *config = &message->payload.config;
    if (!backend->ops->config || config->offset > CONFIG_MAX ||
        config->size > CONFIG_MAX - config->offset)
        return -1;
    backend->ops->config(backend, space);
    memcpy(config->bytes, space + config->offset, config->size);
    session->telling = false;
    return reply(session, message, offsetof(struct config, bytes) + config->size);
}

void session_tell(struct session *session)
{
    const struct header changed = {.request = BACKEND_CONFIG_CHANGED, .flags = VERSION};
    struct backend *backend = session->backend;
    if (session->telling || session->backend_fd < 0 || !backend->ops->config_changed ||
        !backend->ops->config_changed(backend))
        return;
    session->telling = true;
    if (send(session->backend_fd, &changed, sizeof changed, MSG_NOSIGNAL) < 0)
        printf("a change of the configuration can't be told\n");
}

static const struct {
    int (*handle)(struct session *session, struct vhost_message *message);
    bool replies; /* by itself */
} handlers[] = {
    [GET_FEATURES] = {get_features, true},
    [SET_FEATURES] = {set_features, false},
    [SET_OWNER] = {nothing, false},
    [SET_MEM_TABLE] = {set_memory, false},
    [SET_VRING_NUM] = {set_size, false},
    [SET_VRING_ADDR] = {set_addresses, false},
    [SET_VRING_BASE] = {set_base, false},
    [GET_VRING_BASE] = {get_base, true},
    [SET_VRING_KICK] = {set_kick, false},
    [SET_VRING_CALL] = {set_call, false},
    [SET_VRING_ERR] = {nothing, false},
    [GET_PROTOCOL_FEATURES] = {get_protocol_features, true},
    [SET_PROTOCOL_FEATURES] = {nothing, false},
    [GET_QUEUE_NUM] = {get_queue_pairs, true},
    [SET_VRING_ENABLE] = {enable, false},
    [SET_BACKEND_CHANNEL] = {set_backend_channel, false},
    [GET_CONFIG] = {get_config, true},
};
#define HANDLERS (sizeof handlers / sizeof handlers[0])

/* ---- the connection ---- */

void session_begin(struct session *session, int fd, struct backend *backend)
{
    *session = (struct session){.fd = fd, .backend_fd = -1, .backend = backend};
    for (unsigned i = 0; i < backend->ring_count; i++) {
        backend->rings[i].kick_fd = backend->rings[i].call_fd = -1;
        backend->rings[i].enabled = false;
    }
}

static int handle(struct session *session, struct vhost_message *message)
{
    uint32_t request = message->header.request;
    uint32_t flags = message->header.flags;
    if (request >= HANDLERS || !handlers[request].handle) {
        printf("request %u of vhost-user is not known here\n", request);
        return -1;
    }
    int status = handlers[request].handle(session, message);
    if (status < 0)
        printf("request %u of vhost-user makes no sense\n", request);
    if (status == 0 && !handlers[request].replies && (flags & FLAG_NEED_REPLY))
        status = reply_number(session, message, 0);
    return status;
}

int session_serve(struct session *session)
{
    struct vhost_message message = {0};
    int status = receive(session, &message);
    if (status == 0)
        status = handle(session, &message);
    for (unsigned i = 0; i < message.fd_count; i++)
        if (message.fds[i] >= 0)
            (void)close(message.fds[i]);
    return status;
}

void session_end(struct session *session)
{
    struct backend *backend = session->backend;
    bool died = backend->dying;
    printf("%s\n", died ? "died" : "disconnected");
    close_one(&session->fd);
    close_one(&session->backend_fd);
    backend->ops->left(backend, died);
    for (unsigned i = 0; i < backend->ring_count; i++) {
        close_one(&backend->rings[i].kick_fd);
        close_one(&backend->rings[i].call_fd);
        ring_stop(&backend->rings[i]);
    }
    memory_clear(&backend->memory);
    backend->dying = false;
}
