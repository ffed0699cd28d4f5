/*
 * What blkbench's files share: a workload, and one sample of it.
 */
#ifndef BLKBENCH_H
#define BLKBENCH_H

#include <libblk/client.h>
#include <stdbool.h>
#include <stdint.h>

#define DEPTH_MAX 32u
#define POOL_BYTES (4ul << 20)

enum order { RANDOM, IN_SEQUENCE, WITH_GAPS };

struct workload {
    const char *name;
    uint64_t read_bytes;
    uint32_t depth;
    uint32_t reads; /* of one sample */
    enum order order;
    bool message; /* by messages instead of a channel */
};

/* Ends the program with a message unless status is 0. */
void must(int status, const char *what);

/* One sample: that many reads of read_bytes, `depth` in flight. random: the state of the positions'
 * generator. Returns nanoseconds. */
uint64_t run_sample(struct blk_client *client, const struct workload *work, uint64_t read_bytes,
                    uint64_t *random);

/* blkbench_queues.c: two clients, each on a hart of its own, at one queue and at two. */
void bench_queues(const char *name);

#endif
