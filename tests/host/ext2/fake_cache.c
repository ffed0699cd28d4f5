#include "tests/host/ext2/fake_cache.h"

#include "servers/ext2/cache.h"

#include <anole/error.h>
#include <assert.h>
#include <libanole/anole.h>
#include <libcoro/coro.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake_cache_behaviour fake_cache;
char last_log[256];

struct cache_block {
    struct cache_block *next;
    uint64_t number;
    bool dirty;
    bool ahead; /* being read */
    uint8_t *data;
    uint8_t *changed; /* the transaction's copy */
};

struct done {
    struct fs_operation operation;
    int result;
    uint64_t value;
};

#define BUCKETS 4096u
#define DONE 64u

struct cache {
    uint32_t block_size;
    bool read_only, open, in_transaction;
    char disk[16];
    struct cache_block *buckets[BUCKETS];
    uint64_t *freed;
    unsigned freed_count, changes;
    struct done done[DONE];
    unsigned done_next;
};

static struct cache *only; /* kept over deaths */
static struct cache *then; /* what it will have been at a death */
static int image_fd = -1;
static uint8_t *image;
static uint64_t image_len;

void fake_cache_use(int fd, uint8_t *memory, uint64_t len)
{
    image_fd = fd;
    image = memory;
    image_len = len;
}

/* ---- the disk ---- */

static int disk_read(uint64_t position, void *to, uint64_t len)
{
    if (position + len > image_len)
        return -ANOLE_EIO;
    if (image_fd < 0) {
        memcpy(to, image + position, len);
        return 0;
    }
    return pread(image_fd, to, len, (off_t)position) == (ssize_t)len ? 0 : -ANOLE_EIO;
}

static void disk_write(uint64_t position, const void *from, uint64_t len)
{
    assert(position + len <= image_len);
    if (image_fd < 0) {
        memcpy(image + position, from, len);
        return;
    }
    ssize_t written = pwrite(image_fd, from, len, (off_t)position);

    assert(written == (ssize_t)len);
}

/* ---- blocks ---- */

static struct cache_block *find(const struct cache *cache, uint64_t number)
{
    struct cache_block *block = cache->buckets[number % BUCKETS];

    while (block && block->number != number)
        block = block->next;
    return block;
}

static struct cache_block *add(struct cache *cache, uint64_t number)
{
    struct cache_block *block = calloc(1, sizeof(*block));

    block->number = number;
    block->data = calloc(1, cache->block_size);
    block->next = cache->buckets[number % BUCKETS];
    cache->buckets[number % BUCKETS] = block;
    return block;
}

static void drop(struct cache *cache, struct cache_block *block)
{
    struct cache_block **place = &cache->buckets[block->number % BUCKETS];

    while (*place != block)
        place = &(*place)->next;
    *place = block->next;
    free(block->data);
    free(block->changed);
    free(block);
}

uint64_t cache_block_count(const struct cache *cache)
{
    return image_len / cache->block_size;
}

/* As the disk would: others run meanwhile. */
static void wait_for_disk(void)
{
    coro_wake(coro_current());
    coro_wait();
}

static int get(struct cache *cache, uint64_t number, bool is_new, struct cache_block **got)
{
    struct cache_block *block = find(cache, number);
    int error = 0;

    assert(coro_current());
    if (number >= image_len / cache->block_size)
        return -ANOLE_EIO;
    if (fake_cache.bad_block && number == fake_cache.bad_block)
        return -ANOLE_EIO;
    if (!block || block->ahead) {
        fake_cache.reads += !block && !is_new;
        if (!is_new)
            wait_for_disk();
        block = find(cache, number);
        if (block)
            block->ahead = false;
    }
    if (!block) {
        block = add(cache, number);
        if (!is_new)
            error = disk_read(number * cache->block_size, block->data, cache->block_size);
    }
    if (error) {
        drop(cache, block);
        return error;
    }
    *got = block;
    return 0;
}

int cache_get(struct cache *cache, uint64_t number, unsigned flags, struct cache_block **got,
              uint8_t **data)
{
    int error = get(cache, number, flags & (CACHE_ZERO | CACHE_OVERWRITE), got);

    if (error)
        return error;
    if (flags & CACHE_ZERO)
        memset((*got)->data, 0, cache->block_size);
    else if (flags & CACHE_OVERWRITE)
        memset((*got)->data, 0xee, cache->block_size);
    *data = (*got)->data;
    return 0;
}

void cache_put(struct cache *cache, struct cache_block *block, bool dirty)
{
    assert(!dirty || !cache->read_only);
    block->dirty |= dirty;
}

bool cache_has(const struct cache *cache, uint64_t block)
{
    return find(cache, block) != NULL;
}

unsigned cache_read_ahead(struct cache *cache, const uint64_t *blocks, unsigned count)
{
    /* Block 0 is nobody's but the superblock's, which comes first. */
    for (unsigned i = 0; i < count; i++)
        assert(blocks[i] != 0 || (i == 0 && (count == 1 || blocks[1] == 1)));
    if (fake_cache.ahead_room > 0 && count > fake_cache.ahead_room)
        count = fake_cache.ahead_room;
    fake_cache.ahead += count;
    for (unsigned i = 0; i < count; i++) {
        struct cache_block *block;

        if (find(cache, blocks[i]) || (fake_cache.bad_block && blocks[i] == fake_cache.bad_block) ||
            blocks[i] >= cache_block_count(cache))
            continue;
        block = add(cache, blocks[i]);
        block->ahead = true;
        if (disk_read(blocks[i] * cache->block_size, block->data, cache->block_size) != 0)
            drop(cache, block);
    }
    return count;
}

void cache_forget(struct cache *cache, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct cache_block *block = find(cache, first + i);

        if (block && !block->changed)
            drop(cache, block);
    }
}

static void write_block(struct cache *cache, struct cache_block *block)
{
    if (block->dirty)
        disk_write(block->number * cache->block_size, block->data, cache->block_size);
    block->dirty = false;
}

int cache_write(struct cache *cache, const uint64_t *blocks, unsigned count, bool flush)
{
    (void)flush;
    wait_for_disk();
    if (fake_cache.writes_until_error && --fake_cache.writes_until_error == 0)
        return -ANOLE_EIO;
    for (unsigned i = 0; i < count; i++) {
        struct cache_block *block = find(cache, blocks[i]);

        if (block)
            write_block(cache, block);
    }
    return 0;
}

int cache_sync(struct cache *cache)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct cache_block *block = cache->buckets[i]; block; block = block->next)
            write_block(cache, block);
    return 0;
}

/* ---- deaths ---- */

static void forget_all(struct cache *cache)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct cache_block *block = cache->buckets[i], *next; block; block = next) {
            next = block->next;
            free(block->data);
            free(block->changed);
            free(block);
        }
    free(cache->freed);
    free(cache);
}

static struct cache *copy_of(const struct cache *cache)
{
    struct cache *copy = malloc(sizeof(*copy));

    *copy = *cache;
    copy->freed = NULL;
    memset(copy->buckets, 0, sizeof(copy->buckets));
    for (unsigned i = 0; i < BUCKETS; i++)
        for (const struct cache_block *block = cache->buckets[i]; block; block = block->next) {
            struct cache_block *made = add(copy, block->number);

            made->dirty = block->dirty;
            memcpy(made->data, block->data, cache->block_size);
        }
    return copy;
}

static void committed(struct cache *cache)
{
    if (fake_cache.commits_until_death && --fake_cache.commits_until_death == 0) {
        assert(!then);
        then = copy_of(cache);
    }
}

bool fake_cache_go_back(void)
{
    fake_cache.commits_until_death = 0;
    if (!then)
        return false;
    assert(!only->open);
    forget_all(only);
    only = then;
    only->open = false;
    then = NULL;
    return true;
}

/* ---- transactions ---- */

void cache_begin(struct cache *cache)
{
    assert(!cache->in_transaction);
    cache->in_transaction = true;
}

int cache_metadata(struct cache *cache, uint64_t number, const uint8_t **data)
{
    struct cache_block *block;
    int error;

    assert(cache->in_transaction);
    error = get(cache, number, false, &block);
    if (!error)
        *data = block->changed ? block->changed : block->data;
    return error;
}

int cache_change(struct cache *cache, uint64_t number, unsigned flags, uint8_t **data)
{
    struct cache_block *block;
    int error;

    assert(cache->in_transaction && !cache->read_only);
    error = get(cache, number, flags & CACHE_ZERO, &block);
    if (error)
        return error;
    if (!block->changed) {
        if (fake_cache.changes_max && cache->changes >= fake_cache.changes_max)
            return -ANOLE_ENOSPC;
        cache->changes++;
        block->changed = malloc(cache->block_size);
        memcpy(block->changed, block->data, cache->block_size);
    }
    if (flags & CACHE_ZERO)
        memset(block->changed, 0, cache->block_size);
    *data = block->changed;
    return 0;
}

int cache_free(struct cache *cache, uint64_t block, uint64_t count)
{
    cache->freed = realloc(cache->freed, (cache->freed_count + count + 1) * sizeof(*cache->freed));
    for (uint64_t i = 0; i < count; i++)
        cache->freed[cache->freed_count++] = block + i;
    return 0;
}

static void end(struct cache *cache, bool commit)
{
    if (cache->changes > fake_cache.largest)
        fake_cache.largest = cache->changes;
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct cache_block *block = cache->buckets[i]; block; block = block->next) {
            if (commit && block->changed) {
                memcpy(block->data, block->changed, cache->block_size);
                block->dirty = true;
            }
            free(block->changed);
            block->changed = NULL;
        }
    for (unsigned i = 0; commit && i < cache->freed_count; i++)
        cache_forget(cache, cache->freed[i], 1);
    cache->freed_count = cache->changes = 0;
    cache->in_transaction = false;
}

void cache_commit(struct cache *cache, struct fs_operation operation, int result, uint64_t value)
{
    assert(cache->in_transaction);
    if (operation.number != 0) {
        cache->done[cache->done_next++ % DONE] = (struct done){
            .operation = operation, .result = result, .value = value};
    }
    end(cache, true);
    committed(cache);
}

void cache_abort(struct cache *cache)
{
    assert(cache->in_transaction);
    end(cache, false);
}

bool cache_done(const struct cache *cache, struct fs_operation operation, int *result,
                uint64_t *value)
{
    for (unsigned i = 0; i < DONE; i++) {
        const struct done *done = &cache->done[i];

        if (done->operation.origin == operation.origin &&
            done->operation.number == operation.number) {
            *result = done->result;
            *value = done->value;
            return true;
        }
    }
    return false;
}

/* ---- opening and closing ---- */

/* What is on the disk is read again there. */
static void forget_clean(struct cache *cache)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct cache_block *block = cache->buckets[i], *next; block; block = next) {
            next = block->next;
            if (!block->dirty)
                drop(cache, block);
        }
}

uint32_t cache_found(const void *memory, size_t memory_len, const char *disk)
{
    (void)memory;
    (void)memory_len;
    return only && strcmp(only->disk, disk) == 0 ? only->block_size : 0;
}

int cache_open(struct cache **cache, const struct cache_options *options)
{
    if (fake_cache.log_invalid) {
        fake_cache.log_invalid = false;
        return -ANOLE_EPROTO;
    }
    if (!only) {
        only = calloc(1, sizeof(*only));
        only->block_size = options->block_size;
        snprintf(only->disk, sizeof(only->disk), "%s", options->disk);
    }
    assert(!only->open && only->block_size == options->block_size);
    forget_clean(only);
    only->open = true;
    only->read_only = options->read_only;
    *cache = only;
    return 0;
}

int cache_close(struct cache *cache, bool force)
{
    (void)force;
    assert(cache == only && cache->open);
    cache->open = false;
    if (fake_cache.keep)
        return 0;
    (void)cache_sync(cache);
    forget_all(cache);
    only = NULL;
    return 0;
}

void fake_cache_die(void)
{
    if (only->in_transaction)
        end(only, false);
    only->open = false;
}

void fake_cache_reset(void)
{
    if (only)
        forget_all(only);
    if (then)
        forget_all(then);
    only = then = NULL;
    fake_cache = (struct fake_cache_behaviour){0};
}

void cache_notified(struct cache *cache, uint64_t bits)
{
    (void)cache;
    (void)bits;
}

void cache_step(struct cache *cache)
{
    (void)cache;
}

uint64_t cache_deadline(struct cache *cache)
{
    (void)cache;
    return DEADLINE_NEVER;
}

/* ---- the client's data ---- */

int fs_data_to_client(struct fs_data *data, uint64_t offset, const void *from, size_t len)
{
    assert(offset + len <= data->len);
    if (offset + len > data->fails_at)
        return -ANOLE_EBADHANDLE;
    memcpy(data->bytes + offset, from, len);
    return 0;
}

int fs_data_from_client(struct fs_data *data, uint64_t offset, void *to, size_t len)
{
    assert(offset + len <= data->len);
    if (offset + len > data->fails_at)
        return -ANOLE_EBADHANDLE;
    memcpy(to, data->bytes + offset, len);
    return 0;
}

uint64_t fs_data_at_end(struct fs_data *data, uint64_t end)
{
    if (!data->placed)
        data->position = end;
    data->placed = true;
    return data->position;
}

/* ---- the rest of the world ---- */

void log_printf(enum log_level level, const char *format, ...)
{
    va_list arguments;

    (void)level;
    va_start(arguments, format);
    (void)vsnprintf(last_log, sizeof(last_log), format, arguments);
    va_end(arguments);
}

_Noreturn void panic(const char *format, ...)
{
    fprintf(stderr, "panic: %s\n", format);
    abort();
}

struct run {
    void (*function)(void *argument);
    void *argument;
    bool ended;
};

static void run_one(void *argument)
{
    struct run *run = argument;

    run->function(run->argument);
    run->ended = true;
}

void run_to_end(void (*function)(void *argument), void *argument)
{
    struct run run = {.function = function, .argument = argument};
    int error = coro_start(run_one, &run);

    assert(error == 0);
    while (coro_run()) {
    }
    assert(run.ended);
}
