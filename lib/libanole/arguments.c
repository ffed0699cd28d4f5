/*
 * Packing of arguments for a spawn. Called by program.c; tested on the build machine.
 */
#include <anole/error.h>
#include <anole/layout.h>
#include <libanole/arguments.h>
#include <string.h>

int arguments_pack(const char *const argv[], char *buffer, size_t size, size_t *len)
{
    size_t used = 0;

    if (!argv[0] || argv[0][0] == '\0') {
        return -ANOLE_EINVAL;
    }
    for (unsigned i = 0; argv[i]; i++) {
        size_t bytes = strlen(argv[i]) + 1;

        if (i >= STARTUP_ARGUMENTS_MAX || bytes > size - used) {
            return -ANOLE_ERANGE;
        }
        memcpy(buffer + used, argv[i], bytes);
        used += bytes;
    }
    *len = used;
    return 0;
}
