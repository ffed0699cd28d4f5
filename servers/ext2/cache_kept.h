/*
 * What of a block cache outlives the server, and how it is laid out in the kept memory:
 *
 *   header    what the memory is: written once, valid when its magic number is there
 *   record    of the newest transaction: the operation, its result, which slots become which blocks
 *   words     one a slot: FREE, or DIRTY with the number of the block that only this slot has
 *   entries   of the record
 *   results   of the newest operations
 *   slots     the blocks' bytes
 *
 * Everything but the slots changes in steps of 8 bytes, each of which leaves a state that the next
 * instance understands. A process dies between two instructions, and its stores up to there are
 * seen by whoever maps the memory afterwards, in the order in which it made them: the kernel's
 * locks, taken between a death and the next start, order them between harts. So only the compiler
 * must be kept from changing the order: kept_store has release semantics, and a slot's bytes are
 * stored before.
 *
 * The next instance trusts nothing here: words and results carry a check, numbers are checked
 * against their bounds, and what doesn't fit is -EPROTO. The blocks' bytes have no check: file
 * data is changed in place. What isn't DIRTY is read from the disk again, so only bytes that exist
 * nowhere else are taken from a dead server's hands.
 */
#ifndef EXT2_CACHE_KEPT_H
#define EXT2_CACHE_KEPT_H

#include <assert.h>
#include <libfs/server.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEPT_NO_SLOT UINT32_MAX
#define KEPT_BLOCKS_MAX ((uint64_t)1 << 48) /* what a word has room for */

/* Results of operations are kept by banks: who makes many pushes out those of its own bank only. */
#define KEPT_BANKS 16u
#define KEPT_BANK_RESULTS 256u

struct kept_header {
    uint64_t magic;
    uint64_t memory_len;
    uint32_t block_size;
    uint32_t slot_count;
    uint32_t entries_max;
    uint32_t reserved;
    char disk[16];
    uint64_t check;
};
static_assert(sizeof(struct kept_header) == 56, "layout of kept memory");

struct kept_entry {
    uint64_t block;
    uint32_t slot;     /* that holds its new bytes */
    uint32_t old_slot; /* that held it before, or KEPT_NO_SLOT */
};
static_assert(sizeof(struct kept_entry) == 16, "layout of kept memory");

/* True when committed == sequence and applied is one less: it is to be (re)done. */
struct kept_record {
    uint64_t sequence, origin, number, value;
    uint64_t result; /* an int */
    uint64_t count;  /* of entries */
    uint64_t check;  /* over these and the entries */
    uint64_t committed;
    uint64_t applied;
};
static_assert(sizeof(struct kept_record) == 72, "layout of kept memory");

struct kept_result {
    uint64_t sequence; /* 0: none */
    uint64_t origin, number, value;
    uint64_t result; /* an int */
    uint64_t check;
};
static_assert(sizeof(struct kept_result) == 48, "layout of kept memory");

/* One's view of it. */
struct kept {
    struct kept_header *header;
    struct kept_record *record;
    uint64_t *words;
    struct kept_entry *entries;
    struct kept_result *results; /* KEPT_BANKS times KEPT_BANK_RESULTS */
    uint8_t *slots;
    uint32_t block_size;
    uint32_t slot_count;
    uint32_t entries_max;
    uint16_t next[KEPT_BANKS]; /* which result of each bank is the oldest */
    bool redone; /* kept_open found a transaction that was committed and not carried out */
};

/* Makes an empty cache of whatever is there. memory is page-aligned; so are the slots. -EINVAL: too
 * little memory, or no such block size. */
int kept_create(struct kept *kept, void *memory, size_t len, const char *disk, uint32_t block_size);
/* Takes over what an earlier instance left, and redoes its last transaction if that was committed.
 * -ENOENT: there is none of that disk. -EPROTO: it can't be right; nothing is changed. */
int kept_open(struct kept *kept, void *memory, size_t len, const char *disk);
/* The block size of what kept_open would find, 0: nothing. */
uint32_t kept_found(const void *memory, size_t len, const char *disk);
/* There is no cache here any more. */
void kept_close(struct kept *kept);

/* Which block only that slot has: false: none. */
bool kept_dirty(const struct kept *kept, uint32_t slot, uint64_t *block);
void kept_set_dirty(struct kept *kept, uint32_t slot, uint64_t block);
void kept_set_free(struct kept *kept, uint32_t slot);

/* The point of no return of a transaction, whose entries have been filled in; then kept_apply makes
 * the words as it says and files the result. */
void kept_commit(struct kept *kept, struct fs_operation operation, int result, uint64_t value,
                 uint32_t count);
void kept_apply(struct kept *kept);
bool kept_result(const struct kept *kept, struct fs_operation operation, int *result,
                 uint64_t *value);

#endif
