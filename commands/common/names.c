/*
 * The names in a directory: see names.h.
 */
#include "names.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16u

/* Room for one more. */
static bool names_grow(struct names *names)
{
    if (names->count < names->room)
        return true;
    size_t room = names->room == 0 ? FIRST_ROOM : names->room * 2;
    char **list = realloc(names->list, room * sizeof(*list));
    if (list == NULL)
        return false;
    names->list = list;
    names->room = room;
    return true;
}

bool names_add(struct names *names, const char *name)
{
    char *copy = names_grow(names) ? strdup(name) : NULL;

    if (copy != NULL)
        names->list[names->count++] = copy;
    return copy != NULL;
}

bool names_terminate(struct names *names)
{
    if (!names_grow(names))
        return false;
    names->list[names->count] = NULL;
    return true;
}

void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
    *names = (struct names){0};
}

static int compare(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

void names_sort(struct names *names)
{
    if (names->count > 1)
        qsort(names->list, names->count, sizeof(*names->list), compare);
}

/* 0 or the errno that ended it. */
static int read_all(struct names *names, DIR *directory)
{
    struct dirent *entry;

    errno = 0;
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !names_add(names, entry->d_name))
            return ENOMEM;
        errno = 0;
    }
    return errno;
}

bool names_read(struct names *names, const char *directory)
{
    DIR *opened = opendir(directory);

    *names = (struct names){0};
    if (opened == NULL)
        return false;
    int error = read_all(names, opened);
    closedir(opened);
    if (error != 0) {
        names_free(names);
        errno = error;
        return false;
    }
    names_sort(names);
    return true;
}
