/*
 * A client's data pool as its driver sees it: a grant that is mapped for DMA once, so that a request
 * in it is an offset and costs no kernel call. The driver itself maps none of it.
 */
#ifndef LIBDRV_POOL_H
#define LIBDRV_POOL_H

#include <anole/endpoint.h>
#include <anole/handle.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_BYTES_MAX (16u * 1024u * 1024u)
/* A DMA_MAP pins so many bytes at most, so that its pages fit one pin wherever they lie. */
#define POOL_MAP_BYTES_MAX (512u * 1024u)
#define POOL_MAPS (POOL_BYTES_MAX / POOL_MAP_BYTES_MAX)
#define POOL_PAGES_OF(bytes) ((bytes) / 4096u + 2u) /* pages that so many bytes can touch */
#define POOL_SCRATCH POOL_PAGES_OF(POOL_MAP_BYTES_MAX)

/* A stretch of the pool that is contiguous for the device. */
struct pool_segment {
    uint64_t offset; /* into the pool; the next one's is where this ends */
    uint64_t device_address;
};

struct pool {
    endpoint_t maker;
    handle_t grant; /* HANDLE_NONE: no pool */
    uint64_t len_bytes;
    struct pool_segment *segments; /* in order; mapped memory of segments_len bytes */
    size_t segments_len;
    uint32_t segment_count;
    uint32_t map_count;
    handle_t map[POOL_MAPS];
};

/* Maps a grant of len bytes, up to POOL_BYTES_MAX, in direction (DMA_*). scratch: POOL_SCRATCH segments,
 * for the time of the call. -EINVAL: its length; DMA_MAP's errors, and then nothing is mapped. */
int pool_open(struct pool *pool, endpoint_t maker, handle_t grant, uint64_t len, unsigned direction,
              struct dma_segment *scratch);
/* Unmaps; nothing of it may be in the device. A pool that was never opened, zeroed, may be closed. */
void pool_close(struct pool *pool);
/* Calls take with each piece of that stretch, in order, until it gives an error, which is returned.
 * -ERANGE: beyond the pool. */
int pool_walk(const struct pool *pool, uint64_t offset, uint64_t len,
              int (*take)(void *context, uint64_t device_address, uint64_t len_bytes),
              void *context);
/* Appends the segments of that stretch to out[*count], which holds max; neighbours are joined.
 * -ERANGE: beyond the pool; -EINVAL: more segments than fit. */
int pool_gather(const struct pool *pool, uint64_t offset, uint64_t len, struct dma_segment *out,
                unsigned max, unsigned *count);

#endif
