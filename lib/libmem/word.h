/*
 * What the functions of this directory share: memory seen as aligned 64-bit words.
 */
#ifndef LIBMEM_WORD_H
#define LIBMEM_WORD_H

#include <stddef.h>
#include <stdint.h>

#define WORD sizeof(word_t)
#define BLOCK (8 * WORD)

/* Below this length, bytes are as fast. */
#define WORDS_FROM 16u

/* May lie over objects of any type, and over padding. */
typedef uint64_t __attribute__((may_alias)) word_t;

static inline size_t misalignment(const void *pointer)
{
    return (uintptr_t)pointer % WORD;
}

/* Bytes up to the next word border. */
static inline size_t to_border(const void *pointer)
{
    return -(uintptr_t)pointer % WORD;
}

#endif
