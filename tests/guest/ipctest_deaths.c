/*
 * ipctest: what the living see of deaths, and that a dead one's name is never another's.
 */
#include "ipctest.h"

#include <stdio.h>

#define WATCH_BIT 3

/* Callers in every stage learn of the server's death: taken, queued, and who comes later. */
static void check_callers_of_dead(enum child_request how, uint64_t word, enum death_cause expected)
{
    endpoint_t child = child_start();
    struct caller held = {.message = {.endpoint = child, .type = CHILD_HOLD},
                          .deadline_ticks = DEADLINE_NEVER};
    struct caller last = {.message = {.endpoint = child, .type = how, .word = {word}},
                          .deadline_ticks = DEADLINE_NEVER};
    struct caller queued = {.message = {.endpoint = child, .type = CHILD_ECHO},
                            .deadline_ticks = DEADLINE_NEVER};
    struct message message = {.word = {20000}};
    enum death_cause cause = DEATH_NONE;
    uint64_t detail = 0;

    caller_start(&held);
    EXPECT(child_call(child, CHILD_SLEEP, &message), 0);
    caller_start(&last);
    caller_start(&queued);
    CHECK(caller_wait(&held) && caller_wait(&last) && caller_wait(&queued));
    EXPECT(held.status, -ANOLE_EDEADENDPOINT);
    EXPECT(last.status, -ANOLE_EDEADENDPOINT);
    /* The queued one may have been answered if its thread was faster than the fatal request. */
    CHECK(queued.status == -ANOLE_EDEADENDPOINT || queued.status == 0);
    EXPECT(child_call(child, CHILD_ECHO, &message), -ANOLE_EDEADENDPOINT);
    EXPECT(program_wait(child, &cause, &detail), 0);
    CHECK(cause == expected);
    CHECK(detail == word);
}

void group_server_death(void)
{
    check_callers_of_dead(CHILD_EXIT, 7, DEATH_EXIT);
    check_callers_of_dead(CHILD_FAULT, 0, DEATH_LOAD_FAULT);
    check_callers_of_dead(CHILD_FAULT, USER_END - 8, DEATH_LOAD_FAULT);
    check_callers_of_dead(CHILD_FAULT, 0xffffffc000000000ul, DEATH_LOAD_FAULT);

    endpoint_t child = child_start();
    struct caller held = {.message = {.endpoint = child, .type = CHILD_HOLD},
                          .deadline_ticks = DEADLINE_NEVER};
    enum death_cause cause = DEATH_NONE;
    uint64_t detail;

    caller_start(&held);
    sleep_us(5000);
    EXPECT(program_kill(child), 0);
    CHECK(caller_wait(&held));
    EXPECT(held.status, -ANOLE_EDEADENDPOINT);
    EXPECT(program_wait(child, &cause, &detail), 0);
    CHECK(cause == DEATH_KILLED);
    CHECK(program_wait(child, &cause, &detail) != 0); /* once only */
    CHECK(program_kill(child) != 0);
}

/* Has the child call this thread, through a thread that waits for the child meanwhile. */
static void start_calling_child(endpoint_t child, struct caller *caller)
{
    *caller = (struct caller){
        .message = {.endpoint = child,
                    .type = CHILD_CALL,
                    .word = {startup_page()->self, CHILD_ECHO, PATIENCE_US}},
        .deadline_ticks = DEADLINE_NEVER,
    };
    caller_start(caller);
}

void group_client_death(void)
{
    endpoint_t child = child_start();
    struct ipc_delivery request;
    struct caller caller;
    enum death_cause cause;
    uint64_t detail;

    /* The client dies between its request and the answer. */
    start_calling_child(child, &caller);
    EXPECT(take_request(&request), 0);
    CHECK(request.message.endpoint == child);
    EXPECT(program_kill(child), 0);
    CHECK(caller_wait(&caller));
    EXPECT(ipc_reply(&request.message, request.call_id), -ANOLE_ENOTWAITING);
    EXPECT(program_wait(child, &cause, &detail), 0);

    /* It dies before its request was taken: nobody is received. */
    child = child_start();
    start_calling_child(child, &caller);
    sleep_us(20000);
    EXPECT(program_kill(child), 0);
    CHECK(caller_wait(&caller));
    EXPECT(ipc_receive(&request, 0, deadline_in_us(1000), 0), -ANOLE_ETIMEDOUT);
    EXPECT(program_wait(child, &cause, &detail), 0);
}

void group_watch(void)
{
    endpoint_t child = child_start(), unwatched = child_start();
    struct ipc_delivery delivery;
    handle_t watch, second, closed;

    EXPECT(kcall_watch(child, NOTIFY_OWN_BITS, &watch), -ANOLE_EINVAL);
    EXPECT(kcall_watch(child, NOTIFY_DEATH, &watch), -ANOLE_EINVAL);
    EXPECT(kcall_watch(ENDPOINT_NONE, WATCH_BIT, &watch), -ANOLE_EDEADENDPOINT);
    EXPECT(kcall_watch(child, WATCH_BIT, &watch), 0);
    EXPECT(kcall_watch(child, WATCH_BIT + 1, &second), 0);
    EXPECT(kcall_watch(unwatched, WATCH_BIT + 2, &closed), 0);
    EXPECT(kcall_close(closed), 0);
    EXPECT(kcall_close(closed), -ANOLE_EBADHANDLE);
    EXPECT(ipc_receive(&delivery, NOTIFY_ALL, DEADLINE_POLL, 0), -ANOLE_ETIMEDOUT);

    child_end(unwatched);
    child_end(child);
    uint64_t bits = 0;
    while (bits != (NOTIFY_BIT(WATCH_BIT) | NOTIFY_BIT(WATCH_BIT + 1))) {
        if (!EXPECT(ipc_receive(&delivery, NOTIFY_ALL, deadline_in_us(PATIENCE_US), 0), 0))
            break;
        CHECK(delivery.message.type == MESSAGE_NOTIFICATIONS);
        CHECK(delivery.message.endpoint == ENDPOINT_KERNEL);
        CHECK(delivery.call_id == 0);
        bits |= delivery.message.word[0];
    }
    CHECK(bits == (NOTIFY_BIT(WATCH_BIT) | NOTIFY_BIT(WATCH_BIT + 1)));
    EXPECT(kcall_watch(child, WATCH_BIT, &watch), -ANOLE_EDEADENDPOINT);
    EXPECT(kcall_close(second), 0);
}

/* A name is never used again, and the stale one stays dead whoever has the slot now. */
void group_endpoints(void)
{
    enum { LIVES = 12 };
    endpoint_t seen[LIVES];
    endpoint_t process;
    unsigned id;

    for (unsigned i = 0; i < LIVES; i++) {
        struct message message = {0};

        seen[i] = child_start();
        EXPECT(kcall_endpoint_info(seen[i], &process, &id), 0);
        CHECK(process == seen[i]);
        child_end(seen[i]);
        for (unsigned j = 0; j < i; j++)
            CHECK(seen[j] != seen[i]);
        EXPECT(child_call(seen[i], CHILD_ECHO, &message), -ANOLE_EDEADENDPOINT);
        EXPECT(kcall_endpoint_info(seen[i], &process, &id), -ANOLE_EDEADENDPOINT);
    }
}
