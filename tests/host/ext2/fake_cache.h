/*
 * A double of the ext2 server's block cache (servers/ext2/cache.h) over a file of the build
 * machine: each block is a piece of memory of its own, so that the address sanitizer sees what goes
 * beyond it. What isn't there yet is waited for.
 */
#ifndef TESTS_HOST_EXT2_FAKE_CACHE_H
#define TESTS_HOST_EXT2_FAKE_CACHE_H

#include <libfs/server.h>
#include <stdbool.h>
#include <stdint.h>

struct fake_cache_behaviour {
    uint64_t bad_block;           /* its reads fail with -ANOLE_EIO; 0: none */
    bool log_invalid;             /* the next cache_open says -ANOLE_EPROTO */
    bool keep;                    /* cache_close keeps all, as if the server had died */
    unsigned changes_max;         /* of one transaction; 0: no limit */
    unsigned largest;             /* transaction so far */
    unsigned writes_until_error;  /* cache_write fails at that one; 0: never */
    unsigned ahead_room;          /* blocks that are read ahead at a time; 0: no limit */
    unsigned ahead;               /* so far */
    unsigned reads;               /* of one block, so far */
    unsigned commits_until_death; /* see fake_cache_go_back; 0: never */
};
extern struct fake_cache_behaviour fake_cache;

/* The file behind all disks; image_fd < 0: `image` of that length in memory, which must live on. */
void fake_cache_use(int image_fd, uint8_t *image, uint64_t image_len);
/* As if the server had died: the next cache_open finds what was committed, and only that. */
void fake_cache_die(void);
/* The cache as it was after commits_until_death commits, for the next cache_open. False: there were
 * fewer. */
bool fake_cache_go_back(void);
/* Frees all; nothing is written. */
void fake_cache_reset(void);

/* ---- the client's data: a piece of memory ---- */
struct fs_data {
    uint8_t *bytes;
    uint64_t len;
    uint64_t fails_at; /* copies that go beyond it fail; UINT64_MAX: never */
    bool placed;       /* what goes to the file's end goes to this position */
    uint64_t position;
};

/* Runs function(argument) on a coroutine until it ends. */
void run_to_end(void (*function)(void *argument), void *argument);

/* What the server logged last; "" at first. */
extern char last_log[256];

#endif
