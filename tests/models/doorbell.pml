/*
 * The doorbell of a channel's ring with suppression (lib/libchan/channel.c): a producer that rings
 * only if `produced` has passed the consumer's `event`, a consumer that sleeps only if it finds the
 * ring empty after it has set `event`.
 *
 * Weak memory order: each side has a store buffer of one entry for the word that the other side looks
 * at. A store goes into the buffer; it reaches memory at any later time, at the latest at a full
 * fence, or when the same side stores again. So a look may come before an earlier store is seen.
 *
 * Property: no lost wake-up and no deadlock. When nothing can happen any more, every message was sent
 * and taken; a consumer that sleeps over a message for ever is an invalid end state for Spin. All
 * indices count modulo INDICES, so that they wrap as the real ones do.
 *
 * Seeded errors, each of which Spin must find:
 *   SEEDED_ERROR_1  the producer's fence is missing
 *   SEEDED_ERROR_2  the consumer's fence is missing
 *   SEEDED_ERROR_3  the producer looks at the last message of a batch only, not at all of it
 *   SEEDED_ERROR_4  the consumer sleeps without looking again after it has set `event`
 */
#define ENTRIES 2
#define INDICES 8  /* a multiple of ENTRIES, larger than twice of it */
#define MESSAGES 5
#define NONE 255

#define DISTANCE(from, to) ((to - from + INDICES) % INDICES)

byte produced = 0, event = 0, consumed = 0;               /* memory */
byte produced_buffer = NONE, event_buffer = NONE;         /* stores that aren't there yet */
bool doorbell = false;                                    /* the notification bit */
byte taken_messages = 0;

/* Stores reach memory whenever they like. */
active proctype memory()
{
end:
    do
    :: atomic { produced_buffer != NONE -> produced = produced_buffer; produced_buffer = NONE }
    :: atomic { event_buffer != NONE -> event = event_buffer; event_buffer = NONE }
    od
}

inline store_produced(value)
{
    atomic { produced_buffer == NONE -> produced_buffer = value }
}

inline store_event(value)
{
    atomic { event_buffer == NONE -> event_buffer = value }
}

/* channel_put of one or two messages, channel_publish, and the ring if that says so. */
active proctype producer()
{
    byte index = 0, flushed = 0, seen, sent = 0, room;

    do
    :: sent == MESSAGES -> break
    :: else ->
        /* Acquire: a slot that was consumed is free. The producer waits for room by its own means
         * (the other ring's doorbell in the real channel). */
        atomic { DISTANCE(consumed, index) < ENTRIES -> room = ENTRIES - DISTANCE(consumed, index) }
        if
        :: room >= 2 && sent + 2 <= MESSAGES -> index = (index + 2) % INDICES; sent = sent + 2
        :: index = (index + 1) % INDICES; sent++
        fi
        store_produced(index);
#ifndef SEEDED_ERROR_1
        produced_buffer == NONE;      /* full fence */
#endif
        seen = event;
        if
#ifdef SEEDED_ERROR_3
        :: DISTANCE(seen, index) == 1 -> doorbell = true
#else
        :: DISTANCE(seen, index) >= 1 &&
           DISTANCE(seen, index) <= DISTANCE(flushed, index) -> doorbell = true
#endif
        :: else
        fi;
        flushed = index
    od
}

active proctype consumer()
{
    byte index = 0, seen;

    do
    :: taken_messages == MESSAGES -> break
    :: else ->
        /* channel_take until there is nothing */
        seen = produced;
        do
        :: index != seen ->
            assert(DISTANCE(index, seen) <= ENTRIES);
            index = (index + 1) % INDICES;
            consumed = index;
            taken_messages++
        :: else -> break
        od;
        if
        :: taken_messages == MESSAGES -> break
        :: else
        fi;
        /* channel_arm */
        store_event(index);
#ifndef SEEDED_ERROR_2
        event_buffer == NONE;         /* full fence */
#endif
#ifdef SEEDED_ERROR_4
        seen = index;
#else
        seen = produced;
#endif
        if
        :: seen == index -> atomic { doorbell -> doorbell = false }   /* sleep */
        :: else
        fi
    od;
    assert(taken_messages == MESSAGES)
}
