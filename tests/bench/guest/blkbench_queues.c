/*
 * Two clients at a time, each a thread on a hart of its own: both at the disk's first queue, and each
 * at its own hart's. The rate is that of both together, from the first one's start to the last one's
 * end.
 */
#include "blkbench.h"

#include <libanole/anole.h>
#include <libbench/bench.h>
#include <stdatomic.h>
#include <stdio.h>

#define CLIENTS 2u
#define SAMPLES 7u
#define STACK_BYTES 65536u
#define BIT_BLK 4u
#define LOOK_US 200u

static const struct workload work = {"", 4096, 32, 4096, RANDOM, false};

struct client_thread {
    const char *name;
    unsigned hart;
    unsigned queue_hart;
    uint64_t random;
};

/* The main thread and the clients' meet before and after each sample. */
static _Atomic unsigned arrived, released;

static void meet(unsigned round)
{
    atomic_fetch_add(&arrived, 1);
    while (atomic_load(&released) < round)
        sleep_us(LOOK_US);
}

static void release(unsigned round)
{
    while (atomic_load(&arrived) < round * CLIENTS)
        sleep_us(LOOK_US);
    atomic_store(&released, round);
}

static void client_main(void *argument)
{
    struct client_thread *self = argument;
    struct blk_client *client;
    const struct blk_client_options options = {
        .depth = DEPTH_MAX,
        .pool_bytes = POOL_BYTES,
        .notify_bit = BIT_BLK,
        .hart = 1 + self->queue_hart,
    };
    must(blk_open(&client, self->name, &options), self->name);
    for (unsigned i = 0; i < SAMPLES; i++) {
        meet(2 * i + 1);
        (void)run_sample(client, &work, work.read_bytes, &self->random);
        meet(2 * i + 2);
    }
    must(blk_close(client), "close");
    meet(2 * SAMPLES + 1);
    kcall_thread_exit();
}

static uint64_t reads_per_second(const char *name, unsigned queues)
{
    static struct client_thread threads[CLIENTS];
    uint64_t samples[SAMPLES];
    endpoint_t endpoint;
    atomic_store(&arrived, 0);
    atomic_store(&released, 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        threads[i] = (struct client_thread){
            .name = name, .hart = i, .queue_hart = i % queues, .random = 88172645463325252ul + i};
        must(thread_start(client_main, &threads[i], STACK_BYTES, (uint64_t)1 << i, &endpoint),
             "a client's thread");
    }
    for (unsigned i = 0; i < SAMPLES; i++) {
        release(2 * i + 1);
        uint64_t start = ticks_now();
        release(2 * i + 2);
        samples[i] = bench_ns(ticks_now() - start);
    }
    release(2 * SAMPLES + 1);
    return CLIENTS * work.reads * 1000000000ul / (bench_median(samples, SAMPLES) + 1);
}

void bench_queues(const char *name)
{
    struct blk_client *client;
    const struct blk_client_options options = {.notify_bit = BIT_BLK};
    must(blk_open(&client, name, &options), name);
    unsigned queues = blk_client_info(client)->queues;
    uint64_t bytes = blk_client_info(client)->capacity_sectors * BLK_SECTOR_SIZE;
    must(blk_close(client), "close");
    if (queues < 2 || info_page()->harts < CLIENTS || bytes < work.read_bytes) {
        printf("   two clients, two queues    skipped: %u queues, %u harts\n", queues,
               info_page()->harts);
        return;
    }
    uint64_t one = reads_per_second(name, 1);
    uint64_t two = reads_per_second(name, 2);
    printf("   4 KiB two clients, depth 32 each: %8lu reads/s at one queue %8lu at two: %lu%%\n",
           (unsigned long)one, (unsigned long)two, (unsigned long)(two * 100 / (one + 1)));
}
