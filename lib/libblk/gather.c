/*
 * From a request's memory to DMA segments: a grant is mapped, a vector is copied once and its grants
 * are mapped, an offset into the pool is looked up. Neighbours are joined and what is longer than the
 * device's segments is cut.
 */
#include "blkdrv.h"

#include <libanole/anole.h>

#define DMA_PAGE 4096u

/* Segments that a page of memory can become. */
static unsigned segments_a_page(const struct blk_device *device)
{
    return (DMA_PAGE - 1) / device->max_segment_bytes + 1;
}

uint32_t blk_gather_limit(const struct blk_device *device)
{
    unsigned a_page = segments_a_page(device);
    uint64_t limit = BLK_REQUEST_BYTES_MAX;
    uint64_t by_segments = (uint64_t)(BLK_SEGMENTS / a_page - 2) * DMA_PAGE;
    if (by_segments < limit)
        limit = by_segments;
    limit -= limit % device->logical_block_bytes;
    return (uint32_t)limit;
}

static int append(void *context, uint64_t address, uint64_t len)
{
    struct blk_gathering *gathering = context;
    uint32_t most = blk_server->device->max_segment_bytes;
    gathering->bytes += len;
    if (gathering->count > 0) {
        struct dma_segment *last = &gathering->segments[gathering->count - 1];
        if (last->device_address + last->len_bytes == address && last->len_bytes < most) {
            uint64_t joined = most - last->len_bytes < len ? most - last->len_bytes : len;
            last->len_bytes += joined;
            address += joined;
            len -= joined;
        }
    }
    while (len > 0) {
        uint64_t part = len < most ? len : most;
        if (gathering->count == BLK_SEGMENTS)
            return -ANOLE_EINVAL;
        gathering->segments[gathering->count++] = (struct dma_segment){address, part};
        address += part;
        len -= part;
    }
    return 0;
}

/* ---- grants ---- */

static unsigned direction_of(const struct blk_job *job)
{
    return job->type == BLK_READ ? DMA_DEVICE_WRITES : DMA_DEVICE_READS;
}

/* Gathers one buffer, from the pool or by a mapping of its own (*mapping, else HANDLE_NONE). */
static int gather_buffer(const struct blk_job *job, handle_t grant, uint64_t offset, uint64_t len,
                         struct blk_gathering *gathering, handle_t *mapping)
{
    struct dma_segment *segments = blk_server->scratch.mapped;
    const struct blk_session *session = &blk_server->session[job->session];
    *mapping = HANDLE_NONE;
    /* A message's request is mapped by itself: DETACH doesn't wait for it. */
    if (job->call_id == 0 && session->pool.grant != HANDLE_NONE && session->pool.grant == grant)
        return pool_walk(&session->pool, offset, len, append, gathering);
    unsigned used;
    int rc = kcall_dma_map(session->process, grant, offset, len, direction_of(job), segments,
                           POOL_PAGES_OF(BLK_REQUEST_BYTES_MAX), mapping, &used);
    if (rc < 0) {
        *mapping = HANDLE_NONE;
        return rc;
    }
    blk_server->device->stats.dma_maps++;
    for (unsigned i = 0; i < used && rc == 0; i++)
        rc = append(gathering, segments[i].device_address, segments[i].len_bytes);
    return rc;
}

/* ---- vectors ---- */

/* Reads the vector, once, into elements, and checks all that can be checked of it. */
static int vector_read(struct blk_job *job, struct blk_segment *elements)
{
    const struct blk_session *session = &blk_server->session[job->session];
    unsigned count = (unsigned)job->length;
    int rc = kcall_copy(session->process, job->grant, job->offset, elements,
                        count * sizeof(elements[0]), COPY_FROM_GRANT);
    if (rc < 0)
        return rc;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        if (elements[i].len_bytes == 0 || elements[i].len_bytes % BLK_SECTOR_SIZE != 0 ||
            elements[i].len_bytes > blk_server->max_request_bytes - bytes)
            return -ANOLE_EINVAL;
        bytes += elements[i].len_bytes;
    }
    job->bytes = (uint32_t)bytes;
    return blk_check_range(session, job->sector, bytes);
}

static int gather_vector(struct blk_job *job, struct blk_gathering *gathering)
{
    struct blk_segment *elements = blk_server->scratch.elements;
    if (blk_server->free_vector == BLK_NONE)
        return -ANOLE_EAGAIN;
    int rc = vector_read(job, elements);
    if (rc < 0)
        return rc;
    struct blk_vector *vector = &blk_server->vector[blk_server->free_vector];
    job->vector = blk_server->free_vector;
    blk_server->free_vector = vector->next;
    vector->count = 0;
    for (unsigned i = 0; i < job->length && rc == 0; i++) {
        rc = gather_buffer(job, elements[i].grant, elements[i].offset, elements[i].len_bytes,
                           gathering, &vector->mapping[vector->count]);
        if (vector->mapping[vector->count] != HANDLE_NONE)
            vector->count++;
    }
    return rc;
}

int blk_gather(struct blk_job *job, struct blk_gathering *gathering)
{
    gathering->count = 0;
    gathering->bytes = 0;
    int rc;
    if ((job->flags & BLK_VECTOR) != 0) {
        rc = gather_vector(job, gathering);
    } else {
        job->bytes = (uint32_t)job->length;
        rc = gather_buffer(job, job->grant, job->offset, job->length, gathering, &job->mapping);
    }
    if (rc < 0)
        blk_gather_release(job);
    return rc;
}

int blk_gather_more(struct blk_job *job, struct blk_gathering *gathering)
{
    struct dma_segment *last = &gathering->segments[gathering->count - 1];
    const struct dma_segment last_before = *last;
    const unsigned count_before = gathering->count;
    const uint64_t bytes_before = gathering->bytes;
    job->bytes = (uint32_t)job->length;
    int rc = gather_buffer(job, job->grant, job->offset, job->length, gathering, &job->mapping);
    if (rc == 0 && gathering->count <= blk_server->device->max_segments)
        return 0;
    *last = last_before;
    gathering->count = count_before;
    gathering->bytes = bytes_before;
    return rc < 0 ? rc : -ANOLE_EAGAIN;
}

void blk_gather_release(struct blk_job *job)
{
    if (job->mapping != HANDLE_NONE) {
        (void)kcall_dma_unmap(job->mapping);
        job->mapping = HANDLE_NONE;
    }
    if (job->vector == BLK_NONE)
        return;
    struct blk_vector *vector = &blk_server->vector[job->vector];
    while (vector->count > 0)
        (void)kcall_dma_unmap(vector->mapping[--vector->count]);
    vector->next = blk_server->free_vector;
    blk_server->free_vector = job->vector;
    job->vector = BLK_NONE;
}
