/*
 * Time as programs see it: the tick counter, deadlines, sleeping, and the wall clock for the C
 * library. The tick rate and the wall-clock base stand in the info page.
 */
#include <libanole/anole.h>
#include <libanole/convert.h>
#include <sys/time.h>

#define US_PER_SECOND 1000000u
#define NS_PER_US 1000u

uint64_t ticks_now(void)
{
    uint64_t now;

    __asm__ volatile("rdtime %0" : "=r"(now));
    return now;
}

uint64_t ticks_from_us(uint64_t microseconds)
{
    return convert_us_to_ticks(microseconds, info_page()->ticks_per_second);
}

uint64_t ticks_to_us(uint64_t ticks)
{
    return convert_ticks_to_us(ticks, info_page()->ticks_per_second);
}

uint64_t deadline_in_us(uint64_t microseconds)
{
    return convert_add(ticks_now(), ticks_from_us(microseconds));
}

void sleep_until(uint64_t deadline_ticks)
{
    struct ipc_delivery nothing;

    while (ipc_receive(&nothing, 0, deadline_ticks, RECEIVE_NO_REQUESTS) != -ANOLE_ETIMEDOUT) {
    }
}

void sleep_us(uint64_t microseconds)
{
    sleep_until(deadline_in_us(microseconds));
}

/* For picolibc's time(): seconds since 1970, or -1 while nobody has set the clock. */
int gettimeofday(struct timeval *now, void *timezone)
{
    const struct info_page *info = info_page();
    uint64_t microseconds;

    (void)timezone;
    if (info->wall_clock_ns == 0) {
        return -1;
    }
    microseconds = info->wall_clock_ns / NS_PER_US + ticks_to_us(ticks_now());
    now->tv_sec = (time_t)(microseconds / US_PER_SECOND);
    now->tv_usec = (suseconds_t)(microseconds % US_PER_SECOND);
    return 0;
}
