/*
 * The ring of the last messages that a service took, in its own memory: RS reads it from the corpse
 * (its address stands behind the fault gadgets, at boot_entry.inject + RECENT_POINTER_OFFSET).
 */
#ifndef LIBANOLE_RECENT_H
#define LIBANOLE_RECENT_H

#include <anole/bootimage.h>
#include <anole/message.h>
#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

#define RECENT_MAGIC 0x52454345u
#define RECENT_MESSAGES 16u
#define RECENT_WORDS 3u
#define RECENT_POINTER_OFFSET (INJECT_GADGETS * INJECT_GADGET_SIZE)

struct recent_message {
    endpoint_t source; /* ENDPOINT_KERNEL: notifications, word[0] has the bits */
    uint32_t type;
    uint64_t word[RECENT_WORDS]; /* the first ones of the message */
};
static_assert(sizeof(struct recent_message) == 32, "read from another process's memory");

struct recent_ring {
    uint32_t magic;
    uint32_t capacity;      /* RECENT_MESSAGES */
    _Atomic uint64_t count; /* of all that were ever recorded */
    struct recent_message message[RECENT_MESSAGES];
};
static_assert(sizeof(struct recent_ring) == 16 + RECENT_MESSAGES * 32, "likewise");

extern struct recent_ring anole_recent;

/* Records a message when it is received, before it is handled. */
void recent_record(const struct message *message);
/*
 * Copies the messages of a ring, oldest first: how many (at most RECENT_MESSAGES). The ring may
 * come from a corpse and hold anything: 0 if it is none.
 */
unsigned recent_read(const struct recent_ring *ring, struct recent_message out[RECENT_MESSAGES]);

#endif
