/*
 * Numbers and usage errors on the commands' command lines.
 */
#include "arguments.h"

#include <stdio.h>

int print_usage(const char *text)
{
    fprintf(stderr, "usage: %s\n", text);
    return EXIT_USAGE;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

bool parse_number(const char *text, uint64_t max, uint64_t *value)
{
    uint64_t base = 10, number = 0;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        uint64_t digit = (uint64_t)digit_value(*text);

        if (digit >= base || digit > max || number > (max - digit) / base)
            return false;
        number = number * base + digit;
    }
    *value = number;
    return true;
}
