/*
 * Medians and counters for the benchmarks.
 */
#include "bench.h"

#include <libanole/anole.h>
#include <stdio.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void bench_sort(uint64_t *values, unsigned count)
{
    qsort(values, count, sizeof(values[0]), compare);
}

uint64_t bench_percentile(const uint64_t *sorted, unsigned count, unsigned percent)
{
    unsigned rank = (count * percent + 99) / 100;

    return sorted[rank > 0 ? rank - 1 : 0];
}

uint64_t bench_median(uint64_t *values, unsigned count)
{
    bench_sort(values, count);
    return values[count / 2];
}

uint64_t bench_ns(uint64_t ticks)
{
    return ticks * (1000000000ul / info_page()->ticks_per_second);
}

char *bench_per_op(char *buffer, size_t len, uint64_t total, uint64_t operations)
{
    uint64_t hundredths = operations == 0 ? 0 : (total * 100 + operations / 2) / operations;

    snprintf(buffer, len, "%lu.%02lu", (unsigned long)(hundredths / 100),
             (unsigned long)(hundredths % 100));
    return buffer;
}

void bench_counters(struct counters *counters)
{
    int status = kcall_counters(ENDPOINT_KERNEL, counters);

    if (status != 0) {
        fprintf(stderr, "no counters from the kernel: %s\n", anole_error_text(status));
        exit(1);
    }
}
