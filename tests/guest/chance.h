/*
 * Numbers that look random and come from a seed alone.
 */
#ifndef CHANCE_H
#define CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

/* A generator for the n-th part of what the seed decides. */
struct chance chance_make(uint64_t seed, uint64_t n);
uint64_t chance_next(struct chance *chance);
/* 0 .. below - 1 */
uint64_t chance_below(struct chance *chance, uint64_t below);
/* True once in so many times. */
bool chance_one_in(struct chance *chance, uint64_t times);
/* A number of any magnitude: its length in bits is random. */
uint64_t chance_magnitude(struct chance *chance);

#endif
