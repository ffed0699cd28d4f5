/*
 * memset, a word at a time.
 */
#include "word.h"

#include <string.h>

static void set_bytes(unsigned char *to, unsigned char value, size_t len)
{
    while (len--)
        *to++ = value;
}

void *memset(void *to, int value, size_t len)
{
    unsigned char *target = to;
    unsigned char byte = (unsigned char)value;

    if (len >= WORDS_FROM) {
        size_t head = to_border(target);
        word_t *words = (word_t *)(void *)(target + head);
        word_t pattern = byte * (word_t)0x0101010101010101;

        set_bytes(target, byte, head);
        len -= head;
        for (; len >= BLOCK; len -= BLOCK, words += 8) {
            words[0] = words[1] = words[2] = words[3] = pattern;
            words[4] = words[5] = words[6] = words[7] = pattern;
        }
        for (; len >= WORD; len -= WORD)
            *words++ = pattern;
        target = (unsigned char *)words;
    }
    set_bytes(target, byte, len);
    return to;
}
