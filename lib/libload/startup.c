/*
 * libload: the startup page, built in the loader's memory before it is written into the child.
 */
#include "load.h"
#include <anole/error.h>
#include <string.h>

int load_startup_build(uint8_t page[PAGE_SIZE], const struct startup_page *header,
                       const char *strings, size_t len)
{
    struct startup_page startup = *header;
    startup.magic = STARTUP_MAGIC;
    startup.argument_count = 0;
    startup.name[sizeof(startup.name) - 1] = '\0';
    startup.device[sizeof(startup.device) - 1] = '\0';
    if (len > LOAD_STRINGS_MAX) {
        return -ANOLE_ENOSPC;
    }
    if (len > 0 && strings[len - 1] != '\0') {
        return -ANOLE_EINVAL;
    }
    for (size_t at = 0; at < len; at += strlen(strings + at) + 1) {
        if (startup.argument_count == STARTUP_ARGUMENTS_MAX) {
            return -ANOLE_EINVAL;
        }
        startup.argument[startup.argument_count++] = (uint32_t)(sizeof(startup) + at);
    }
    if (startup.environment_count > startup.argument_count) {
        return -ANOLE_EINVAL;
    }
    startup.argument_count -= startup.environment_count;
    memset(page, 0, PAGE_SIZE);
    memcpy(page, &startup, sizeof(startup));
    if (len > 0) {
        memcpy(page + sizeof(startup), strings, len);
    }
    return 0;
}
