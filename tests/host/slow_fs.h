/*
 * A file system whose operations wait when told to, and which outlives its server: it counts what it is
 * asked and has one file, "file", in its root.
 */
#ifndef TESTS_SLOW_FS_H
#define TESTS_SLOW_FS_H

#include "libfs_world.h"

#include <libcoro/coro.h>

struct slow_fs {
    struct coro *waiting;
    bool wait;
    unsigned creates, opens, closes, mounts;
    uint64_t written[8], reads[8]; /* positions */
    unsigned writes, read_count;
    uint64_t created_by;
    uint64_t grown; /* by writing */
    bool die;       /* in the middle of a write, before anything is written */
    unsigned syncs;
};
extern struct slow_fs slow;
/* As it was when a file was closed last. */
extern char slow_kept_at_close[FS_KEPT_LEN];

int slow_setup(void **state);
int slow_teardown(void **state);
#define SLOW(test) cmocka_unit_test_setup_teardown(test, slow_setup, slow_teardown)

#endif
