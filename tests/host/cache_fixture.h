/*
 * What tests of the block cache start from: kept memory, a fake disk, a loop as the server has it,
 * and deaths of the server.
 */
#ifndef TESTS_CACHE_FIXTURE_H
#define TESTS_CACHE_FIXTURE_H

#include "fake_disk.h"

#include <servers/ext2/cache_internal.h>

#define BLOCK 4096u
#define BLOCKS (FAKE_DISK_BYTES / BLOCK)
#define AGE_US 5000000u

extern uint8_t *kept_memory;
extern size_t kept_len;
extern struct cache *cache;

/* A fresh disk, and kept memory with room for at least so many blocks. */
void fixture_new(uint32_t seed, unsigned slots);
void fixture_end(void);
/* cache_open with these, on a coroutine and to its end. */
int open_cache(void);
int open_cache_with(uint32_t block_size, bool read_only);
int close_cache(bool force);
/* The server dies: what waits, waits for ever; memory and disk stay. */
void kill_server(void);
/* The loop, until nothing moves any more without time passing. */
void settle(void);
/* Time passes, the loop runs. */
void pass_us(uint64_t microseconds);
/* Runs function(argument) on a coroutine and settles; it must have ended. */
void run(void (*function)(void *argument), void *argument);

/* Whole operations, to their end. `fill` makes the bytes of a block. */
int put_block(uint64_t block, uint8_t fill);
int read_block(uint64_t block, uint8_t *fill); /* -ERANGE: not all bytes are the same */
int write_blocks(const uint64_t *blocks, unsigned count, bool flush);
int sync_cache(void);
/* What the disk has of it. */
uint8_t on_disk(uint64_t block);
uint8_t durable(uint64_t block);

#endif
