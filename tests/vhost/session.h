/*
 * One connection with QEMU: the vhost-user protocol, as far as QEMU's vhost-user-blk needs it.
 */
#ifndef VHOST_SESSION_H
#define VHOST_SESSION_H

#include "device.h"

struct session {
    int fd;
    int backend_fd; /* for what we tell QEMU; -1: none yet */
    bool telling;   /* of a change, which QEMU hasn't asked about yet */
    struct device *device;
};

void session_begin(struct session *session, int fd, struct device *device);
/* Takes one message. 0, or -1: the connection is over. */
int session_serve(struct session *session);
/* Tells QEMU of the next change of the configuration, if there is one. */
void session_tell(struct session *session);
/* Closes all that came by this connection. */
void session_end(struct session *session);

#endif
