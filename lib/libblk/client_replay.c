/*
 * Which request may be sent to a driver now, what an answer means, and what a new driver must be told
 * again. The rules are in client_replay.h; the retained writes themselves in client_retained.c.
 */
#include <anole/error.h>
#include <libblk/client_replay.h>
#include <stdlib.h>

/* An id is serial | retained or not | index of the slot or entry. */
#define ID_INDEX_BITS 11
#define ID_INDEX(id) ((id) & ((1u << ID_INDEX_BITS) - 1))
#define ID_RETAINED (1u << ID_INDEX_BITS)
#define ID_SERIAL_SHIFT (ID_INDEX_BITS + 1)
static_assert(RETAINED_ENTRIES_MAX <= 1u << ID_INDEX_BITS, "an entry's index fits into an id");
static_assert(REPLAY_DEPTH_MAX + REPLAY_SYNC_SLOTS + REPLAY_OWN_SLOTS <= 1u << ID_INDEX_BITS,
              "a slot's index fits into an id");

/* ---- lists of slots ---- */

static void list_insert_after(struct replay *replay, struct replay_list *list, uint32_t previous,
                              uint32_t slot)
{
    struct replay_request *requests = replay->requests;
    uint32_t next = previous == REPLAY_NONE ? list->first : requests[previous].next;
    requests[slot].previous = previous;
    requests[slot].next = next;
    if (previous == REPLAY_NONE)
        list->first = slot;
    else
        requests[previous].next = slot;
    if (next == REPLAY_NONE)
        list->last = slot;
    else
        requests[next].previous = slot;
}

static void list_append(struct replay *replay, struct replay_list *list, uint32_t slot)
{
    list_insert_after(replay, list, list->last, slot);
}

static void list_remove(struct replay *replay, struct replay_list *list, uint32_t slot)
{
    struct replay_request *requests = replay->requests;
    uint32_t previous = requests[slot].previous;
    uint32_t next = requests[slot].next;
    if (previous == REPLAY_NONE)
        list->first = next;
    else
        requests[previous].next = next;
    if (next == REPLAY_NONE)
        list->last = previous;
    else
        requests[next].previous = previous;
}

/* Into the queue at its place by sequence. */
static void queue_insert(struct replay *replay, uint32_t slot)
{
    uint32_t previous = replay->queued.last;
    while (previous != REPLAY_NONE &&
           replay->requests[previous].sequence > replay->requests[slot].sequence)
        previous = replay->requests[previous].previous;
    list_insert_after(replay, &replay->queued, previous, slot);
}

static enum replay_owner owner_of(const struct replay *replay, uint32_t slot)
{
    if (slot < replay->depth)
        return REPLAY_PROGRAM;
    return slot < replay->depth + REPLAY_SYNC_SLOTS ? REPLAY_SYNC : REPLAY_OWN;
}

/* ---- set-up ---- */

int replay_init(struct replay *replay, const struct replay_options *options)
{
    const struct replay_list empty = {REPLAY_NONE, REPLAY_NONE};
    if (options->depth == 0 || options->depth > REPLAY_DEPTH_MAX)
        return -ANOLE_EINVAL;

    uint32_t slots = options->depth + REPLAY_SYNC_SLOTS + REPLAY_OWN_SLOTS;
    *replay = (struct replay){.pool = options->pool,
                              .depth = options->depth,
                              .slots = slots,
                              .queued = empty,
                              .flying = empty};
    int error = retained_init(&replay->retained, options->copies, options->copies_bytes,
                              options->retained_max);
    if (error)
        return error;
    replay->requests = calloc(slots, sizeof *replay->requests);
    if (!replay->requests) {
        retained_free(&replay->retained);
        return -ANOLE_ENOMEM;
    }
    for (unsigned owner = 0; owner < REPLAY_OWNERS; owner++)
        replay->free[owner] = replay->done[owner] = empty;
    for (uint32_t slot = 0; slot < slots; slot++)
        list_append(replay, &replay->free[owner_of(replay, slot)], slot);
    return 0;
}

void replay_free(struct replay *replay)
{
    retained_free(&replay->retained);
    free(replay->requests);
    replay->requests = NULL;
}

int replay_submit(struct replay *replay, const struct blk_io *io, enum replay_owner owner)
{
    uint32_t slot = replay->free[owner].first;
    if (slot == REPLAY_NONE)
        return -ANOLE_EAGAIN;

    list_remove(replay, &replay->free[owner], slot);
    struct replay_request *request = &replay->requests[slot];
    request->io = *io;
    request->sequence = replay->sequence++;
    request->retain = false;
    list_append(replay, &replay->queued, slot);
    return 0;
}

/* Room is made by a flush of our own; one at a time. If nothing is retained, all room is reserved for
 * what is in flight, and its answers make room. */
static void make_room(struct replay *replay)
{
    const struct blk_io flush = {.op = BLK_OP_FLUSH};
    if (retained_here(&replay->retained).entry == replay->retained.entry_head)
        return;
    if (replay_submit(replay, &flush, REPLAY_OWN) == 0)
        replay->own_flushes++;
}

/* ---- what may be sent ---- */

/* A flush covers what was answered before it was sent: it waits for nothing. */
static bool conflict(const struct blk_io *a, const struct blk_io *b)
{
    if (a->op == BLK_OP_FLUSH || b->op == BLK_OP_FLUSH)
        return false;
    if (a->op == BLK_OP_READ && b->op == BLK_OP_READ)
        return false;
    return a->sector < b->sector + b->len_bytes / BLK_SECTOR_SIZE &&
           b->sector < a->sector + a->len_bytes / BLK_SECTOR_SIZE;
}

static bool must_wait(const struct replay *replay, uint32_t slot)
{
    const struct replay_request *requests = replay->requests;
    for (uint32_t other = replay->flying.first; other != REPLAY_NONE; other = requests[other].next)
        if (conflict(&requests[slot].io, &requests[other].io))
            return true;
    for (uint32_t other = requests[slot].previous; other != REPLAY_NONE;
         other = requests[other].previous)
        if (conflict(&requests[slot].io, &requests[other].io))
            return true;
    return false;
}

enum keeping { KEEP_NOTHING, KEEP_COPY, KEEP_DURABLE, KEEP_WAIT };

/*
 * How a request's effect survives from its answer on. A durable write needs no copy, unless older
 * retained writes lie below it: sending those again would bring back what it has overwritten.
 */
static enum keeping keeping_of(struct replay *replay, const struct blk_io *io)
{
    struct retained *retained = &replay->retained;
    if (!retained->copies || io->op == BLK_OP_READ || io->op == BLK_OP_FLUSH)
        return KEEP_NOTHING;

    bool fits = retained_could_hold(retained, io->op, io->len_bytes);
    if ((io->flags & BLK_FUA) || !fits) {
        if (!retained_overlaps(retained, io->sector, io->len_bytes))
            return KEEP_DURABLE;
        if (!fits)
            return KEEP_WAIT;
    }
    return retained_reserve(retained, io->op, io->len_bytes) ? KEEP_COPY : KEEP_WAIT;
}

static uint32_t next_id(struct replay *replay, uint32_t index)
{
    if (++replay->serial >> (32 - ID_SERIAL_SHIFT) != 0)
        replay->serial = 1;
    return replay->serial << ID_SERIAL_SHIFT | index;
}

static void send_request(struct replay *replay, uint32_t slot, enum keeping keeping,
                         struct replay_send *send, uint64_t now_ticks)
{
    struct replay_request *request = &replay->requests[slot];
    list_remove(replay, &replay->queued, slot);
    list_append(replay, &replay->flying, slot);
    replay->flying_count++;
    request->flying = true;
    request->retain = keeping == KEEP_COPY;
    request->sent_ticks = now_ticks;
    request->id = next_id(replay, slot);
    request->mark = retained_here(&replay->retained);
    *send = (struct replay_send){
        .id = request->id,
        .op = request->io.op,
        .flags = request->io.flags | (keeping == KEEP_DURABLE ? BLK_FUA : 0),
        .sector = request->io.sector,
        .len_bytes = request->io.len_bytes,
        .offset = request->io.pool_offset,
    };
}

static bool next_retained(struct replay *replay, struct replay_send *send, uint64_t now_ticks)
{
    uint32_t index;
    if (replay->retained.flying >= replay->slots)
        return false;
    const struct retained_entry *entry = retained_next(&replay->retained, &index);
    if (!entry)
        return false;

    uint32_t id = next_id(replay, ID_RETAINED | index);
    *send = (struct replay_send){
        .id = id,
        .op = entry->op,
        .flags = entry->flags,
        .sector = entry->sector,
        .len_bytes = entry->len_bytes,
        .from_copies = entry->op == BLK_OP_WRITE,
        .offset = entry->data_offset,
    };
    retained_sent(&replay->retained, index, id, now_ticks);
    replay->replayed++;
    return true;
}

bool replay_next(struct replay *replay, struct replay_send *send, uint64_t now_ticks)
{
    if (retained_catching_up(&replay->retained))
        return next_retained(replay, send, now_ticks);

    /* Once a write waits for room, no later one takes the room that will be made for it. */
    bool no_room = false;
    for (uint32_t slot = replay->queued.first; slot != REPLAY_NONE;
         slot = replay->requests[slot].next) {
        const struct blk_io *io = &replay->requests[slot].io;
        bool changes = io->op != BLK_OP_READ && io->op != BLK_OP_FLUSH;
        if ((changes && no_room) || must_wait(replay, slot))
            continue;
        enum keeping keeping = keeping_of(replay, io);
        if (keeping == KEEP_WAIT) {
            no_room = true;
            make_room(replay);
            continue;
        }
        send_request(replay, slot, keeping, send, now_ticks);
        return true;
    }
    return false;
}

/* ---- answers ---- */

static void finish(struct replay *replay, uint32_t slot, int status)
{
    enum replay_owner owner = owner_of(replay, slot);
    replay->requests[slot].status = status;
    replay->requests[slot].epoch = replay->epoch;
    list_append(replay, owner == REPLAY_OWN ? &replay->free[owner] : &replay->done[owner], slot);
}

/* Out of flight, with its reservation given back. */
static void land(struct replay *replay, uint32_t slot)
{
    struct replay_request *request = &replay->requests[slot];
    list_remove(replay, &replay->flying, slot);
    replay->flying_count--;
    request->flying = false;
    if (request->retain)
        retained_release(&replay->retained, request->io.op, request->io.len_bytes);
}

static void keep_copy(struct replay *replay, const struct blk_io *io)
{
    retained_append(&replay->retained, io,
                    io->op == BLK_OP_WRITE ? replay->pool + io->pool_offset : NULL);
    if (retained_filling(&replay->retained))
        make_room(replay);
}

/* An own flush that fails has nobody to tell it to but the next flush of the program. What it
 * should have made durable isn't kept for ever: that flush says that it may be lost. */
static int flush_answered(struct replay *replay, uint32_t slot, int status)
{
    bool own = owner_of(replay, slot) == REPLAY_OWN;
    if (status == 0 || own)
        retained_drop(&replay->retained, replay->requests[slot].mark);
    if (own) {
        if (status != 0 && replay->lost_error == 0)
            replay->lost_error = status;
        return 0;
    }
    if (status == 0) {
        status = replay->lost_error;
        replay->lost_error = 0;
    }
    return status;
}

static int request_answered(struct replay *replay, uint32_t slot, uint32_t id, int status)
{
    if (slot >= replay->slots || !replay->requests[slot].flying || replay->requests[slot].id != id)
        return -ANOLE_EPROTO;

    struct replay_request *request = &replay->requests[slot];
    land(replay, slot);
    if (status == -ANOLE_EBUSY) {
        queue_insert(replay, slot);
        return 0;
    }
    if (request->io.op == BLK_OP_FLUSH)
        status = flush_answered(replay, slot, status);
    if (status == 0 && request->retain)
        keep_copy(replay, &request->io);
    finish(replay, slot, status);
    return 0;
}

static int entry_answered(struct replay *replay, uint32_t index, uint32_t id, int status)
{
    if (!retained_is_flying(&replay->retained, index, id))
        return -ANOLE_EPROTO;
    if (status != 0 && status != -ANOLE_EBUSY && replay->lost_error == 0)
        replay->lost_error = status;
    retained_answered(&replay->retained, index, status == -ANOLE_EBUSY);
    return 0;
}

int replay_answered(struct replay *replay, uint32_t id, int status)
{
    if (id & ID_RETAINED)
        return entry_answered(replay, ID_INDEX(id), id, status);
    return request_answered(replay, ID_INDEX(id), id, status);
}

bool replay_has_done(const struct replay *replay, enum replay_owner owner)
{
    return replay->done[owner].first != REPLAY_NONE;
}

bool replay_take(struct replay *replay, enum replay_owner owner, struct blk_completion *completion)
{
    uint32_t slot = replay->done[owner].first;
    if (slot == REPLAY_NONE)
        return false;
    *completion = (struct blk_completion){.tag = replay->requests[slot].io.tag,
                                          .status = replay->requests[slot].status,
                                          .epoch = replay->requests[slot].epoch};
    list_remove(replay, &replay->done[owner], slot);
    list_append(replay, &replay->free[owner], slot);
    return true;
}

/* ---- epochs ---- */

void replay_new_epoch(struct replay *replay)
{
    replay->epoch++;
    while (replay->flying.first != REPLAY_NONE) {
        uint32_t slot = replay->flying.first;
        land(replay, slot);
        queue_insert(replay, slot);
        replay->replayed++;
    }
    retained_restart(&replay->retained);
}

void replay_fail(struct replay *replay, int error)
{
    replay_new_epoch(replay);
    while (replay->queued.first != REPLAY_NONE) {
        uint32_t slot = replay->queued.first;
        list_remove(replay, &replay->queued, slot);
        finish(replay, slot, error);
    }
}

bool replay_busy(const struct replay *replay)
{
    return replay->queued.first != REPLAY_NONE || replay->flying.first != REPLAY_NONE;
}

unsigned replay_in_flight(const struct replay *replay)
{
    return replay->flying_count + replay->retained.flying;
}

uint64_t replay_oldest_sent(const struct replay *replay)
{
    uint64_t oldest = retained_oldest_sent(&replay->retained);
    uint32_t first = replay->flying.first;
    if (first != REPLAY_NONE && replay->requests[first].sent_ticks < oldest)
        oldest = replay->requests[first].sent_ticks;
    return oldest;
}
