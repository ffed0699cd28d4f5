/*
 * libload: the startup page, built in the loader's memory before it is written into the child.
 */
#include "load.h"
#include <anole/error.h>
#include <string.h>

int load_startup_build(struct startup_page *page, const struct startup_page *header,
                       const char *strings, size_t len)
{
    uint32_t count = 0;
    if (len > STARTUP_STRINGS_MAX) {
        return -ANOLE_ENOSPC;
    }
    if (len > 0 && strings[len - 1] != '\0') {
        return -ANOLE_EINVAL;
    }
    for (size_t at = 0; at < len; at += strlen(strings + at) + 1) {
        count++;
    }
    if (count > STARTUP_ARGUMENTS_MAX || header->environment_count > count) {
        return -ANOLE_EINVAL;
    }
    *page = *header;
    page->magic = STARTUP_MAGIC;
    page->argument_count = count - header->environment_count;
    page->strings_len = (uint32_t)len;
    page->stack_pointer = USER_STACK_TOP - startup_strings_room(count, len);
    page->name[sizeof(page->name) - 1] = '\0';
    page->device[sizeof(page->device) - 1] = '\0';
    return 0;
}
