/*
 * A disk behind libblk's interface for services, for tests on the build machine: with a volatile
 * cache that a reset loses, requests that take their time, errors, and an owner that dies while
 * its requests are under way. Time stands still unless a test moves it.
 */
#ifndef TESTS_FAKE_DISK_H
#define TESTS_FAKE_DISK_H

#include <libblk/client.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_DISK_BYTES (4u << 20)
#define FAKE_DISK_DEPTH 256u

struct fake_disk_request {
    struct blk_io io;
    uint8_t *pool;
    bool orphan; /* its client died */
};

struct fake_disk {
    uint8_t current[FAKE_DISK_BYTES]; /* what a read finds */
    uint8_t durable[FAKE_DISK_BYTES]; /* what a reset leaves */
    uint8_t
        flushed[FAKE_DISK_BYTES]; /* what the flush under way, of which there is one, must save */
    struct fake_disk_request pending[FAKE_DISK_DEPTH];
    unsigned pending_count;
    struct blk_completion done[FAKE_DISK_DEPTH];
    unsigned done_count;
    uint64_t epoch;
    uint64_t now; /* ticks: microseconds */
    uint32_t block_bytes;
    unsigned speed; /* requests that a step answers, in any order that is allowed */
    int status;     /* of blk_status while nothing of a dead client is under way */
    int read_error, write_error, flush_error;
    uint64_t bad_sector; /* only requests that have it fail; ~0: all */
    uint64_t reads, writes, flushes;
    uint32_t seed;
};
extern struct fake_disk fake_disk;

void fake_disk_new(uint32_t seed);
/* The disk's driver died, or the disk was reset: what wasn't flushed is lost; requests begin anew.
 * */
void fake_disk_reset(void);
/* Its client died; what is under way goes on. */
void fake_disk_orphan(void);
uint32_t fake_disk_chance(uint32_t below);

#endif
