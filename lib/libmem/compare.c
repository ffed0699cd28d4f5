/*
 * memcmp, a word at a time where both sides have the same alignment.
 */
#include "word.h"

#include <string.h>

static int compare_bytes(const unsigned char *a, const unsigned char *b, size_t len)
{
    for (; len; len--, a++, b++) {
        if (*a != *b)
            return *a < *b ? -1 : 1;
    }
    return 0;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const unsigned char *left = a, *right = b;

    if (len >= WORDS_FROM && misalignment(left) == misalignment(right)) {
        size_t head = to_border(left);
        int order = compare_bytes(left, right, head);

        if (order)
            return order;
        left += head;
        right += head;
        len -= head;
        while (len >= WORD &&
               *(const word_t *)(const void *)left == *(const word_t *)(const void *)right) {
            left += WORD;
            right += WORD;
            len -= WORD;
        }
    }
    return compare_bytes(left, right, len);
}
