/*
 * The driver asks for an interrupt on a packed ring with EVENT_IDX (lib/libvirtio/packed.c,
 * packed_arm): it names the slot where the element of the after-th used buffer will be at the latest,
 * and sleeps only if it then finds fewer. Buffers take one or two slots and are used in any order, so
 * an element can pass over the slot that is named.
 *
 * Weak memory order as in doorbell.pml: each side has a store buffer of one entry for what the other
 * side looks at; it empties at any later time, at the latest at a full fence.
 *
 * Positions count modulo two laps: a slot and its wrap counter. Properties: no lost wake-up (a driver
 * that sleeps for ever is an invalid end state for Spin), and no late one: when the driver sleeps and
 * the device has used what it was armed for and has looked, the interrupt is there.
 *
 * Seeded errors, each of which Spin must find:
 *   SEEDED_ERROR_1  the driver's fence is missing
 *   SEEDED_ERROR_2  the device's fence is missing
 *   SEEDED_ERROR_3  the driver doesn't ask again when it has found some, but not all
 *   SEEDED_ERROR_4  the device looks at the element's own slot only, not at all that it passes
 *   SEEDED_ERROR_5  the driver counts on each chain being as long as the longest
 */
#define SLOTS 4
#define POSITIONS 8 /* two laps */
#define BUFFERS 6
#define NONE 255

#define AHEAD(position, slots) ((position + slots) % POSITIONS)
#define DISTANCE(from, to) ((to - from + POSITIONS) % POSITIONS)

byte element[POSITIONS];           /* memory: the length of a used buffer, 0: none */
byte event = 0;                    /* memory: the driver's event structure */
byte element_at = NONE, element_len, event_buffer = NONE; /* stores that aren't there yet */
bool interrupt = false;
byte flying[3];                    /* buffers of each length that the device has */
byte used_buffers = 0;             /* by the device, ever */
/* What the driver sleeps for. */
bool asleep = false;
byte wanted_total = 0;

/* Stores reach memory whenever they like. */
active proctype memory()
{
end:
    do
    :: atomic { element_at != NONE -> element[element_at] = element_len; element_at = NONE }
    :: atomic { event_buffer != NONE -> event = event_buffer; event_buffer = NONE }
    od
}

active proctype device()
{
    byte position = 0, size, seen, passed;

end:
    do
    :: atomic {
        if
        :: flying[1] > 0 -> size = 1
        :: flying[2] > 0 -> size = 2
        fi;
        element_at == NONE ->
        flying[size]--;
        element_at = position;
        element_len = size
       }
#ifndef SEEDED_ERROR_2
        element_at == NONE;           /* full fence */
#endif
        atomic {
            seen = event;
#ifdef SEEDED_ERROR_4
            passed = 1;
#else
            passed = size;
#endif
            if
            :: DISTANCE(position, seen) < passed -> interrupt = true
            :: else
            fi;
            position = AHEAD(position, size);
            used_buffers++;
            assert(!asleep || interrupt || used_buffers < wanted_total);
            size = 0; seen = 0; passed = 0
        }
    od
}

/* virtq_add and virtq_kick of as many as there is room for, of any lengths; then virtq_take until there
 * is nothing, virtq_arm for any number of those in flight, and sleep. */
active proctype driver()
{
    byte next = 0, position = 0, in_flight = 0, slots = 0, longest = 0, added = 0, taken = 0;
    byte after, count, seen, seen_slots, least, cursor, size;

    do
    :: taken == BUFFERS -> break
    :: else ->
        do
        :: atomic {
            added < BUFFERS && slots < SLOTS ->
            if
            :: size = 1
            :: slots + 2 <= SLOTS -> size = 2
            fi;
            if
            :: slots == 0 -> longest = size
            :: slots > 0 && size > longest -> longest = size
            :: else
            fi;
            /* The slots aren't anybody's element until the device says so. */
            element[next] = 0;
            flying[size]++;
            next = AHEAD(next, size);
            slots = slots + size;
            in_flight++;
            added++;
            size = 0
           }
        :: in_flight > 0 -> break
        od;

        /* Take all. */
        do
        :: atomic {
            element[position] != 0 ->
            size = element[position];
            element[position] = 0;
            position = AHEAD(position, size);
            slots = slots - size;
            in_flight--;
            taken++;
            size = 0
           }
        :: element[position] == 0 -> break
        od;

        if
        :: in_flight == 0 -> skip
        :: in_flight > 0 ->
            atomic {
                if
                :: after = 1
                :: in_flight >= 2 -> after = 2
                :: in_flight >= 3 -> after = in_flight
                fi;
                count = 0;
                seen_slots = 0;
                cursor = position
            }
            do
            ::  atomic {
                    seen = count;
                    least = after - count - 1;
#ifdef SEEDED_ERROR_5
                    least = least * longest;
#else
                    if
                    :: least != 0 &&
                       slots > seen_slots + (in_flight - after + 1) * longest + least ->
                        least = slots - seen_slots - (in_flight - after + 1) * longest
                    :: else
                    fi;
#endif
                    event_buffer == NONE -> event_buffer = AHEAD(cursor, least)
                }
#ifndef SEEDED_ERROR_1
                event_buffer == NONE; /* full fence */
#endif
                /* look */
                do
                :: atomic {
                    count < after && element[cursor] != 0 ->
                    seen_slots = seen_slots + element[cursor];
                    cursor = AHEAD(cursor, element[cursor]);
                    count++
                   }
                :: atomic {
                    count == after || element[cursor] == 0 ->
                    wanted_total = taken + after;
                    asleep = count < after;
#ifndef SEEDED_ERROR_3
                    asleep = asleep && count == seen
#endif
                   } ->
                    break
                od;
                if
                :: count == after -> break
                :: asleep ->
                    atomic { interrupt -> interrupt = false; asleep = false }
                    break
                :: else /* ask again, from behind what was found */
                fi
            od;
            after = 0; count = 0; seen = 0; seen_slots = 0; least = 0; cursor = 0
        fi
    od
}
