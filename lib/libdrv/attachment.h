/*
 * A client's channel as its driver holds it: the region that was offered, mapped; a doorbell each way.
 */
#ifndef LIBDRV_ATTACHMENT_H
#define LIBDRV_ATTACHMENT_H

#include <anole/endpoint.h>
#include <anole/handle.h>
#include <libchan/channel.h>

struct attachment {
    struct channel channel;
    endpoint_t maker;      /* of the client's doorbell: the thread that attached */
    handle_t doorbell;     /* the client's, to be rung by us */
    handle_t own_doorbell; /* ours, given to the client */
    void *memory;
    size_t len_bytes;
};

/*
 * Maps a channel of that many entries that `process` offers and makes a doorbell for it, which rings
 * bit. attachment->maker and doorbell are as the client says. -EINVAL: entries, a region too small or
 * not writable; errors of REGION_MAP and DOORBELL, and then nothing is held.
 */
int attachment_open(struct attachment *attachment, endpoint_t process, handle_t offer,
                    uint64_t entries, unsigned bit);
void attachment_close(struct attachment *attachment);
/* How many messages may be taken while `waiting` are not answered yet, so that each reply will have its
 * place: -EPROTO, or a number. */
int attachment_budget(struct attachment *attachment, unsigned waiting);
/* Publishes what was put and rings if the client wants it: 0, or -EPROTO: it broke the rules. */
int attachment_publish(struct attachment *attachment);

#endif
