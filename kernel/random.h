/*
 * The kernel's random numbers: ChaCha20 (RFC 8439) keyed from the firmware's seed, with the key
 * replaced by each output block, so that earlier output can't be found from a later state.
 */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include <stdint.h>

void random_init(const uint8_t *seed, unsigned len, uint64_t more);
void random_words(uint64_t words[4]);
/* Later words depend on these, too. Whoever chooses them without knowing the state learns nothing and
 * takes nothing away from it. */
void random_mix(const uint64_t words[4]);

#endif
