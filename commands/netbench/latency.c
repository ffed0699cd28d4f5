#include "netbench.h"

#include <libbench/bench.h>
#include <stdio.h>
#include <stdlib.h>

#define SAMPLES_MAX 200000u

bool latency_init(struct latency *latency)
{
    latency->count = 0;
    latency->room = SAMPLES_MAX;
    latency->ticks = malloc(SAMPLES_MAX * sizeof(latency->ticks[0]));
    return latency->ticks != NULL;
}

bool latency_add(struct latency *latency, uint64_t ticks)
{
    if (latency->count == latency->room)
        return false;
    latency->ticks[latency->count++] = ticks;
    return true;
}

static unsigned long tenths_of_us(const struct latency *latency, unsigned percent)
{
    return (unsigned long)(bench_ns(bench_percentile(latency->ticks, latency->count, percent)) /
                           100);
}

void latency_print(struct latency *latency, const char *what, const char *address, size_t len,
                   uint64_t us)
{
    static const unsigned percents[] = {50, 95, 99};
    static const char *const names[] = {"median", "95 %", "99 %"};

    printf("%s %s: %u exchanges of %zu bytes in %lu.%03lu s, %lu/s", what, address, latency->count,
           len, (unsigned long)(us / 1000000), (unsigned long)(us / 1000 % 1000),
           (unsigned long)(us > 0 ? latency->count * 1000000ul / us : 0));
    bench_sort(latency->ticks, latency->count);
    for (unsigned i = 0; latency->count > 0 && i < sizeof(percents) / sizeof(percents[0]); i++) {
        unsigned long tenths = tenths_of_us(latency, percents[i]);
        printf(", %s %lu.%lu us", names[i], tenths / 10, tenths % 10);
    }
    printf("\n");
}
