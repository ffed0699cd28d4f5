/*
 * blkbench DEV: reads through libblk: 4 KiB at random positions one at a time by message and by
 * channel, then with 32 in flight; 4 KiB in sequence, where the driver merges neighbours, and with
 * gaps, where it can't; and 1 MiB (or what one request may have at most) in sequence with 4 in
 * flight; and two clients at one queue and at two, where there are two. Next to each rate stand the kernel's and the driver's exact counts per read. The disk
 * is only read.
 */
#include "blkbench.h"

#include <libanole/anole.h>
#include <libbench/bench.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 5u
#define BIT_BLK 4 /* first of libblk's two own bits */

static const struct workload workloads[] = {
    {"random, by message", 4096, 1, 1000, RANDOM, true},
    {"random, depth 1", 4096, 1, 1000, RANDOM, false},
    {"random, depth 32", 4096, 32, 4096, RANDOM, false},
    {"with gaps, depth 32", 4096, 32, 4096, WITH_GAPS, false},
    {"in sequence, depth 32", 4096, 32, 4096, IN_SEQUENCE, false},
    {"in sequence, depth 4", 1 << 20, 4, 64, IN_SEQUENCE, false},
};

void must(int status, const char *what)
{
    if (status == 0)
        return;
    fprintf(stderr, "blkbench: %s: %s\n", what, anole_error_text(status));
    exit(1);
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The position of read number n. */
static uint64_t sector_of(const struct workload *work, const struct blk_info *info, uint32_t n,
                          uint64_t read_bytes, uint64_t *random)
{
    uint64_t sectors = read_bytes / BLK_SECTOR_SIZE;
    uint64_t places = info->capacity_sectors / sectors;

    switch (work->order) {
    case IN_SEQUENCE:
        return n % places * sectors;
    case WITH_GAPS:
        return 2ul * n % places * sectors;
    default:
        return random_next(random) % places * sectors;
    }
}

uint64_t run_sample(struct blk_client *client, const struct workload *work, uint64_t read_bytes,
                    uint64_t *random)
{
    const struct blk_info *info = blk_client_info(client);
    struct blk_completion completions[DEPTH_MAX];
    uint32_t free_slots[DEPTH_MAX], free_count = work->depth, submitted = 0, completed = 0;
    uint64_t start = ticks_now();

    for (uint32_t i = 0; i < work->depth; i++)
        free_slots[i] = i;
    while (completed < work->reads) {
        while (free_count > 0 && submitted < work->reads) {
            uint32_t slot = free_slots[--free_count];
            struct blk_io io = {
                .op = BLK_OP_READ,
                .sector = sector_of(work, info, submitted, read_bytes, random),
                .pool_offset = slot * read_bytes,
                .len_bytes = read_bytes,
                .tag = slot,
            };
            must(blk_submit(client, &io), "submit");
            submitted++;
        }
        int count = blk_reap(client, completions, DEPTH_MAX, 1);
        must(count < 0 ? count : 0, "reap");
        for (int i = 0; i < count; i++) {
            must(completions[i].status, "read");
            free_slots[free_count++] = (uint32_t)completions[i].tag;
            completed++;
        }
    }
    return bench_ns(ticks_now() - start);
}

static void print_result(const struct workload *work, uint64_t median_ns, uint64_t read_bytes,
                         const struct counters *spent, const struct blk_stats *before,
                         const struct blk_stats *after)
{
    uint64_t operations = (uint64_t)work->reads * SAMPLES;
    char columns[5][24];

    printf(
        "%4lu KiB %-22s %8lu reads/s %7lu MB/s %8s switches %6s kicks %6s interrupts %6s batches "
        "%6s merged %lu copied\n",
        (unsigned long)(read_bytes / 1024), work->name,
        (unsigned long)(work->reads * 1000000000ul / (median_ns + 1)),
        (unsigned long)(work->reads * read_bytes * 1000 / (median_ns + 1)),
        bench_per_op(columns[0], 24, spent->space_switches, operations),
        bench_per_op(columns[1], 24, after->kicks - before->kicks, operations),
        bench_per_op(columns[2], 24, after->interrupts - before->interrupts, operations),
        bench_per_op(columns[3], 24, after->batches - before->batches, operations),
        bench_per_op(columns[4], 24, after->merged - before->merged, operations),
        (unsigned long)(spent->copied_bytes + after->copied_bytes - before->copied_bytes));
    fflush(stdout);
}

static void measure(struct blk_client *client, const char *name, const struct workload *work)
{
    const struct blk_info *info = blk_client_info(client);
    uint64_t samples[SAMPLES], random = 0x9e3779b97f4a7c15ul, read_bytes = work->read_bytes;
    struct blk_stats stats_before = {0}, stats_after = {0};
    struct counters before, after;

    if (read_bytes > info->max_request_bytes)
        read_bytes = info->max_request_bytes / PAGE_SIZE * PAGE_SIZE;
    if (read_bytes < BLK_SECTOR_SIZE || info->capacity_sectors < read_bytes / BLK_SECTOR_SIZE) {
        printf("%-26s skipped: the disk has %lu sectors, a read at most %u bytes\n", work->name,
               (unsigned long)info->capacity_sectors, info->max_request_bytes);
        return;
    }
    bench_disk_stats(name, &stats_before);
    bench_counters(&before);
    for (unsigned i = 0; i < SAMPLES; i++)
        samples[i] = run_sample(client, work, read_bytes, &random);
    bench_counters(&after);
    bench_disk_stats(name, &stats_after);
    struct counters spent = {
        .space_switches = after.space_switches - before.space_switches,
        .copied_bytes = after.copied_bytes - before.copied_bytes,
    };
    print_result(work, bench_median(samples, SAMPLES), read_bytes, &spent, &stats_before,
                 &stats_after);
}

static void run(const char *name, const struct workload *work)
{
    struct blk_client_options options = {
        .message = work->message,
        .depth = DEPTH_MAX,
        .pool_bytes = POOL_BYTES,
        .notify_bit = BIT_BLK,
    };
    struct blk_client *client;

    must(blk_open(&client, name, &options), name);
    measure(client, name, work);
    must(blk_close(client), "close");
}

int main(int argc, char *argv[])
{
    if (argc != 2) {
        fprintf(stderr, "usage: blkbench DEV\n");
        return 2;
    }
    printf("blkbench %s: medians of %u samples, %u hart%s; counts per read\n", argv[1], SAMPLES,
           info_page()->harts, info_page()->harts == 1 ? "" : "s");
    for (unsigned i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
        run(argv[1], &workloads[i]);
    bench_queues(argv[1]);
    return 0;
}
