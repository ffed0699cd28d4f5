/*
 * The message: 64 bytes, the one unit of communication. It travels in the registers a0..a7 through
 * the kernel, or in memory through a channel; a handler can't tell which.
 */
#ifndef ANOLE_MESSAGE_H
#define ANOLE_MESSAGE_H

#include <anole/endpoint.h>
#include <assert.h>
#include <stdint.h>

#define MESSAGE_WORDS 7

struct message {
    endpoint_t endpoint; /* destination when sent, source when received (set by the kernel) */
    uint32_t type;       /* request type; in a reply the status: 0 or a negated error */
    uint64_t word[MESSAGE_WORDS];
};
static_assert(sizeof(struct message) == 64, "a message is 64 bytes");

/*
 * Types are (protocol << 8) | number, so that a message that goes to the wrong server is refused
 * there as unknown. Type 0 is a delivery of notifications: the source is KERNEL, word[0] the bits.
 */
#define MESSAGE_NOTIFICATIONS 0u
#define MESSAGE_TYPE(protocol, number) (((uint32_t)(protocol) << 8) | (uint32_t)(number))

enum message_protocol {
    PROTO_KERNEL = 0, /* kernel calls: include/anole/kcall.h */
    PROTO_COMMON = 1, /* what every service answers: include/proto/common.h */
    PROTO_RS = 2,
    PROTO_DEVMAN = 3,
    PROTO_PM = 4,
    PROTO_TTY = 5,
    PROTO_RTC = 6,
    PROTO_BLK = 7,
    PROTO_NET = 8,
    PROTO_FS = 9,
    PROTO_SOCK = 10,
    PROTO_RNG = 11,
    PROTO_VIRTIO = 12,
    PROTO_VFS = 13,
    PROTO_TEST = 15,
};

/* Status of a reply as a signed number. */
static inline int message_status(const struct message *message)
{
    return (int)(int32_t)message->type;
}

#endif
