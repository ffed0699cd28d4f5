/*
 * Ticks and microseconds at a given tick rate, and nothing of the system: time.c feeds them the
 * info page's rate. All saturate instead of wrapping.
 */
#ifndef LIBANOLE_CONVERT_H
#define LIBANOLE_CONVERT_H

#include <stdint.h>

/* rate: ticks per second, > 0 and < 2^44. Rounds up, so that a wait is never short. */
uint64_t convert_us_to_ticks(uint64_t microseconds, uint64_t rate);
/* Rounds down. */
uint64_t convert_ticks_to_us(uint64_t ticks, uint64_t rate);
uint64_t convert_ticks_to_ns(uint64_t ticks, uint64_t rate);
/* now + delta; UINT64_MAX is "for ever" and stays so. */
uint64_t convert_add(uint64_t now, uint64_t delta);

#endif
