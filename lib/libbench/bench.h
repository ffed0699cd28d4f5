/*
 * What the benchmarks share: medians, and numbers of the kernel's counters per operation. There is no
 * floating point; fractions are printed in hundredths.
 */
#ifndef LIBBENCH_BENCH_H
#define LIBBENCH_BENCH_H

#include <anole/process.h>
#include <proto/blk.h>
#include <stddef.h>
#include <stdint.h>

/* Sorts the values and returns their median. */
uint64_t bench_median(uint64_t *values, unsigned count);
/* Sorts the values. */
void bench_sort(uint64_t *values, unsigned count);
/* Of sorted values, the smallest that so many percent of them don't exceed. */
uint64_t bench_percentile(const uint64_t *sorted, unsigned count, unsigned percent);
/* Nanoseconds of that many ticks. */
uint64_t bench_ns(uint64_t ticks);
/* Total per operation as "12.34", in a buffer of at least 24 bytes; returns the buffer. */
char *bench_per_op(char *buffer, size_t len, uint64_t total, uint64_t operations);
/* The harts' counters summed; exits with a message if the kernel doesn't tell. */
void bench_counters(struct counters *counters);
/* What the driver of a disk, or of a partition's disk, counts; exits with a message if it doesn't tell. */
void bench_disk_stats(const char *name, struct blk_stats *stats);

#endif
