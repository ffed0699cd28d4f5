/*
 * Death of a block driver, quarantine, reset and replay with retained writes (kernel/dma.c and
 * kernel/process.c; lib/libblk/client_replay.c and client_retained.c): one client writes WRITES
 * versions, each to the sector of its parity, and flushes; the driver dies up to DEATHS times at any
 * moment, the client at most once.
 *
 * The device works on what was queued whether its driver lives or not, in any order, reads the memory
 * of a write when it executes it, and keeps written data in a cache that reaches the medium at any
 * time, at a flush, or, if the reset comes first, never.
 *
 * Every write has a buffer, a frame of memory that the program uses for something else as soon as it
 * may: its content is then 0. The retained copy of a write is another frame, of the library's.
 *
 * Properties:
 *   no acknowledged write is lost: what was acknowledged is on the medium or retained; and whenever the
 *     driver has caught up, reading the sector gives what was acknowledged or something newer
 *   no frame is free while the device may touch it
 *
 * Seeded errors, each of which Spin must find:
 *   SEEDED_ERROR_1  quarantine ends without a reset of the device
 *   SEEDED_ERROR_2  a flush drops what was acknowledged after it was sent
 *   SEEDED_ERROR_3  nothing is retained
 *   SEEDED_ERROR_4  requests that weren't answered are sent before the retained writes are
 *   SEEDED_ERROR_5  overlapping writes are in flight together
 *   SEEDED_ERROR_6  a pin doesn't keep the frame
 *   SEEDED_ERROR_7  the new driver starts before the device was reset
 */
#define WRITES 3
#define FLUSHES 2
#define DEATHS 2
#define QUEUE 4 /* what the device has */
#define SECTOR(version) ((version) % 2)

#ifdef SEEDED_ERROR_1
#define RESET_BEFORE_END false
#else
#define RESET_BEFORE_END true
#endif
#ifdef SEEDED_ERROR_7
#define QUIET_BEFORE_START false
#else
#define QUIET_BEFORE_START true
#endif

#define NOTHING 0
mtype = { WRITE, REPLAYED_WRITE, FLUSH };
mtype = { UNSENT, FLYING, ACKNOWLEDGED };

/* The device's queue. `frame` is a version for a buffer, WRITES + version for a retained copy. */
typedef entry {
    mtype what;
    byte version;
    byte frame;
    bool executed;
}
entry queue[QUEUE];
byte cache[2], medium[2];

/* The kernel's: references of each frame by a pin, and whether its owner still has it. */
#define FRAMES (2 * WRITES + 1)
byte pins[FRAMES];
bool owned[FRAMES] = true;
byte content[FRAMES];

bool driver_alive = true, device_reset = true;
byte deaths = 0;
bool client_alive = true;

/* libblk's. Retained entries from head to tail; those before `low` are done in this epoch. */
mtype request[WRITES + 1] = UNSENT;
mtype flush = UNSENT;
byte flushes = 0, flush_mark = 0;
byte retained[WRITES];
byte head = 0, tail = 0, low = 0;
bool replay_flying = false;
bool connected = true; /* to this instance of the driver */

/* What only the properties know. */
byte acknowledged[2];

/* ---- the device ---- */

inline execute(i)
{
    queue[i].what != NOTHING && !queue[i].executed ->
    if
    :: queue[i].what == FLUSH ->
        medium[0] = cache[0];
        medium[1] = cache[1]
    :: else -> cache[SECTOR(queue[i].version)] = content[queue[i].frame]
    fi;
    queue[i].executed = true
}

active proctype device()
{
end:
    do
    :: atomic { execute(0) }
    :: atomic { execute(1) }
    :: atomic { execute(2) }
    :: atomic { execute(3) }
    :: atomic { cache[0] != medium[0] -> medium[0] = cache[0] }
    :: atomic { cache[1] != medium[1] -> medium[1] = cache[1] }
    od
}

/* ---- the kernel ---- */

#define TOUCHES(i, f) \
    (queue[i].what != NOTHING && queue[i].what != FLUSH && !queue[i].executed && queue[i].frame == f)

#ifdef SEEDED_ERROR_6
#define IS_KEPT(f) owned[f]
#else
#define IS_KEPT(f) (owned[f] || pins[f] > 0)
#endif

#define MAY_BE_FREE(f) \
    (IS_KEPT(f) || (!TOUCHES(0, f) && !TOUCHES(1, f) && !TOUCHES(2, f) && !TOUCHES(3, f)))

inline clear(i)
{
    queue[i].what = NOTHING;
    queue[i].version = 0;
    queue[i].frame = 0;
    queue[i].executed = false
}

/* The driver sends: it pins the frame and gives it to the device. */
inline send(kind, number, buffer)
{
    if
    :: queue[0].what == NOTHING -> at = 0
    :: else ->
        if
        :: queue[1].what == NOTHING -> at = 1
        :: else ->
            if
            :: queue[2].what == NOTHING -> at = 2
            :: else -> at = 3
            fi
        fi
    fi;
    assert(queue[at].what == NOTHING);
    queue[at].what = kind;
    queue[at].version = number;
    queue[at].frame = buffer;
    queue[at].executed = false;
    if
    :: kind != FLUSH -> pins[buffer]++
    :: else
    fi;
    at = 0
}

/* ---- from death to the next instance ---- */

inline forget_queue()
{
    clear(0);
    clear(1);
    clear(2);
    clear(3);
    cache[0] = medium[0];
    cache[1] = medium[1]
}

active proctype recovery()
{
    byte f;

end:
    do
    :: atomic { driver_alive && deaths < DEATHS -> driver_alive = false;
        connected = false;
        device_reset = false;
        deaths++
       }
       /* devman */
       if
       :: atomic { QUIET_BEFORE_START -> skip }
       :: atomic { !QUIET_BEFORE_START -> driver_alive = true }
       fi;
       if
       :: atomic { RESET_BEFORE_END -> forget_queue(); device_reset = true }
       :: atomic { !RESET_BEFORE_END -> skip }
       fi;
       /* the kernel: QUARANTINE_END */
       atomic {
           for (f : 1 .. FRAMES - 1) {
               pins[f] = 0
           }
           f = 0
       }
       if
       :: atomic { !device_reset -> forget_queue(); device_reset = true }
       :: else
       fi;
       driver_alive = true
    od
}

/* ---- the client ---- */

/* The invariant: what was acknowledged is on the medium, or will be sent again. */
#define IS_ENTRY(i, version) (head <= i && i < tail && retained[i] == version)
#define IS_RETAINED(version) (IS_ENTRY(0, version) || IS_ENTRY(1, version) || IS_ENTRY(2, version))
#define IS_SAFE(s) (acknowledged[s] <= medium[s] || IS_RETAINED(acknowledged[s]))

#ifdef SEEDED_ERROR_3
#define RETAIN(v) skip
#else
#define RETAIN(v) retained[tail] = v; tail++; low = tail
#endif
#ifdef SEEDED_ERROR_2
#define FLUSHED_TO tail
#else
#define FLUSHED_TO flush_mark
#endif

/* The answer to what the device has done, as long as the driver lives to pass it on. */
inline answer(i)
{
    client_alive && connected && driver_alive && queue[i].what != NOTHING && queue[i].executed ->
    if
    :: queue[i].what == FLUSH ->
        if
        :: FLUSHED_TO > head -> head = FLUSHED_TO
        :: else
        fi;
        flush = UNSENT;
        flushes++
    :: queue[i].what == WRITE ->
        pins[queue[i].frame]--;
        request[queue[i].version] = ACKNOWLEDGED;
        acknowledged[SECTOR(queue[i].version)] = queue[i].version;
        content[queue[i].version] = 0; /* the program uses its buffer for something else */
        content[WRITES + queue[i].version] = queue[i].version;
        RETAIN(queue[i].version)
    :: else ->
        pins[queue[i].frame]--;
        replay_flying = false;
        low++
    fi;
    clear(i);
    assert(IS_SAFE(0) && IS_SAFE(1))
}

#define CAUGHT_UP (low == tail && !replay_flying)
#ifdef SEEDED_ERROR_4
#define MAY_SEND true
#else
#define MAY_SEND CAUGHT_UP
#endif
#ifdef SEEDED_ERROR_5
#define NO_OVERLAP(v) true
#else
/* No other version of that sector is unanswered. */
#define NO_OVERLAP(v) (v < 3 || request[v - 2] == ACKNOWLEDGED)
#endif

inline submit(v)
{
    client_alive && connected && driver_alive && MAY_SEND && request[v] == UNSENT && NO_OVERLAP(v) ->
    content[v] = v;
    request[v] = FLYING;
    send(WRITE, v, v)
}

#define ALL_DONE (request[1] == ACKNOWLEDGED && request[2] == ACKNOWLEDGED && request[3] == ACKNOWLEDGED)

active proctype client()
{
    byte at = 0, v;

end:
    do
    :: atomic { submit(1) }
    :: atomic { submit(2) }
    :: atomic { submit(3) }
    :: atomic {
        client_alive && connected && driver_alive && MAY_SEND && flush == UNSENT && flushes < FLUSHES ->
        flush = FLYING;
        flush_mark = tail;
        send(FLUSH, 0, 0)
    }
    :: atomic {
        client_alive && connected && driver_alive && low < tail && !replay_flying ->
        replay_flying = true;
        send(REPLAYED_WRITE, retained[low], WRITES + retained[low])
    }
    :: atomic { answer(0) }
    :: atomic { answer(1) }
    :: atomic { answer(2) }
    :: atomic { answer(3) }
    /* After a death: all memory is its own again (REVOKE succeeds) and the next instance is there.
     * Everything is sent again: replay_new_epoch. */
    :: atomic {
        client_alive && !connected && driver_alive && pins[1] == 0 && pins[2] == 0 && pins[3] == 0 ->
        for (v : 1 .. WRITES) {
            if
            :: request[v] == FLYING -> request[v] = UNSENT
            :: else
            fi
        }
        v = 0;
        flush = UNSENT;
        replay_flying = false;
        low = head;
        connected = true
    }
    /* Nothing of its own is in flight: what would a read give? */
    :: atomic {
        client_alive && connected && driver_alive && CAUGHT_UP &&
        request[1] != FLYING && request[2] != FLYING && request[3] != FLYING ->
        assert(cache[0] >= acknowledged[0] && cache[1] >= acknowledged[1])
    }
    :: atomic {
        client_alive ->
        client_alive = false;
        for (v : 1 .. FRAMES - 1) {
            owned[v] = false
        }
        v = 0
    }
    :: atomic { ALL_DONE && flushes == FLUSHES -> break }
    od
}

active proctype frames()
{
    byte f;

end:
    atomic {
        !client_alive ->
        assert(MAY_BE_FREE(1) && MAY_BE_FREE(2) && MAY_BE_FREE(3));
        assert(MAY_BE_FREE(4) && MAY_BE_FREE(5) && MAY_BE_FREE(6))
    }
}
