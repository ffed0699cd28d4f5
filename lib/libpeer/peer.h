/*
 * A client's way to a service that may die: whether an instance lives, the channel that is made for
 * it, memory that it was given and must give back, and what RS is told about it.
 */
#ifndef LIBPEER_PEER_H
#define LIBPEER_PEER_H

#include <anole/endpoint.h>
#include <anole/handle.h>
#include <libchan/channel.h>
#include <proto/rs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool peer_alive(endpoint_t service);

/* The client's end of a channel to one instance. Handles are HANDLE_NONE while there is none. */
struct peer_channel {
    struct channel channel;
    endpoint_t service;
    void *memory;
    size_t len_bytes;
    handle_t region, offer, doorbell;
    handle_t service_doorbell; /* the service's, made for us: in its answer to ATTACH */
    bool ring_owed;            /* the service asked to be rung for what was published */
};

/* The smallest ring that holds that many messages. */
uint32_t peer_ring_entries(uint32_t messages);
/* Makes region, offer and a doorbell that rings bit; what was made before an error is there to be
 * closed. */
int peer_channel_open(struct peer_channel *channel, endpoint_t service, uint32_t entries,
                      unsigned bit);
/* The same with so many bytes more behind the rings, for what both share beside them. */
int peer_channel_open_with(struct peer_channel *channel, endpoint_t service, uint32_t entries,
                           unsigned bit, size_t more);
void peer_channel_close(struct peer_channel *channel);
/* Publishes what was put; the ring that this may ask for is owed. 0, or -EPROTO. */
int peer_channel_publish(struct peer_channel *channel);
/* Rings if that is owed: 0, or the service is dead. */
int peer_channel_ring(struct peer_channel *channel);

/* Takes a grant back; *grant is HANDLE_NONE then. -EBUSY: pages of it are pinned for a device; bit is
 * rung when they aren't any more. */
int peer_revoke(handle_t *grant, unsigned bit);

/* Tells RS, which judges; that it may refuse to listen changes nothing here. */
void peer_complain(endpoint_t service, enum rs_complaint complaint, uint64_t deadline_ticks);
/* Its first answer to us, for RS's log of phases. */
void peer_served(endpoint_t service, uint64_t deadline_ticks);

#endif
