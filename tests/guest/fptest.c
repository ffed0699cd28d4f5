/*
 * fptest: the floating-point state of threads and programs, switched lazily by the kernel.
 *
 * Threads of this program and of further instances of it compute at the same time, each with numbers
 * of its own in as many registers as it can, give the hart away in the middle (by calls, by waits and
 * by being preempted), and compare with what they must get. Built for floating point; nothing else is.
 */
#include <libanole/anole.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 3u
#define CHILDREN 2u
#define ROUNDS 400
#define TERMS 16
#define STACK_BYTES 16384
#define PATIENCE_US 20000000ul
#define BIT_DONE 0

struct worker {
    double seed;
    handle_t doorbell; /* of the main thread's, rung at the end */
    volatile bool finished;
    volatile unsigned wrong;
};

static struct worker workers[THREADS];

/* x -> a x + b for TERMS accumulators that stay in registers; `pause` interrupts it. */
static void iterate(double accumulator[TERMS], double seed, unsigned rounds,
                    void (*pause)(unsigned))
{
    double a[TERMS];

    for (unsigned i = 0; i < TERMS; i++)
        a[i] = accumulator[i];
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < TERMS; i++)
            a[i] = a[i] * 0.9990234375 + seed * (double)(i + 1);
        if (pause)
            pause(round);
    }
    for (unsigned i = 0; i < TERMS; i++)
        accumulator[i] = a[i];
}

/* Gives the hart away in three ways; the accumulators are live across it. */
static void give_way(unsigned round)
{
    struct system_info info = {0};
    uint64_t until;

    switch (round % 4) {
    case 0:
        (void)kcall_system_info(&info);
        break;
    case 1:
        sleep_us(200);
        break;
    case 2:
        for (until = deadline_in_us(100); ticks_now() < until;)
            continue;
        break;
    default:
        break;
    }
}

/* True if computing with interruptions gives the same bits as computing without. */
static unsigned count_wrong(double seed)
{
    double disturbed[TERMS], alone[TERMS];
    unsigned wrong = 0;

    for (unsigned i = 0; i < TERMS; i++)
        disturbed[i] = alone[i] = seed + (double)i;
    iterate(alone, seed, ROUNDS, NULL);
    iterate(disturbed, seed, ROUNDS, give_way);
    for (unsigned i = 0; i < TERMS; i++)
        wrong += !(alone[i] <= disturbed[i] && alone[i] >= disturbed[i]); /* a NaN is wrong, too */
    return wrong;
}

static void work(void *argument)
{
    struct worker *worker = argument;

    worker->wrong = count_wrong(worker->seed);
    worker->finished = true;
    (void)ipc_notify(startup_page()->self, worker->doorbell);
    kcall_thread_exit();
}

static bool start_workers(double base)
{
    for (unsigned i = 0; i < THREADS; i++) {
        endpoint_t endpoint;
        workers[i].seed = base + (double)i * 0.125;
        if (kcall_doorbell(startup_page()->self, BIT_DONE, &workers[i].doorbell) != 0 ||
            thread_start(work, &workers[i], STACK_BYTES, 0, &endpoint) != 0)
            return false;
    }
    return true;
}

static bool workers_finished(void)
{
    for (unsigned i = 0; i < THREADS; i++)
        if (!workers[i].finished)
            return false;
    return true;
}

/* This instance's threads: how many numbers came out wrong, or -1. */
static int run_here(double base)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    struct ipc_delivery delivery;
    unsigned wrong;

    if (!start_workers(base))
        return -1;
    wrong = count_wrong(base - 1.0);
    while (!workers_finished())
        if (ipc_receive(&delivery, NOTIFY_BIT(BIT_DONE), deadline, RECEIVE_NO_REQUESTS) != 0)
            return -1;
    for (unsigned i = 0; i < THREADS; i++)
        wrong += workers[i].wrong;
    return (int)wrong;
}

static bool child_ended_well(endpoint_t child)
{
    enum death_cause cause = DEATH_NONE;
    uint64_t detail = 0;

    return program_wait(child, &cause, &detail) == 0 && cause == DEATH_EXIT && detail == 0;
}

int main(int argc, char *argv[])
{
    const char *const seeds[CHILDREN] = {"1", "2"};
    endpoint_t children[CHILDREN];
    bool good = true;
    int wrong;

    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return run_here(strtod(argv[2], NULL) * 1000.0) != 0;
    if (argc != 1) {
        fprintf(stderr, "usage: fptest\n");
        return 2;
    }
    for (unsigned i = 0; i < CHILDREN; i++) {
        const char *const arguments[] = {"fptest", "--child", seeds[i], NULL};
        int error = program_spawn(arguments, false, &children[i]);
        if (error) {
            printf("FAIL fptest: an instance can't be had: %s\n", anole_error_text(error));
            return 1;
        }
    }
    wrong = run_here(3.25);
    for (unsigned i = 0; i < CHILDREN; i++)
        good &= child_ended_well(children[i]);
    if (wrong == 0 && good)
        printf("PASS fptest: %u threads in %u programs\n", (THREADS + 1) * (CHILDREN + 1),
               CHILDREN + 1);
    else
        printf("FAIL fptest: %d wrong here, children %s\n", wrong, good ? "good" : "wrong");
    return wrong != 0 || !good;
}
