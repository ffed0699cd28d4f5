/*
 * sleep: waits some seconds, with up to three decimals.
 */
#include "common/arguments.h"

#include <libanole/anole.h>
#include <string.h>

#define SECONDS_MAX 1000000ul

/* "1.25" -> 1250. False: that's no such number. */
static bool parse_milliseconds(const char *text, uint64_t *ms)
{
    char whole[16];
    size_t digits = strcspn(text, ".");
    uint64_t seconds = 0, fraction = 0, weight = 1000;

    if (digits == 0 || digits >= sizeof(whole))
        return false;
    memcpy(whole, text, digits);
    whole[digits] = '\0';
    if (!parse_number(whole, SECONDS_MAX, &seconds))
        return false;
    if (text[digits] == '.') {
        const char *p = text + digits + 1;
        size_t decimals = strlen(p);

        if (decimals == 0 || decimals > 3 || strspn(p, "0123456789") != decimals ||
            !parse_number(p, 999, &fraction))
            return false;
        while (decimals-- > 0)
            weight /= 10;
        fraction *= weight;
    }
    *ms = seconds * 1000 + fraction;
    return true;
}

int main(int argc, char *argv[])
{
    uint64_t ms;

    if (argc != 2 || !parse_milliseconds(argv[1], &ms))
        return print_usage("sleep SECONDS    up to three decimals");
    sleep_us(ms * 1000);
    return 0;
}
