/*
 * testkit: what the guest's test programs share: checks, groups of tests that each run in a process of
 * their own (so that nothing of one is left for the next and a crash fails only its own), a child that
 * does what its parent asks for, and threads that make one call.
 */
#ifndef TESTKIT_H
#define TESTKIT_H

#include <libanole/anole.h>
#include <stdatomic.h>

/* Each program says what it is called, to be started again as a child. */
extern const char test_name[];

#define PATIENCE_US 5000000ul /* for what must happen; only a failure waits that long */

/* ---- checks (testkit.c) ---- */

/* Counts a check; prints where and what if it failed. Returns ok. */
__attribute__((format(printf, 3, 4))) bool check(bool ok, int line, const char *format, ...);
/* The same for a status that is expected. */
bool check_status(int found, int expected, int line, const char *what);
/* Ends the group as skipped, with its reason. */
__attribute__((format(printf, 1, 2))) _Noreturn void skip(const char *format, ...);

#define CHECK(condition) check((condition), __LINE__, "%s", #condition)
#define EXPECT(call, expected) check_status((call), (expected), __LINE__, #call)

/* ---- another process (testkit_child.c) ---- */

/*
 * What a child does for the process that started it. Requests are PROTO_TEST messages; the status is
 * that of what it did. Patterns: pattern_fill and pattern_check with the seed given.
 */
enum child_request {
    CHILD_ECHO = MESSAGE_TYPE(PROTO_TEST, 1),      /* -> each word + 1 */
    CHILD_STATUS = MESSAGE_TYPE(PROTO_TEST, 2),    /* w0 the status to answer with */
    CHILD_HOLD = MESSAGE_TYPE(PROTO_TEST, 3),      /* kept waiting */
    CHILD_RELEASE = MESSAGE_TYPE(PROTO_TEST, 4),   /* w0 1: answers the one kept longest, 0: the
                                                     newest -> status of the reply */
    CHILD_EXIT = MESSAGE_TYPE(PROTO_TEST, 5),      /* w0 its exit status; no answer */
    CHILD_FAULT = MESSAGE_TYPE(PROTO_TEST, 6),     /* loads from address w0; no answer */
    CHILD_RING = MESSAGE_TYPE(PROTO_TEST, 7),      /* w0 doorbell of the caller, w1 how often */
    CHILD_CALL = MESSAGE_TYPE(PROTO_TEST, 8),      /* w0 endpoint, w1 type, w2 microseconds: calls
                                                     it with w3-6 as first words -> its words */
    CHILD_COPY = MESSAGE_TYPE(PROTO_TEST, 9),      /* w0 grant of the caller, w1 offset, w2 length,
                                                     w3 COPY_*, w4 seed: fills its buffer and
                                                     copies it, or copies and checks (EPROTO) */
    CHILD_GRANT = MESSAGE_TYPE(PROTO_TEST, 10),    /* w0 length, w1 GRANT_*, w2 seed -> w0 grant of
                                                     its buffer, filled */
    CHILD_MAP = MESSAGE_TYPE(PROTO_TEST, 11),      /* w0 region of the caller, w1 offset, w2 length,
                                                     w3 PROT_*: maps it */
    CHILD_PEEK = MESSAGE_TYPE(PROTO_TEST, 12),     /* w0 offset in what it mapped -> w0 the word */
    CHILD_POKE = MESSAGE_TYPE(PROTO_TEST, 13),     /* w0 offset in what it mapped, w1 the word */
    CHILD_REGION = MESSAGE_TYPE(PROTO_TEST, 14),   /* w0 length, w1 PROT_*, w2 seed -> w0 offer of a
                                                     region that it filled */
    CHILD_SLEEP = MESSAGE_TYPE(PROTO_TEST, 15),    /* w0 microseconds: answers, then doesn't receive
                                                     for so long */
    CHILD_RIGHTS = MESSAGE_TYPE(PROTO_TEST, 16),   /* w0 kernel call: makes it with absurd words */
    CHILD_DOORBELL = MESSAGE_TYPE(PROTO_TEST, 17), /* w0 bit from 1 -> w0 doorbell for the caller */
    CHILD_RUNG = MESSAGE_TYPE(PROTO_TEST, 18), /* -> w0 the bits that rang since the last time */
    CHILD_COPY_LOOP = MESSAGE_TYPE(PROTO_TEST, 20), /* w0 grant of the caller, w1 length, w2 COPY_*,
                                                       w3 times at most: ends with the first error
                                                       -> w0 times that it was copied */
    CHILD_DMA_MAP = MESSAGE_TYPE(PROTO_TEST, 21),   /* w0 grant of the caller, w1 offset, w2 length,
                                                     w3 DMA_* -> w0 handle, w1 segments, w2 device
                                                     address of the first, w3 bytes of all */
    CHILD_DMA_UNMAP = MESSAGE_TYPE(PROTO_TEST, 22), /* w0 handle */
    CHILD_DMA_LOOP = MESSAGE_TYPE(PROTO_TEST,
                                  23),          /* as CHILD_COPY_LOOP with w2 DMA_*: maps, unmaps */
    CHILD_KCALL = MESSAGE_TYPE(PROTO_TEST, 24), /* w0 kernel call, w1-6 its words -> w0-6 what it
                                                    gave */
};

/* 64 pages, a step of the kernel's, and some more. */
#define CHILD_BUFFER 0x42000u

/* Runs a child; the endpoint it was told to serve is its first argument. */
int child_main(const char *parent);
/* Starts one: this program again. Ends the group as failed if that can't be done. */
endpoint_t child_start(void);
/* A request with a deadline: the delivery's error or the child's status. */
int child_call(endpoint_t child, enum child_request type, struct message *message);
/* Tells the child to exit, waits for its end: true if it ended as told. */
bool child_end(endpoint_t child);

void pattern_fill(void *buffer, size_t len, uint64_t seed);
bool pattern_check(const void *buffer, size_t len, uint64_t seed);

/* ---- another thread that makes one call (testkit_caller.c) ---- */

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

/* ---- groups (testkit.c) ---- */

struct group {
    const char *name;
    void (*run)(void);
};

struct test_program {
    const struct group *groups;
    unsigned group_count;
    unsigned named_only; /* so many groups, the last ones, run only if they are named */
    bool counts_frames;  /* after each group free memory must be what it was before */
    const char
        *subject_name; /* the first argument says what is tested: its name for usage; NULL: no */
};

/* What is tested, if the program asks for that. */
extern const char *test_subject;

/*
 * main() of a test program: [SUBJECT] [GROUP...] runs these groups, or all, each in a process of its own, and
 * adds the results up. The exit status: 0 if nothing failed.
 */
int test_main(const struct test_program *program, int argc, char *argv[]);

/* Free memory and what this process has, in frames: equal before and after what leaks nothing. */
uint64_t frames_in_reach(void);
/* Before the first count: waits until all services have started, and memory has been the same for a while,
 * since who started this program gives back what that took. */
void memory_settle(void);
/* Waits until there are so many again. False: there are not, after PATIENCE_US. */
bool frames_are_back(uint64_t expected);

#endif
