/*
 * date: the wall-clock time. The clock driver puts the time of tick 0 on the info page, so nobody
 * needs to be asked.
 */
#include "common/arguments.h"

#include <libanole/anole.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_S 1000000000ul

int main(int argc, char *argv[])
{
    uint64_t base = info_page()->wall_clock_ns;
    char text[40];
    struct tm parts;

    (void)argv;
    if (argc != 1)
        return print_usage("date");
    if (base == 0) {
        fprintf(stderr, "date: the time is not known: no clock driver has set it\n");
        return 1;
    }
    time_t seconds = (time_t)((base + ticks_to_us(ticks_now()) * 1000) / NS_PER_S);
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &parts) == 0) {
        fprintf(stderr, "date: the clock says %ld s since 1970, which is no date\n", (long)seconds);
        return 1;
    }
    printf("%s\n", text);
    return 0;
}
