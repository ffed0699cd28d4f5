/*
 * Retained writes: two rings, of entries and of copied bytes. See client_retained.h.
 */
#include <anole/error.h>
#include <libblk/client_retained.h>
#include <stdlib.h>
#include <string.h>

static struct retained_entry *entry_at(const struct retained *retained, uint64_t counter)
{
    return &retained->entries[counter % retained->entries_max];
}

static bool ranges_overlap(uint64_t sector, size_t len, uint64_t other, size_t other_len)
{
    return sector < other + other_len / BLK_SECTOR_SIZE && other < sector + len / BLK_SECTOR_SIZE;
}

int retained_init(struct retained *retained, uint8_t *copies, size_t copies_bytes,
                  uint32_t entries_max)
{
    *retained = (struct retained){.copies = copies, .copies_bytes = copies_bytes};
    if (!copies)
        return 0;
    retained->entries_max = entries_max < RETAINED_ENTRIES_MAX ? entries_max : RETAINED_ENTRIES_MAX;
    retained->entries = calloc(retained->entries_max, sizeof *retained->entries);
    return retained->entries ? 0 : -ANOLE_ENOMEM;
}

void retained_free(struct retained *retained)
{
    free(retained->entries);
    retained->entries = NULL;
}

/* ---- room ---- */

static size_t data_needed(enum blk_op op, size_t len_bytes)
{
    return op == BLK_OP_WRITE ? len_bytes : 0;
}

/* A copy may wrap around the end, and is two entries then. */
static uint32_t entries_needed(enum blk_op op)
{
    return op == BLK_OP_WRITE ? 2 : 1;
}

bool retained_could_hold(const struct retained *retained, enum blk_op op, size_t len_bytes)
{
    return data_needed(op, len_bytes) <= retained->copies_bytes &&
           entries_needed(op) <= retained->entries_max;
}

bool retained_reserve(struct retained *retained, enum blk_op op, size_t len_bytes)
{
    uint64_t data = retained->data_tail - retained->data_head + retained->data_reserved;
    uint64_t entries = retained->entry_tail - retained->entry_head + retained->entries_reserved;
    if (data + data_needed(op, len_bytes) > retained->copies_bytes ||
        entries + entries_needed(op) > retained->entries_max)
        return false;
    retained->data_reserved += data_needed(op, len_bytes);
    retained->entries_reserved += entries_needed(op);
    return true;
}

void retained_release(struct retained *retained, enum blk_op op, size_t len_bytes)
{
    retained->data_reserved -= data_needed(op, len_bytes);
    retained->entries_reserved -= entries_needed(op);
}

bool retained_filling(const struct retained *retained)
{
    return retained->data_tail - retained->data_head > retained->copies_bytes / 2 ||
           retained->entry_tail - retained->entry_head > retained->entries_max / 2;
}

/* ---- what is held ---- */

static void append_piece(struct retained *retained, const struct blk_io *io, size_t done,
                         size_t len_bytes, size_t data_offset)
{
    *entry_at(retained, retained->entry_tail++) = (struct retained_entry){
        .op = io->op,
        .flags = io->flags & BLK_UNMAP,
        .sector = io->sector + done / BLK_SECTOR_SIZE,
        .len_bytes = len_bytes,
        .data_offset = data_offset,
        .state = RETAINED_SENT,
    };
    /* Not before everything is sent again: an append happens in normal operation only. */
    retained->low = retained->cursor = retained->entry_tail;
}

void retained_append(struct retained *retained, const struct blk_io *io, const uint8_t *data)
{
    if (io->op != BLK_OP_WRITE) {
        append_piece(retained, io, 0, io->len_bytes, 0);
        return;
    }
    for (size_t done = 0; done < io->len_bytes;) {
        size_t offset = retained->data_tail % retained->copies_bytes;
        size_t len = io->len_bytes - done;
        if (len > retained->copies_bytes - offset)
            len = retained->copies_bytes - offset;
        memcpy(retained->copies + offset, data + done, len);
        append_piece(retained, io, done, len, offset);
        retained->data_tail += len;
        done += len;
    }
    if (retained->data_tail - retained->data_head > retained->data_max)
        retained->data_max = retained->data_tail - retained->data_head;
}

bool retained_overlaps(const struct retained *retained, uint64_t sector, size_t len_bytes)
{
    for (uint64_t i = retained->entry_head; i < retained->entry_tail; i++) {
        const struct retained_entry *entry = entry_at(retained, i);
        if (ranges_overlap(sector, len_bytes, entry->sector, entry->len_bytes))
            return true;
    }
    return false;
}

struct retained_mark retained_here(const struct retained *retained)
{
    return (struct retained_mark){.entry = retained->entry_tail, .data = retained->data_tail};
}

void retained_drop(struct retained *retained, struct retained_mark mark)
{
    /* Two flushes may be acknowledged in either order. */
    if (mark.entry <= retained->entry_head)
        return;
    retained->entry_head = mark.entry;
    retained->data_head = mark.data;
}

/* ---- sending again ---- */

void retained_restart(struct retained *retained)
{
    for (uint64_t i = retained->entry_head; i < retained->entry_tail; i++)
        entry_at(retained, i)->state = RETAINED_TO_SEND;
    retained->low = retained->cursor = retained->entry_head;
    retained->flying = 0;
}

bool retained_catching_up(const struct retained *retained)
{
    return retained->low < retained->entry_tail;
}

/* Strictly in order: one that must wait for an overlapping one holds up all after it. */
const struct retained_entry *retained_next(struct retained *retained, uint32_t *index)
{
    while (retained->cursor < retained->entry_tail &&
           entry_at(retained, retained->cursor)->state != RETAINED_TO_SEND)
        retained->cursor++;
    if (retained->cursor == retained->entry_tail)
        return NULL;

    const struct retained_entry *entry = entry_at(retained, retained->cursor);
    for (uint64_t i = retained->low; i < retained->cursor; i++) {
        const struct retained_entry *earlier = entry_at(retained, i);
        if (earlier->state == RETAINED_FLYING &&
            ranges_overlap(entry->sector, entry->len_bytes, earlier->sector, earlier->len_bytes))
            return NULL;
    }
    *index = (uint32_t)(retained->cursor % retained->entries_max);
    return entry;
}

void retained_sent(struct retained *retained, uint32_t index, uint32_t id, uint64_t now_ticks)
{
    struct retained_entry *entry = &retained->entries[index];
    entry->state = RETAINED_FLYING;
    entry->id = id;
    entry->sent_ticks = now_ticks;
    retained->flying++;
}

bool retained_is_flying(const struct retained *retained, uint32_t index, uint32_t id)
{
    return index < retained->entries_max && retained->entries[index].state == RETAINED_FLYING &&
           retained->entries[index].id == id;
}

void retained_answered(struct retained *retained, uint32_t index, bool again)
{
    retained->entries[index].state = again ? RETAINED_TO_SEND : RETAINED_SENT;
    retained->flying--;
    if (again) {
        /* Those after it that are in flight don't overlap it; those that aren't wait for it. */
        retained->cursor = retained->low;
        return;
    }
    while (retained->low < retained->entry_tail &&
           entry_at(retained, retained->low)->state == RETAINED_SENT)
        retained->low++;
    if (retained->cursor < retained->low)
        retained->cursor = retained->low;
}

uint64_t retained_oldest_sent(const struct retained *retained)
{
    uint64_t oldest = UINT64_MAX;
    for (uint64_t i = retained->low; retained->flying > 0 && i < retained->entry_tail; i++) {
        const struct retained_entry *entry = entry_at(retained, i);
        if (entry->state == RETAINED_FLYING && entry->sent_ticks < oldest)
            oldest = entry->sent_ticks;
    }
    return oldest;
}
