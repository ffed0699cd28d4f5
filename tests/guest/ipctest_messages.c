/*
 * ipctest: requests, replies, deadlines, call ids, cycles of calls.
 */
#include "ipctest.h"

#define SHORT_US 20000ul
#define LATE_US 300000ul /* time enough for a thread to start and be received from */

static uint64_t us_since(uint64_t start_ticks)
{
    return ticks_to_us(ticks_now() - start_ticks);
}

void group_messages(void)
{
    endpoint_t child = child_start();
    struct message message = {.endpoint = child, .type = CHILD_ECHO};

    for (unsigned i = 0; i < MESSAGE_WORDS; i++)
        message.word[i] = 0xfedcba9876543210ul + i;
    EXPECT(ipc_call(&message, deadline_in_us(PATIENCE_US)), 0);
    CHECK(message.endpoint == child);
    CHECK(message.type == 0);
    for (unsigned i = 0; i < MESSAGE_WORDS; i++)
        CHECK(message.word[i] == 0xfedcba9876543211ul + i);

    /* The status of a reply is the server's: any 32 bits. */
    static const int statuses[] = {0, -ANOLE_EIO, -ANOLE_EGIVENUP, 1, INT32_MAX, INT32_MIN};
    for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        message = (struct message){.word = {(uint64_t)(int64_t)statuses[i]}};
        EXPECT(child_call(child, CHILD_STATUS, &message), statuses[i]);
    }
    message = (struct message){0};
    EXPECT(child_call(child, (enum child_request)MESSAGE_TYPE(PROTO_TEST, 200), &message),
           -ANOLE_ENOSYS);
    child_end(child);

    /* From the other side: the request is from whom it says, with a call id. */
    struct caller caller = {
        .message = {.endpoint = startup_page()->self, .type = 77, .word = {1, 2, 3, 4, 5, 6, 7}},
        .deadline_ticks = DEADLINE_NEVER,
    };
    struct ipc_delivery request;
    caller_start(&caller);
    EXPECT(take_request(&request), 0);
    CHECK(request.message.endpoint == caller.thread);
    CHECK(request.message.type == 77);
    CHECK(request.call_id != 0);
    for (unsigned i = 0; i < MESSAGE_WORDS; i++)
        CHECK(request.message.word[i] == i + 1);
    EXPECT(ipc_reply(&request.message, request.call_id), 0);
    CHECK(caller_wait(&caller));
    EXPECT(caller.status, 0);
    CHECK(caller.message.endpoint == startup_page()->self);
}

void group_destinations(void)
{
    endpoint_t self = startup_page()->self;
    struct message message = {.endpoint = ENDPOINT_NONE};

    EXPECT(ipc_call(&message, deadline_in_us(PATIENCE_US)), -ANOLE_EDEADENDPOINT);
    message.endpoint = endpoint_make(endpoint_slot(self), endpoint_generation(self) + 1);
    EXPECT(ipc_call(&message, deadline_in_us(PATIENCE_US)), -ANOLE_EDEADENDPOINT);
    message.endpoint = endpoint_make(endpoint_slot(self), endpoint_generation(self) - 1);
    EXPECT(ipc_call(&message, deadline_in_us(PATIENCE_US)), -ANOLE_EDEADENDPOINT);
    message.endpoint = endpoint_make(ENDPOINT_SLOTS - 1, ENDPOINT_GENERATION_MAX);
    EXPECT(ipc_call(&message, deadline_in_us(PATIENCE_US)), -ANOLE_EDEADENDPOINT);
    message.endpoint = self;
    EXPECT(ipc_call(&message, deadline_in_us(PATIENCE_US)), -ANOLE_EDEADLOCK);

    /* Kernel calls that don't exist. */
    static const uint32_t unknown[] = {0, KCALL_LIMIT - 1, KCALL_LIMIT, 1000, UINT32_MAX};
    for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        message = (struct message){.endpoint = ENDPOINT_KERNEL, .type = unknown[i]};
        EXPECT(ipc_call(&message, DEADLINE_NEVER), -ANOLE_ENOSYS);
    }
}

/* A server that takes the request and doesn't answer, and one that doesn't even take it. */
static void check_call_deadline(endpoint_t child, enum child_request type, uint64_t taken)
{
    struct message message = {.endpoint = child, .type = type};
    uint64_t start = ticks_now();

    EXPECT(ipc_call(&message, deadline_in_us(SHORT_US)), -ANOLE_ETIMEDOUT);
    CHECK(us_since(start) >= SHORT_US);
    CHECK(us_since(start) < PATIENCE_US);
    CHECK(message.word[0] == taken);
}

void group_deadlines(void)
{
    struct ipc_delivery delivery;
    uint64_t start = ticks_now();

    EXPECT(ipc_receive(&delivery, NOTIFY_ALL, DEADLINE_POLL, 0), -ANOLE_ETIMEDOUT);
    EXPECT(ipc_receive(&delivery, 0, start, 0), -ANOLE_ETIMEDOUT);
    EXPECT(ipc_receive(&delivery, 0, deadline_in_us(SHORT_US), 0), -ANOLE_ETIMEDOUT);
    CHECK(us_since(start) >= SHORT_US);
    start = ticks_now();
    EXPECT(ipc_receive(&delivery, 0, deadline_in_us(SHORT_US), RECEIVE_NO_REQUESTS),
           -ANOLE_ETIMEDOUT);
    CHECK(us_since(start) >= SHORT_US);
    start = ticks_now();
    sleep_us(SHORT_US);
    CHECK(us_since(start) >= SHORT_US);

    endpoint_t child = child_start();
    struct message message = {0};
    check_call_deadline(child, CHILD_HOLD, 1);
    message = (struct message){.word = {10 * SHORT_US}};
    EXPECT(child_call(child, CHILD_SLEEP, &message), 0);
    check_call_deadline(child, CHILD_ECHO, 0);

    /* A request that timed out before it was taken is never seen by the server. */
    message = (struct message){.word = {7}};
    EXPECT(child_call(child, CHILD_ECHO, &message), 0);
    CHECK(message.word[0] == 8);
    /* The one that it holds is not waited for any more. */
    message = (struct message){.word = {1}};
    EXPECT(child_call(child, CHILD_RELEASE, &message), -ANOLE_ENOTWAITING);

    /* A deadline that has passed: whatever happens, it doesn't wait. */
    start = ticks_now();
    message = (struct message){.endpoint = child, .type = CHILD_HOLD};
    EXPECT(ipc_call(&message, DEADLINE_POLL), -ANOLE_ETIMEDOUT);
    CHECK(us_since(start) < PATIENCE_US);
    child_end(child);
}

/* Replies that nobody waits for, or nobody waits for any more. */
void group_replies(void)
{
    endpoint_t self = startup_page()->self;
    struct ipc_delivery request, again;
    struct message stray = {.endpoint = self};
    struct caller caller = {.message = {.endpoint = self, .type = 5},
                            .deadline_ticks = deadline_in_us(LATE_US)};
    struct counters before, after;

    EXPECT(ipc_reply(&stray, 1), -ANOLE_ENOTWAITING);
    stray.endpoint = ENDPOINT_KERNEL;
    EXPECT(ipc_reply(&stray, 0), -ANOLE_ENOTWAITING);
    stray.endpoint = ENDPOINT_NONE;
    EXPECT(ipc_reply(&stray, 0), -ANOLE_ENOTWAITING);

    /* Late: the deadline has passed. */
    caller_start(&caller);
    EXPECT(take_request(&request), 0);
    CHECK(caller_wait(&caller));
    EXPECT(caller.status, -ANOLE_ETIMEDOUT);
    CHECK(caller.message.word[0] == 1);
    EXPECT(ipc_reply(&request.message, request.call_id), -ANOLE_ENOTWAITING);

    /* A wrong call id answers nobody, the right one once. */
    struct caller second = {.message = {.endpoint = self, .type = 6},
                            .deadline_ticks = DEADLINE_NEVER};
    caller_start(&second);
    EXPECT(take_request(&request), 0);
    EXPECT(ipc_reply(&request.message, request.call_id + 1), -ANOLE_ENOTWAITING);
    EXPECT(ipc_reply(&request.message, request.call_id - 1), -ANOLE_ENOTWAITING);
    CHECK(!atomic_load(&second.done));
    EXPECT(ipc_reply(&request.message, request.call_id), 0);
    EXPECT(ipc_reply(&request.message, request.call_id), -ANOLE_ENOTWAITING);
    CHECK(caller_wait(&second));

    /* In the server loop's call a failed reply is counted, and the receive goes on. */
    again = request;
    EXPECT(kcall_counters(self, &before), 0);
    EXPECT(ipc_reply_receive(&again, 0, DEADLINE_POLL), -ANOLE_ETIMEDOUT);
    EXPECT(kcall_counters(self, &after), 0);
    CHECK(after.failed_replies == before.failed_replies + 1);

    /* And a good one is sent before the wait. */
    struct caller third = {.message = {.endpoint = self, .type = 7},
                           .deadline_ticks = DEADLINE_NEVER};
    caller_start(&third);
    EXPECT(take_request(&request), 0);
    request.message.word[0] = 1234;
    EXPECT(ipc_reply_receive(&request, 0, deadline_in_us(SHORT_US)), -ANOLE_ETIMEDOUT);
    CHECK(caller_wait(&third));
    CHECK(third.status == 0 && third.message.word[0] == 1234);
}

/* First come, first taken; answers in any order. */
void group_order(void)
{
    enum { CALLERS = 3 };
    struct caller callers[CALLERS];
    struct ipc_delivery requests[CALLERS];

    for (unsigned i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){
            .message = {.endpoint = startup_page()->self, .type = 10 + i},
            .deadline_ticks = DEADLINE_NEVER,
        };
        caller_start(&callers[i]);
    }
    for (unsigned i = 0; i < CALLERS; i++) {
        EXPECT(take_request(&requests[i]), 0);
        CHECK(requests[i].message.type == 10 + i);
    }
    for (unsigned i = CALLERS; i-- > 0;) {
        requests[i].message.word[0] = 100 + i;
        for (unsigned j = 0; j <= i; j++)
            CHECK(!atomic_load(&callers[j].done));
        EXPECT(ipc_reply(&requests[i].message, requests[i].call_id), 0);
        CHECK(caller_wait(&callers[i]));
        CHECK(callers[i].status == 0 && callers[i].message.word[0] == 100 + i);
    }

    /* The same through another process, which keeps the callers. */
    endpoint_t child = child_start();
    for (unsigned i = 0; i < 2; i++) {
        callers[i] = (struct caller){.message = {.endpoint = child, .type = CHILD_HOLD},
                                     .deadline_ticks = DEADLINE_NEVER};
        caller_start(&callers[i]);
    }
    struct message message = {.word = {0}};
    EXPECT(child_call(child, CHILD_RELEASE, &message), 0);
    CHECK(caller_wait(&callers[1]));
    CHECK(!atomic_load(&callers[0].done));
    EXPECT(child_call(child, CHILD_RELEASE, &message), 0);
    CHECK(caller_wait(&callers[0]));
    child_end(child);
}

/* Who would close a cycle of calls gets an error; the others go on. */
void group_deadlock(void)
{
    endpoint_t self = startup_page()->self, child = child_start(), other = child_start();
    struct message message;

    /* I call the child, which calls me. */
    message = (struct message){.word = {self, CHILD_ECHO, PATIENCE_US}};
    EXPECT(child_call(child, CHILD_CALL, &message), -ANOLE_EDEADLOCK);

    /* I call a child that calls another child that calls me. */
    message = (struct message){
        .word = {other, CHILD_CALL, PATIENCE_US, self, CHILD_ECHO, PATIENCE_US},
    };
    EXPECT(child_call(child, CHILD_CALL, &message), -ANOLE_EDEADLOCK);

    /* Two threads of one process call each other. */
    struct ipc_delivery request;
    struct caller peer = {.message = {.endpoint = self, .type = 9},
                          .deadline_ticks = DEADLINE_NEVER};
    caller_start(&peer);
    EXPECT(take_request(&request), 0);
    message = (struct message){.endpoint = peer.thread};
    EXPECT(ipc_call(&message, deadline_in_us(PATIENCE_US)), -ANOLE_EDEADLOCK);
    EXPECT(ipc_reply(&request.message, request.call_id), 0);
    CHECK(caller_wait(&peer));

    /* Nothing of that hurt the children. */
    message = (struct message){0};
    EXPECT(child_call(child, CHILD_ECHO, &message), 0);
    EXPECT(child_call(other, CHILD_ECHO, &message), 0);
    child_end(child);
    child_end(other);
}
