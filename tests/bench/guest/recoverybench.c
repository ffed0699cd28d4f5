/*
 * recoverybench SERVICE [TIMES]: kills a service that many times by order and prints the median time
 * of each phase of its way back, counted from the order.
 */
#include "bench.h"

#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMES_DEFAULT 11u
#define NOTIFY_NAME 0 /* own bit: the service's name was published */

static uint64_t times_us[PHASES][BENCH_SAMPLES_MAX];
static unsigned counts[PHASES];

/* One death and return; 0 or 1 (an exit status). */
static int run_once(const char *service)
{
    const char *stage = "the service isn't up";
    struct rs_service_info before;
    struct recovery recovery;
    uint64_t log_start = 0, order_ticks;
    int status = service_settle(service, &before);

    if (status == 0) {
        stage = "RS's log can't be read";
        status = rs_log_end(&log_start);
    }
    order_ticks = ticks_now();
    if (status == 0) {
        stage = "RS refuses the order";
        status = rs_control(service, RS_KILL);
    }
    if (status == 0)
        status = recovery_observe(service, before.endpoint, log_start, NOTIFY_NAME, &recovery,
                                  &stage);
    if (status != 0) {
        fprintf(stderr, "recoverybench: %s: %s: %s\n", service, stage, anole_error_text(status));
        return 1;
    }
    for (enum recovery_phase phase = 0; phase < PHASES; phase++) {
        if (recovery.reached[phase])
            times_us[phase][counts[phase]++] = ticks_to_us(recovery.time_ticks[phase] -
                                                           order_ticks);
    }
    return 0;
}

int main(int argc, char *argv[])
{
    unsigned long times = TIMES_DEFAULT;
    char *end = NULL;

    if (argc == 3)
        times = strtoul(argv[2], &end, 10);
    if (argc < 2 || argc > 3 || (end != NULL && *end != '\0') || times == 0 ||
        times > BENCH_SAMPLES_MAX) {
        fprintf(stderr, "usage: recoverybench SERVICE [TIMES]    1 to %u, default %u\n",
                BENCH_SAMPLES_MAX, TIMES_DEFAULT);
        return 2;
    }
    for (unsigned long i = 0; i < times; i++) {
        if (run_once(argv[1]) != 0)
            return 1;
    }
    printf("recovery of %s: medians of %lu, from the order on\n", argv[1], times);
    for (enum recovery_phase phase = 0; phase < PHASES; phase++) {
        if (counts[phase] == 0)
            continue;
        uint64_t us = bench_median(times_us[phase], counts[phase]);
        printf("%-12s %6lu.%03lu ms\n", recovery_phase_name(phase), (unsigned long)(us / 1000),
               (unsigned long)(us % 1000));
    }
    return 0;
}
