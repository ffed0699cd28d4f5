/*
 * memcpy and memmove, a word at a time: the C library's are byte loops. Called by everyone, and by
 * the compiler. Loads and stores are aligned, so no hart needs to emulate them; of a misaligned
 * source, whole words are read that hold at least one byte of it, which never leaves its pages.
 */
#include "word.h"

#include <string.h>

static void copy_bytes(unsigned char *to, const unsigned char *from, size_t len)
{
    while (len--)
        *to++ = *from++;
}

/* Both aligned; len is a multiple of a word. */
static void copy_words(word_t *to, const word_t *from, size_t len)
{
    for (; len >= BLOCK; len -= BLOCK, to += 8, from += 8) {
        word_t a = from[0], b = from[1], c = from[2], d = from[3];
        word_t e = from[4], f = from[5], g = from[6], h = from[7];

        to[0] = a, to[1] = b, to[2] = c, to[3] = d;
        to[4] = e, to[5] = f, to[6] = g, to[7] = h;
    }
    for (; len; len -= WORD)
        *to++ = *from++;
}

/* Only to is aligned; len is a multiple of a word and not 0. Each word is put together of two. */
static void copy_shifted(word_t *to, const unsigned char *from, size_t len)
{
    size_t off = misalignment(from);
    unsigned low = (unsigned)off * 8, high = 64 - low;
    const word_t *source = (const word_t *)(const void *)(from - off);
    word_t have = *source++;

    for (; len; len -= WORD) {
        word_t next = *source++;

        *to++ = have >> low | next << high;
        have = next;
    }
}

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
    unsigned char *target = to;
    const unsigned char *source = from;

    if (len >= WORDS_FROM) {
        size_t head = to_border(target);
        size_t body = (len - head) & ~(WORD - 1);

        copy_bytes(target, source, head);
        target += head;
        source += head;
        if (misalignment(source) == 0)
            copy_words((word_t *)(void *)target, (const word_t *)(const void *)source, body);
        else
            copy_shifted((word_t *)(void *)target, source, body);
        target += body;
        source += body;
        len -= head + body;
    }
    copy_bytes(target, source, len);
    return to;
}

static void copy_bytes_down(unsigned char *to_end, const unsigned char *from_end, size_t len)
{
    while (len--)
        *--to_end = *--from_end;
}

static void copy_words_down(word_t *to_end, const word_t *from_end, size_t len)
{
    for (; len; len -= WORD)
        *--to_end = *--from_end;
}

/* From the end, for a target that overlaps the source's end. */
static void copy_down(unsigned char *to, const unsigned char *from, size_t len)
{
    unsigned char *to_end = to + len;
    const unsigned char *from_end = from + len;

    if (len >= WORDS_FROM && misalignment(to_end) == misalignment(from_end)) {
        size_t tail = misalignment(to_end);
        size_t body = (len - tail) & ~(WORD - 1);

        copy_bytes_down(to_end, from_end, tail);
        to_end -= tail;
        from_end -= tail;
        copy_words_down((word_t *)(void *)to_end, (const word_t *)(const void *)from_end, body);
        to_end -= body;
        from_end -= body;
        len -= tail + body;
    }
    copy_bytes_down(to_end, from_end, len);
}

void *memmove(void *to, const void *from, size_t len)
{
    uintptr_t distance = (uintptr_t)to - (uintptr_t)from;

    if (distance >= len && -distance >= BLOCK)
        return memcpy(to, from, len);
    if (distance >= len)
        copy_bytes(to, from, len);
    else
        copy_down(to, from, len);
    return to;
}
