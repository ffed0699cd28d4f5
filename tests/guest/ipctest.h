/*
 * ipctest: what its files share. Each group of tests runs in a process of its own (ipctest GROUP),
 * so that nothing of one group is left for the next and a crash fails only its own.
 */
#ifndef IPCTEST_H
#define IPCTEST_H

#include <libanole/anole.h>
#include <stdatomic.h>

#define PATIENCE_US 5000000ul /* for what must happen; only a failure waits that long */

/* ---- checks (ipctest.c) ---- */

/* Counts a check; prints where and what if it failed. Returns ok. */
__attribute__((format(printf, 3, 4))) bool check(bool ok, int line, const char *format, ...);
/* The same for a status that is expected. */
bool check_status(int found, int expected, int line, const char *what);
/* Ends the group as skipped, with its reason. */
__attribute__((format(printf, 1, 2))) _Noreturn void skip(const char *format, ...);

#define CHECK(condition) check((condition), __LINE__, "%s", #condition)
#define EXPECT(call, expected) check_status((call), (expected), __LINE__, #call)

/* ---- another process (ipctest_child.c) ---- */

/*
 * What a child does for the process that started it. Requests are PROTO_TEST messages; the status is
 * that of what it did. Patterns: pattern_fill and pattern_check with the seed given.
 */
enum child_request {
    CHILD_ECHO = MESSAGE_TYPE(PROTO_TEST, 1),    /* -> each word + 1 */
    CHILD_STATUS = MESSAGE_TYPE(PROTO_TEST, 2),  /* w0 the status to answer with */
    CHILD_HOLD = MESSAGE_TYPE(PROTO_TEST, 3),    /* kept waiting */
    CHILD_RELEASE = MESSAGE_TYPE(PROTO_TEST, 4), /* w0 1: answers the one kept longest, 0: the
                                                     newest -> status of the reply */
    CHILD_EXIT = MESSAGE_TYPE(PROTO_TEST, 5),    /* w0 its exit status; no answer */
    CHILD_FAULT = MESSAGE_TYPE(PROTO_TEST, 6),   /* loads from address w0; no answer */
    CHILD_RING = MESSAGE_TYPE(PROTO_TEST, 7),    /* w0 doorbell of the caller, w1 how often */
    CHILD_CALL = MESSAGE_TYPE(PROTO_TEST, 8),    /* w0 endpoint, w1 type, w2 microseconds: calls
                                                     it with w3-6 as first words */
    CHILD_COPY = MESSAGE_TYPE(PROTO_TEST, 9),    /* w0 grant of the caller, w1 offset, w2 length,
                                                     w3 COPY_*, w4 seed: fills its buffer and
                                                     copies it, or copies and checks (EPROTO) */
    CHILD_GRANT = MESSAGE_TYPE(PROTO_TEST, 10),  /* w0 length, w1 GRANT_*, w2 seed -> w0 grant of
                                                     its buffer, filled */
    CHILD_MAP = MESSAGE_TYPE(PROTO_TEST, 11),    /* w0 region of the caller, w1 offset, w2 length,
                                                     w3 PROT_*: maps it */
    CHILD_PEEK = MESSAGE_TYPE(PROTO_TEST, 12),   /* w0 offset in what it mapped -> w0 the word */
    CHILD_POKE = MESSAGE_TYPE(PROTO_TEST, 13),   /* w0 offset in what it mapped, w1 the word */
    CHILD_REGION = MESSAGE_TYPE(PROTO_TEST, 14), /* w0 length, w1 PROT_*, w2 seed -> w0 offer of a
                                                     region that it filled */
    CHILD_SLEEP = MESSAGE_TYPE(PROTO_TEST, 15),  /* w0 microseconds: answers, then doesn't receive
                                                     for so long */
    CHILD_RIGHTS = MESSAGE_TYPE(PROTO_TEST, 16), /* w0 kernel call: makes it with absurd words */
};

#define CHILD_BUFFER 131072u

/* Runs a child; the endpoint it was told to serve is its first argument. */
int child_main(const char *parent);
/* Starts one. Ends the group as failed if that can't be done. */
endpoint_t child_start(void);
/* A request with a deadline: the delivery's error or the child's status. */
int child_call(endpoint_t child, enum child_request type, struct message *message);
/* Tells the child to exit, waits for its end: true if it ended as told. */
bool child_end(endpoint_t child);

void pattern_fill(void *buffer, size_t len, uint64_t seed);
bool pattern_check(const void *buffer, size_t len, uint64_t seed);

/* ---- another thread that makes one call (ipctest_caller.c) ---- */

struct caller {
    endpoint_t thread;
    struct message message; /* the request; then what came back */
    uint64_t deadline_ticks;
    int status; /* of ipc_call */
    _Atomic bool go;
    _Atomic bool done;
};

/* Starts a thread that calls with caller->message, and returns when it is in its call (or has made it).
 * Ends the group if there is no thread to be had. */
void caller_start(struct caller *caller);
/* Waits until its call has returned. False: it hasn't, after PATIENCE_US. */
bool caller_wait(struct caller *caller);
/* Takes the next request within PATIENCE_US; no notifications. */
int take_request(struct ipc_delivery *delivery);

/* A thread that runs entry(argument) on a small stack; ends the group if there is none to be had. */
endpoint_t start_thread(void (*entry)(void *), void *argument, uint64_t hart_mask);

/* ---- the groups ---- */
struct group {
    const char *name;
    void (*run)(void);
};

/* ipctest_messages.c */
void group_messages(void);
void group_destinations(void);
void group_deadlines(void);
void group_replies(void);
void group_order(void);
void group_deadlock(void);
/* ipctest_deaths.c */
void group_server_death(void);
void group_client_death(void);
void group_watch(void);
void group_endpoints(void);
/* ipctest_doorbells.c */
void group_doorbells(void);
void group_masks(void);
void group_fairness(void);
void group_alarms(void);
/* ipctest_memory.c */
void group_map(void);
void group_regions(void);
void group_region_peers(void);
/* ipctest_grants.c */
void group_grants(void);
void group_copies(void);
void group_batches(void);
/* ipctest_kernel.c */
void group_rights(void);
void group_information(void);
void group_counters(void);
void group_log(void);
void group_addresses(void);
/* ipctest_threads.c */
void group_threads(void);
void group_harts(void);
void group_load(void);

#endif
