/*
 * A frame on its way through the device: what virtio-net puts before it (virtio 1.4, 5.1.6), and what
 * a network does with frames whose checksum is not complete, or that are to be cut.
 */
#ifndef VHOST_NET_FRAME_H
#define VHOST_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MIN 14u
#define FRAME_MAX 65568u
#define ADDRESS_BYTES 6u

#define HDR_NEEDS_CSUM 1u
#define HDR_DATA_VALID 2u
#define HDR_GSO_TCPV4 1u
#define HDR_GSO_TCPV6 4u
#define HDR_GSO_ECN 0x80u

struct net_header {
    uint8_t flags, gso_type;
    uint16_t header_bytes, gso_bytes, csum_start, csum_offset, num_buffers;
};

struct frame {
    struct net_header header;
    bool lies; /* num_buffers is to be sent as it is */
    size_t len;
    uint8_t bytes[FRAME_MAX];
};

/* What is wrong with a frame that a driver sends, or NULL. */
const char *frame_wrong(const struct frame *frame);
/* Where the data behind its headers is (of TCP and UDP over IPv4 and IPv6, else behind Ethernet's); 0:
 * there is none. */
size_t frame_payload(const struct frame *frame);
/* Fills in the checksum that isn't complete. */
void frame_complete(struct frame *frame);
/* Cuts a segment that is longer than one into frames, complete, and gives each to `put`; one that isn't
 * to be cut, too. What put gets may be changed. */
void frame_cut(const struct frame *frame, void (*put)(void *context, struct frame *piece),
               void *context);

#endif
