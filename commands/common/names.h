/*
 * The names in a directory, all at once, so that it may be changed meanwhile.
 */
#ifndef COMMANDS_NAMES_H
#define COMMANDS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct names {
    char **list; /* from malloc, each too */
    size_t count;
    size_t room;
};

/* Reads all names but "." and "..", in the order of their bytes. false, with errno set. */
bool names_read(struct names *names, const char *directory);
/* Adds a copy. false: no memory. */
bool names_add(struct names *names, const char *name);
/* Puts a NULL behind the last one, which doesn't count. false: no memory. */
bool names_terminate(struct names *names);
void names_sort(struct names *names);
void names_free(struct names *names);

#endif
