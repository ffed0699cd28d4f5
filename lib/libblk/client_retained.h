/*
 * Retained writes: what was answered but isn't known to be durable, with a copy of its data, in the
 * order of the answers. Used by client_replay.c only; pure bookkeeping like that.
 *
 * Entries and copied bytes lie in two rings whose counters run freely. A flush remembers how far the
 * rings were filled when it was sent (struct retained_mark); its acknowledgement drops all before.
 * In a new epoch everything is sent again (retained_restart), in order, overlapping pieces never
 * together.
 */
#ifndef LIBBLK_CLIENT_RETAINED_H
#define LIBBLK_CLIENT_RETAINED_H

#include <libblk/client.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RETAINED_ENTRIES_MAX 2048u

enum retained_state {
    RETAINED_SENT, /* done in this epoch */
    RETAINED_TO_SEND,
    RETAINED_FLYING,
};

/* One piece of a write: its data doesn't wrap around the end of the copies' memory. */
struct retained_entry {
    enum blk_op op;
    uint32_t flags; /* BLK_UNMAP */
    uint64_t sector;
    size_t len_bytes;
    size_t data_offset; /* WRITE: in the copies' memory */
    uint64_t sent_ticks;
    uint32_t id; /* while FLYING */
    enum retained_state state;
};

struct retained {
    uint8_t *copies;     /* NULL: nothing is retained */
    size_t copies_bytes; /* a multiple of the logical block size */
    struct retained_entry *entries;
    uint32_t entries_max;
    uint64_t entry_head, entry_tail; /* oldest, next */
    uint64_t data_head, data_tail;
    uint32_t entries_reserved; /* for writes that are in flight */
    size_t data_reserved;
    uint64_t data_max; /* most bytes that there ever were */

    /* The start of an epoch. */
    uint64_t low;    /* entries before this one are SENT */
    uint64_t cursor; /* entries before this one are SENT or FLYING */
    uint32_t flying;
};

struct retained_mark {
    uint64_t entry, data;
};

/* copies may be NULL; it stays the caller's. 0, -ENOMEM. */
int retained_init(struct retained *retained, uint8_t *copies, size_t copies_bytes,
                  uint32_t entries_max);
void retained_free(struct retained *retained);

/* Sets room aside for a write that is about to be sent; false: there is none now. */
bool retained_reserve(struct retained *retained, enum blk_op op, size_t len_bytes);
/* Gives that room back: the write came to nothing, or is about to be appended. */
void retained_release(struct retained *retained, enum blk_op op, size_t len_bytes);
/* Could the write ever find room? */
bool retained_could_hold(const struct retained *retained, enum blk_op op, size_t len_bytes);
/* Copies an answered write; its room has just been released. data is NULL but for BLK_OP_WRITE. */
void retained_append(struct retained *retained, const struct blk_io *io, const uint8_t *data);
bool retained_overlaps(const struct retained *retained, uint64_t sector, size_t len_bytes);
/* Is so much held that a flush should make room soon? */
bool retained_filling(const struct retained *retained);

struct retained_mark retained_here(const struct retained *retained);
void retained_drop(struct retained *retained, struct retained_mark mark);

/* All is to be sent again. */
void retained_restart(struct retained *retained);
bool retained_catching_up(const struct retained *retained);
/* The next entry that may be sent now, or NULL; *index is what retained_sent() and _answered() take. */
const struct retained_entry *retained_next(struct retained *retained, uint32_t *index);
void retained_sent(struct retained *retained, uint32_t index, uint32_t id, uint64_t now_ticks);
/* Is that entry in flight under that id? */
bool retained_is_flying(const struct retained *retained, uint32_t index, uint32_t id);
/* again: the driver was too busy for it. */
void retained_answered(struct retained *retained, uint32_t index, bool again);
/* When the oldest one in flight was sent, UINT64_MAX if none is. */
uint64_t retained_oldest_sent(const struct retained *retained);

#endif
