/*
 * The bytes of files, in pages out of one pool. Only what was written takes room.
 */
#include "mem.h"

#include <libanole/anole.h>
#include <stdlib.h>
#include <string.h>

#define POOL_STEP_PAGES 64u

static uint64_t limit_pages = 4096, used_pages;
static char *free_pages; /* each begins with a pointer to the next */

void pages_limit(uint64_t bytes)
{
    limit_pages = bytes / MEM_PAGE;
}

uint64_t pages_left(void)
{
    return limit_pages - used_pages;
}

uint64_t pages_total(void)
{
    return limit_pages;
}

static void page_put(char *page)
{
    memcpy(page, &free_pages, sizeof(free_pages));
    free_pages = page;
}

/* Maps some more. */
static void pool_grow(void)
{
    void *memory;

    if (kcall_map(POOL_STEP_PAGES * MEM_PAGE, PROT_READ_BIT | PROT_WRITE_BIT, &memory))
        return; /* whoever wants one finds none */
    for (unsigned i = 0; i < POOL_STEP_PAGES; i++)
        page_put((char *)memory + (size_t)i * MEM_PAGE);
}

/* A zeroed one, or NULL. */
static char *page_take(void)
{
    if (used_pages >= limit_pages)
        return NULL;
    if (!free_pages)
        pool_grow();
    char *page = free_pages;
    if (page) {
        memcpy(&free_pages, page, sizeof(free_pages));
        memset(page, 0, MEM_PAGE);
        used_pages++;
    }
    return page;
}

static char *page_at(const struct mem_bytes *bytes, uint64_t position)
{
    uint64_t page = position / MEM_PAGE;
    const struct mem_chunk *chunk = page / MEM_CHUNK_PAGES < bytes->chunk_count
                                        ? bytes->chunks[page / MEM_CHUNK_PAGES]
                                        : NULL;

    return chunk ? chunk->page[page % MEM_CHUNK_PAGES] : NULL;
}

static bool chunks_grow(struct mem_bytes *bytes, uint64_t wanted)
{
    uint64_t room = bytes->chunk_count == 0 ? 1 : bytes->chunk_count;
    while (room < wanted)
        room *= 2;
    struct mem_chunk **grown = realloc(bytes->chunks, room * sizeof(void *));
    if (!grown)
        return false;
    memset(&grown[bytes->chunk_count], 0, (room - bytes->chunk_count) * sizeof(void *));
    bytes->chunks = grown;
    bytes->chunk_count = (uint32_t)room;
    return true;
}

/* The page at a position, made if there is none; NULL: no room. */
static char *page_make(struct mem_bytes *bytes, uint64_t position)
{
    uint64_t page = position / MEM_PAGE;
    uint64_t chunk = page / MEM_CHUNK_PAGES;

    if (chunk >= bytes->chunk_count && !chunks_grow(bytes, chunk + 1))
        return NULL;
    if (!bytes->chunks[chunk])
        bytes->chunks[chunk] = calloc(1, sizeof(struct mem_chunk));
    if (!bytes->chunks[chunk])
        return NULL;
    char **slot = &bytes->chunks[chunk]->page[page % MEM_CHUNK_PAGES];
    if (!*slot) {
        *slot = page_take();
        bytes->pages += *slot != NULL;
    }
    return *slot;
}

/* How much of what is left lies in the page at that position. */
static size_t piece_of(uint64_t position, uint64_t left)
{
    uint64_t in_page = MEM_PAGE - position % MEM_PAGE;

    return (size_t)(in_page < left ? in_page : left);
}

int64_t bytes_read(struct mem_bytes *bytes, uint64_t position, struct fs_data *data, uint64_t len)
{
    static const char zeroes[MEM_PAGE];
    uint64_t there = position < bytes->size ? bytes->size - position : 0;
    uint64_t done = 0;

    if (len > there)
        len = there;
    while (done < len) {
        size_t piece = piece_of(position + done, len - done);
        const char *page = page_at(bytes, position + done);
        const char *from = page ? page + (position + done) % MEM_PAGE : zeroes;
        int error = fs_data_to_client(data, done, from, piece);
        if (error)
            return error;
        done += piece;
    }
    return (int64_t)done;
}

/* What a copy that failed left beyond the end, where all is zero. */
static void tail_clear(const struct mem_bytes *bytes, uint64_t position)
{
    uint64_t from = position > bytes->size ? position : bytes->size;
    char *page = page_at(bytes, position);

    if (page && from / MEM_PAGE == position / MEM_PAGE)
        memset(page + from % MEM_PAGE, 0, MEM_PAGE - from % MEM_PAGE);
}

int64_t bytes_write(struct mem_bytes *bytes, uint64_t position, struct fs_data *data, uint64_t len)
{
    uint64_t done = 0;
    int error = 0;

    if (len == 0)
        return 0;
    if (position >= MEM_SIZE_MAX)
        return -ANOLE_EFBIG;
    if (len > MEM_SIZE_MAX - position)
        len = MEM_SIZE_MAX - position;
    while (done < len && !error) {
        size_t piece = piece_of(position + done, len - done);
        char *page = page_make(bytes, position + done);
        error = page ? fs_data_from_client(data, done, page + (position + done) % MEM_PAGE, piece)
                     : -ANOLE_ENOSPC;
        if (!error)
            done += piece;
    }
    if (done > 0 && position + done > bytes->size)
        bytes->size = position + done;
    if (error)
        tail_clear(bytes, position + done);
    return done > 0 ? (int64_t)done : error;
}

static void page_drop(struct mem_bytes *bytes, uint64_t page)
{
    struct mem_chunk *chunk = bytes->chunks[page / MEM_CHUNK_PAGES];
    char *there = chunk ? chunk->page[page % MEM_CHUNK_PAGES] : NULL;

    if (there) {
        page_put(there);
        chunk->page[page % MEM_CHUNK_PAGES] = NULL;
        bytes->pages--;
        used_pages--;
    }
}

/* Drops all pages from that one on. */
static void pages_drop(struct mem_bytes *bytes, uint64_t first)
{
    for (uint64_t chunk = first / MEM_CHUNK_PAGES; chunk < bytes->chunk_count; chunk++) {
        uint64_t start = chunk * MEM_CHUNK_PAGES;
        if (!bytes->chunks[chunk])
            continue;
        for (uint64_t page = start > first ? start : first; page < start + MEM_CHUNK_PAGES; page++)
            page_drop(bytes, page);
        if (start >= first) {
            free(bytes->chunks[chunk]);
            bytes->chunks[chunk] = NULL;
        }
    }
}

int bytes_resize(struct mem_bytes *bytes, uint64_t size)
{
    if (size > MEM_SIZE_MAX)
        return -ANOLE_EFBIG;
    /* Also of its own size: a copy that failed may have left pages behind the end. */
    if (size <= bytes->size) {
        char *page = page_at(bytes, size);
        if (size % MEM_PAGE != 0 && page) /* what is added later reads as zeroes */
            memset(page + size % MEM_PAGE, 0, MEM_PAGE - size % MEM_PAGE);
        pages_drop(bytes, (size + MEM_PAGE - 1) / MEM_PAGE);
    }
    if (size == 0) {
        free(bytes->chunks);
        bytes->chunks = NULL;
        bytes->chunk_count = 0;
    }
    bytes->size = size;
    return 0;
}
