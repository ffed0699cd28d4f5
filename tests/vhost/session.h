/*
 * One connection with QEMU: the vhost-user protocol, as far as QEMU's vhost-user-blk and vhost-user-net
 * need it, on behalf of a device (struct backend).
 */
#ifndef VHOST_SESSION_H
#define VHOST_SESSION_H

#include "memory.h"
#include "ring.h"

#define CONFIG_MAX 256u

struct backend;

/* What a device does itself. */
struct backend_ops {
    /* Does all that is to be done now. */
    void (*work)(struct backend *backend);
    /* When there is more to be done though nobody kicks; UINT64_MAX: never. */
    uint64_t (*next_ms)(const struct backend *backend);
    /* The driver resets the device, or the machine stands still: the ring is about to forget all. */
    void (*stopping)(struct backend *backend, struct ring *ring);
    /* The connection is over (died: we have ended it): nothing is in flight any more. */
    void (*left)(struct backend *backend, bool died);
    /* Its configuration space. NULL: QEMU has its own. */
    void (*config)(struct backend *backend, uint8_t space[CONFIG_MAX]);
    /* Whether the driver is to be told of a change, which is told with that. */
    bool (*config_changed)(struct backend *backend);
};

struct backend {
    const struct backend_ops *ops;
    struct feature_set features; /* offered */
    struct memory memory;
    struct ring *rings;
    unsigned ring_count;
    unsigned pairs; /* of queues, of a network device; else 0 */
    bool dying;     /* is to disconnect */
    bool gone;      /* ... for good */
};

struct session {
    int fd;         /* -1: no connection */
    int backend_fd; /* for what we tell QEMU; -1: none yet */
    bool telling;   /* of a change, which QEMU hasn't asked about yet */
    struct backend *backend;
};

void session_begin(struct session *session, int fd, struct backend *backend);
/* Takes one message. 0, or -1: the connection is over. */
int session_serve(struct session *session);
/* Tells QEMU of the next change of the configuration, if there is one. */
void session_tell(struct session *session);
/* Closes all that came by this connection. */
void session_end(struct session *session);

#endif
