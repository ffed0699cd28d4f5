/*
 * Call, reply, deadline and death (kernel/ipc.c, kernel/thread.c). Clients call one of two servers,
 * with a deadline or without; servers take requests, keep what they know of them for ever, and answer
 * anything that they have ever taken, late and more than once; servers die; a client dies and another
 * one gets its slot, counting its calls from the beginning. The kernel does each step under its lock:
 * atomic here.
 *
 * Properties:
 *   an answer that the kernel accepts is for exactly the call that waits: `token` is different for
 *     every call that was ever made from a slot, and the kernel doesn't know it
 *   a server only takes what somebody still waits for with
 *   a client that waits for a dead server is told: else the model ends in an invalid end state
 *
 * Seeded errors, each of which Spin must find:
 *   SEEDED_ERROR_1  a reply doesn't say which call it answers
 *   SEEDED_ERROR_2  a deadline leaves the caller in the server's queue
 *   SEEDED_ERROR_3  a death fails the callers in the queue, but not those that were taken
 *   SEEDED_ERROR_4  endpoints have no generation
 *   SEEDED_ERROR_5  anybody may answer, not only who was called
 */
#define CLIENTS 2
#define SERVERS 2
#define CALLS 2    /* of each slot, by whoever has it */
#define HELD 2     /* requests that a server remembers */
#define NOBODY 255

mtype = { FREE_TO_GO, CALLING, ANSWERED, TIMED_OUT, DEAD_PEER };
mtype = { NOWHERE, SENDERS, TAKENS };

/* What the kernel knows of the thread in each slot. */
mtype state[CLIENTS] = FREE_TO_GO;
mtype queue[CLIENTS] = NOWHERE;
byte queued_at[CLIENTS] = NOBODY;
byte partner[CLIENTS] = NOBODY;
bool taken[CLIENTS];
bool deadline[CLIENTS];
byte call_id[CLIENTS];
byte generation[CLIENTS];
bool dead[SERVERS];

/* What it doesn't. */
byte token[CLIENTS];
byte finished = 0;

typedef request {
    byte slot;
    byte generation;
    byte id;
    byte token;
}

inline unqueue(client)
{
    queue[client] = NOWHERE;
    queued_at[client] = NOBODY
}

inline wake(client, how)
{
    state[client] = how;
    partner[client] = NOBODY;
    deadline[client] = false;
    taken[client] = false
}

#ifdef SEEDED_ERROR_1
#define IS_CALL(answer) true
#else
#define IS_CALL(answer) (call_id[answer.slot] == answer.id)
#endif
#ifdef SEEDED_ERROR_4
#define IS_GENERATION(answer) true
#else
#define IS_GENERATION(answer) (generation[answer.slot] == answer.generation)
#endif
#ifdef SEEDED_ERROR_5
#define IS_PARTNER(server, answer) true
#else
#define IS_PARTNER(server, answer) (partner[answer.slot] == server)
#endif

/* ipc_reply */
inline reply(from, answer)
{
    if
    :: (state[answer.slot] == CALLING && taken[answer.slot] && IS_PARTNER(from, answer) &&
        IS_GENERATION(answer) && IS_CALL(answer)) ->
        assert(token[answer.slot] == answer.token);
        unqueue(answer.slot);
        wake(answer.slot, ANSWERED)
    :: else         /* ENOTWAITING */
    fi
}

proctype client(byte me)
{
    byte calls = 0, server;

    do
    :: calls == CALLS -> break
    :: else ->
        calls++;
        atomic {
            select(server : 0 .. SERVERS - 1);
            if
            :: dead[server]         /* EDEADENDPOINT at once */
            :: else ->
                token[me]++;
                call_id[me]++;
                state[me] = CALLING;
                partner[me] = server;
                if
                :: deadline[me] = true
                :: deadline[me] = false
                fi;
                queue[me] = SENDERS;
                queued_at[me] = server
            fi
        }
        state[me] != CALLING;
        state[me] = FREE_TO_GO
    od;
    finished++
}

#ifdef SEEDED_ERROR_2
#define LEAVE_QUEUE(who) skip
#else
#define LEAVE_QUEUE(who) unqueue(who)
#endif

/* thread_wait_expired */
inline expire(who)
{
    state[who] == CALLING && deadline[who] ->
    LEAVE_QUEUE(who);
    wake(who, TIMED_OUT)
}

active proctype clock()
{
end:
    do
    :: atomic { expire(0) }
    :: atomic { expire(1) }
    od
}

proctype server(byte me)
{
    request held[HELD];
    byte count = 0, from, which;

end:
    do
    :: dead[me] -> break
    /* ipc_receive: somebody in the queue */
    :: atomic {
        !dead[me] && count < HELD &&
        ((queue[0] == SENDERS && queued_at[0] == me) ||
         (queue[1] == SENDERS && queued_at[1] == me)) ->
        if
        :: queue[0] == SENDERS && queued_at[0] == me -> from = 0
        :: queue[1] == SENDERS && queued_at[1] == me -> from = 1
        fi;
        assert(state[from] == CALLING && partner[from] == me);
        taken[from] = true;
        queue[from] = TAKENS;
        held[count].slot = from;
        held[count].generation = generation[from];
        held[count].id = call_id[from];
        held[count].token = token[from];
        count++;
        from = 0
    }
    :: atomic {
        !dead[me] && count > 0 && finished < CLIENTS ->
        select(which : 0 .. count - 1);
        reply(me, held[which]);
        which = 0
    }
    /* Who only ever meant to answer the other one's callers: tried by error 5. */
    :: atomic {
        !dead[me] && count == 0 && finished < CLIENTS ->
        select(which : 0 .. CLIENTS - 1);
        if
        :: state[which] == CALLING && partner[which] != me ->
            held[0].slot = which;
            held[0].generation = generation[which];
            held[0].id = call_id[which];
            held[0].token = NOBODY;
            reply(me, held[0]);
            held[0].slot = 0;
            held[0].generation = 0;
            held[0].id = 0;
            held[0].token = 0
        :: else
        fi;
        which = 0
    }
    od
}

#ifdef SEEDED_ERROR_3
#define WAITS_FOR(who, victim) (queue[who] == SENDERS && queued_at[who] == victim)
#else
#define WAITS_FOR(who, victim) (queue[who] != NOWHERE && queued_at[who] == victim)
#endif

/* process_dead: the callers in both lists are told. */
inline die(victim)
{
    !dead[victim] ->
    dead[victim] = true;
    for (who : 0 .. CLIENTS - 1) {
        if
        :: WAITS_FOR(who, victim) ->
            unqueue(who);
            wake(who, DEAD_PEER)
        :: else
        fi
    }
    who = 0
}

active proctype reaper()
{
    byte who;

end:
    do
    :: atomic { die(0) }
    :: atomic { die(1) }
    od
}

/* The thread in slot 0 dies while it waits; the next one there starts to count anew. */
active proctype slot_reuse()
{
end_nobody_waited:
    atomic {
        state[0] == CALLING ->
        unqueue(0);
        call_id[0] = 0;
        generation[0]++;
        wake(0, FREE_TO_GO)
    }
end_done:
    false
}

init {
    byte i;

    atomic {
        for (i : 0 .. SERVERS - 1) {
            run server(i)
        }
        for (i : 0 .. CLIENTS - 1) {
            run client(i)
        }
        i = 0
    }
}
