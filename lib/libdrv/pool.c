/*
 * Pools: mapped in stretches that fit one pin each, looked up by bisection.
 */
#include <libdrv/pool.h>

#include <libanole/anole.h>

void pool_close(struct pool *pool)
{
    while (pool->map_count > 0)
        (void)kcall_dma_unmap(pool->map[--pool->map_count]);
    if (pool->segments != NULL)
        (void)kcall_unmap(pool->segments, pool->segments_len);
    *pool = (struct pool){.grant = HANDLE_NONE};
}

/* Appends what one DMA_MAP gave; neighbours become one segment. */
static void append(struct pool *pool, uint64_t offset, const struct dma_segment *segments,
                   unsigned count, uint64_t *end_address)
{
    for (unsigned i = 0; i < count; i++) {
        if (pool->segment_count == 0 || segments[i].device_address != *end_address)
            pool->segments[pool->segment_count++] = (struct pool_segment){
                .offset = offset,
                .device_address = segments[i].device_address,
            };
        offset += segments[i].len_bytes;
        *end_address = segments[i].device_address + segments[i].len_bytes;
    }
}

static int map_all(struct pool *pool, unsigned direction, struct dma_segment *segments)
{
    uint64_t end_address = 0;
    for (uint64_t offset = 0; offset < pool->len_bytes;) {
        uint64_t left = pool->len_bytes - offset;
        uint64_t len = left < POOL_MAP_BYTES_MAX ? left : POOL_MAP_BYTES_MAX;
        unsigned used;
        int rc = kcall_dma_map(pool->maker, pool->grant, offset, len, direction, segments,
                               POOL_SCRATCH, &pool->map[pool->map_count], &used);
        if (rc < 0)
            return rc;
        pool->map_count++;
        append(pool, offset, segments, used, &end_address);
        offset += len;
    }
    return 0;
}

int pool_open(struct pool *pool, endpoint_t maker, handle_t grant, uint64_t len, unsigned direction,
              struct dma_segment *scratch)
{
    *pool = (struct pool){.maker = maker, .grant = grant, .len_bytes = len};
    if (grant == HANDLE_NONE || len == 0 || len > POOL_BYTES_MAX) {
        pool->grant = HANDLE_NONE;
        return -ANOLE_EINVAL;
    }
    /* One for each page that is touched, and one more where each mapping begins. */
    size_t segments_max = POOL_PAGES_OF(len) + POOL_MAPS;
    void *memory;
    pool->segments_len = (segments_max * sizeof(*pool->segments) + PAGE_SIZE - 1) &
                         ~(size_t)(PAGE_SIZE - 1);
    int rc = kcall_map(pool->segments_len, PROT_READ_BIT | PROT_WRITE_BIT, &memory);
    if (rc == 0) {
        pool->segments = memory;
        rc = map_all(pool, direction, scratch);
    }
    if (rc < 0)
        pool_close(pool);
    return rc;
}

/* The segment that an offset lies in: the last one that doesn't begin behind it. */
static uint32_t find(const struct pool *pool, uint64_t offset)
{
    uint32_t low = 0;
    uint32_t high = pool->segment_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (pool->segments[middle].offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int pool_walk(const struct pool *pool, uint64_t offset, uint64_t len,
              int (*take)(void *context, uint64_t device_address, uint64_t len_bytes),
              void *context)
{
    if (offset > pool->len_bytes || len > pool->len_bytes - offset)
        return -ANOLE_ERANGE;
    int rc = 0;
    for (uint32_t i = find(pool, offset); len > 0 && rc == 0; i++) {
        const struct pool_segment *segment = &pool->segments[i];
        uint64_t end = i + 1 < pool->segment_count ? pool->segments[i + 1].offset : pool->len_bytes;
        uint64_t part = end - offset < len ? end - offset : len;
        rc = take(context, segment->device_address + (offset - segment->offset), part);
        offset += part;
        len -= part;
    }
    return rc;
}

struct output {
    struct dma_segment *segments;
    unsigned max, count;
};

static int put(void *context, uint64_t address, uint64_t len)
{
    struct output *out = context;
    if (out->count > 0) {
        struct dma_segment *last = &out->segments[out->count - 1];
        if (last->device_address + last->len_bytes == address) {
            last->len_bytes += len;
            return 0;
        }
    }
    if (out->count == out->max)
        return -ANOLE_EINVAL;
    out->segments[out->count++] = (struct dma_segment){address, len};
    return 0;
}

int pool_gather(const struct pool *pool, uint64_t offset, uint64_t len, struct dma_segment *out,
                unsigned max, unsigned *count)
{
    struct output output = {.segments = out, .max = max, .count = *count};
    int rc = pool_walk(pool, offset, len, put, &output);
    *count = output.count;
    return rc;
}
