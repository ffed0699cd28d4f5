/*
 * A load on a disk that goes on while its driver dies: a thread that writes, reads and flushes through
 * libblk, and knows at every moment what each piece of its part of the disk must hold.
 */
#ifndef RECOVERY_LOAD_H
#define RECOVERY_LOAD_H

#include <stdint.h>

struct recovery_load_result {
    uint64_t writes, reads, flushes;
    uint64_t recoveries, replayed;
    uint64_t longest_recovery_us;
    uint64_t wrong;    /* pieces that didn't hold what they must */
    int status;        /* 0, or the error that ended it */
    const char *stage; /* what failed then */
};

/* Starts the thread, which opens the disk, and waits for its first answer (or failure, which the end
 * tells); overwrites up to 8 MiB in the disk's second half. 0 or -error. One load at a time. */
int recovery_load_start(const char *disk, uint64_t seed);
/* Ends it: flushes, reads everything once more, closes, and says how it went. */
void recovery_load_stop(struct recovery_load_result *result);

#endif
