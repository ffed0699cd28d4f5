/*
 * Finds the commands in the boot arguments: all that follows the first word `--`.
 */
#include "boot_arguments.h"

#include <stddef.h>
#include <string.h>

const char *boot_commands(const char *arguments)
{
    const char *p = arguments;

    for (;;) {
        p += strspn(p, " ");
        size_t len = strcspn(p, " ");

        if (len == 0)
            return NULL;
        if (len == 2 && p[0] == '-' && p[1] == '-')
            return p + 2 + strspn(p + 2, " ");
        p += len;
    }
}
