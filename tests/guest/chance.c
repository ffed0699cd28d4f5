/*
 * Chance, by splitmix64: see chance.h.
 */
#include "chance.h"

uint64_t chance_next(struct chance *chance)
{
    uint64_t x = chance->state += 0x9e3779b97f4a7c15ul;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ul;
    x = (x ^ x >> 27) * 0x94d049bb133111ebul;
    return x ^ x >> 31;
}

struct chance chance_make(uint64_t seed, uint64_t n)
{
    struct chance chance = {.state = seed};

    chance.state = chance_next(&chance) ^ n * 0xd6e8feb86659fd93ul;
    return chance;
}

uint64_t chance_below(struct chance *chance, uint64_t below)
{
    return chance_next(chance) % below;
}

bool chance_one_in(struct chance *chance, uint64_t times)
{
    return chance_below(chance, times) == 0;
}

uint64_t chance_magnitude(struct chance *chance)
{
    uint64_t bits = chance_next(chance);

    return bits >> chance_below(chance, 64);
}
