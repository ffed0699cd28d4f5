/*
 * Conversions of time that never wrap. Called by time.c; tested on the build machine.
 */
#include <libanole/convert.h>
#include <stdbool.h>

#define US_PER_SECOND 1000000u
#define NS_PER_SECOND 1000000000u

/* value * to / from without wrapping for from, to < 2^44; the remainder rounded up if asked. */
static uint64_t scale(uint64_t value, uint64_t from, uint64_t to, bool round_up)
{
    uint64_t whole, part, sum;

    if (__builtin_mul_overflow(value / from, to, &whole)) {
        return UINT64_MAX;
    }
    part = value % from;
    if (__builtin_mul_overflow(part, to, &part)) {
        return UINT64_MAX;
    }
    if (round_up && part % from != 0) {
        part += from - part % from;
    }
    return __builtin_add_overflow(whole, part / from, &sum) ? UINT64_MAX : sum;
}

uint64_t convert_us_to_ticks(uint64_t microseconds, uint64_t rate)
{
    return scale(microseconds, US_PER_SECOND, rate, true);
}

uint64_t convert_ticks_to_us(uint64_t ticks, uint64_t rate)
{
    return scale(ticks, rate, US_PER_SECOND, false);
}

uint64_t convert_ticks_to_ns(uint64_t ticks, uint64_t rate)
{
    return scale(ticks, rate, NS_PER_SECOND, false);
}

uint64_t convert_add(uint64_t now, uint64_t delta)
{
    uint64_t sum;

    return __builtin_add_overflow(now, delta, &sum) ? UINT64_MAX : sum;
}
