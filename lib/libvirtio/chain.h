/*
 * The private record of what is in flight, which all ring formats keep in the same way: a chain for
 * each buffer, found by the id that the device gives back (split: the head's slot).
 *
 * With IN_ORDER ids are given out round and round instead of from a free list, and one used element
 * may stand for a run of buffers: all up to its own (virtio 1.4, 2.7.9 and 2.8.9). They are returned
 * one by one; those before the last count as used in full.
 */
#ifndef LIBVIRTIO_CHAIN_H
#define LIBVIRTIO_CHAIN_H

#include <libvirtio/virtq.h>

/* Records a buffer of so many ring slots; its ids are those from the free list's head to `last`. */
static inline void chain_open(struct virtq *queue, uint16_t last, unsigned slots,
                              const struct virtq_segment *writable, unsigned writable_count,
                              uint16_t token)
{
    struct virtq_chain *chain = &queue->chains[queue->free_head];
    uint32_t writable_bytes = 0; /* virtq_add has seen that it is less than 2^32 */
    for (unsigned i = 0; i < writable_count; i++)
        writable_bytes += writable[i].len_bytes;
    chain->writable_bytes = writable_bytes;
    chain->order = queue->order++;
    chain->added_ms = queue->now_ms;
    chain->descriptors = (uint16_t)slots;
    chain->token = token;
    queue->free_head = queue->chains[last].next;
    queue->free_slots = (uint16_t)(queue->free_slots - slots);
}

/*
 * The buffer of a used element, if the device can have used it so: NULL if there is no such id, it
 * isn't in flight, the device wasn't shown it yet, or it can't hold so many bytes. A length that the
 * specification doesn't vouch for (exact: false) is cut to what can be true instead.
 */
static inline struct virtq_chain *chain_used(const struct virtq *queue, uint32_t id,
                                             uint32_t *len_bytes, bool exact)
{
    if (id >= queue->size)
        return NULL;
    struct virtq_chain *chain = &queue->chains[id];
    if (chain->descriptors == 0 || queue->order - chain->order <= queue->added)
        return NULL;
    if (*len_bytes > chain->writable_bytes) {
        if (exact)
            return NULL;
        *len_bytes = chain->writable_bytes;
    }
    return chain;
}

/* IN_ORDER: begins the run of buffers that end with this one; false: it is longer than it can be. */
static inline bool chain_start_run(struct virtq *queue, const struct virtq_chain *last,
                                   uint32_t len_bytes, unsigned most)
{
    uint32_t run = last->order - queue->chains[queue->oldest].order + 1;
    if (run > most)
        return false;
    queue->run_left = (uint16_t)run;
    queue->run_len_bytes = len_bytes;
    return true;
}

/* Ends a buffer: gives its id (split: its `links` ids) back and says what came of it. */
static inline void chain_close(struct virtq *queue, struct virtq_chain *chain, unsigned links,
                               uint32_t len_bytes, struct virtq_used *used)
{
    uint16_t id = (uint16_t)(chain - queue->chains);
    uint16_t last = id;
    for (unsigned i = 1; i < links; i++)
        last = queue->chains[last].next;
    if (queue->in_order) {
        queue->oldest = queue->chains[last].next;
    } else {
        queue->chains[last].next = queue->free_head;
        queue->free_head = id;
    }
    queue->free_slots = (uint16_t)(queue->free_slots + chain->descriptors);
    queue->shown--;
    chain->descriptors = 0;
    used->token = chain->token;
    used->len_bytes = len_bytes;
}

/* IN_ORDER: the next buffer of the run, and the length to report for it. */
static inline struct virtq_chain *chain_next_of_run(struct virtq *queue, uint32_t *len_bytes)
{
    struct virtq_chain *chain = &queue->chains[queue->oldest];
    queue->run_left--;
    *len_bytes = queue->run_left == 0 ? queue->run_len_bytes : chain->writable_bytes;
    return chain;
}

#endif
