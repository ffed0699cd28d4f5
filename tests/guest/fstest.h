/*
 * fstest's groups.
 */
#ifndef FSTEST_H
#define FSTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fstest {
    const char *directory; /* in which all happens */
    uint64_t seed;
    uint32_t operations;
    bool shrink, big;
    const char *only;    /* numbers of operations; NULL: all */
    unsigned workers;    /* programs at once */
    const char *program; /* this one, to be started again */
};

/* Each prints one line that begins with its name and says how it ended: false is a failure. */
bool group_random(const struct fstest *test);
bool group_storm(const struct fstest *test);
bool group_holes(const struct fstest *test);
bool group_names(const struct fstest *test);
bool group_full(const struct fstest *test);
bool group_inodes(const struct fstest *test);
bool group_shared(const struct fstest *test);
bool group_promises(const struct fstest *test);
bool group_raw(const struct fstest *test);
/* One of the programs of group_shared. */
bool shared_worker(const struct fstest *test, unsigned number);

/* Prints "group: " and what went wrong with errno's text: false. */
__attribute__((format(printf, 2, 3))) bool group_failed(const char *group, const char *format, ...);

#endif
