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

/* Takes the ids from the free list's head to `last` for a buffer of so many ring slots. */
static inline void chain_open(struct virtq *queue, uint16_t last, unsigned slots)
{
    queue->chains[queue->free_head].descriptors = (uint16_t)slots;
    queue->free_head = queue->chains[last].next;
    queue->free_slots = (uint16_t)(queue->free_slots - slots);
}

/*
 * Whether a used element can be true: the id is that of a buffer in flight, which the device was
 * shown, and which can hold so many bytes. A length that the specification doesn't vouch for (exact:
 * false) is cut to what can be true instead.
 */
static inline bool chain_used(const struct virtq *queue, uint32_t id, uint32_t *len_bytes,
                              bool exact)
{
    if (id >= queue->size)
        return false;
    const struct virtq_chain *chain = &queue->chains[id];
    if (chain->descriptors == 0 ||
        (queue->added != 0 && queue->order - chain->order <= queue->added))
        return false;
    if (*len_bytes > chain->writable_bytes) {
        if (exact)
            return false;
        *len_bytes = chain->writable_bytes;
    }
    return true;
}

/* IN_ORDER: begins the run of buffers that end with this one; false: it is longer than it can be. */
static inline bool chain_start_run(struct virtq *queue, uint16_t last, uint32_t len_bytes,
                                   unsigned most)
{
    uint32_t run = queue->chains[last].order - queue->chains[queue->oldest].order + 1;
    if (run > most)
        return false;
    queue->run_left = (uint16_t)run;
    queue->run_len_bytes = len_bytes;
    return true;
}

/* Ends a buffer and says what came of it; its ids are still taken. */
static inline void chain_close(struct virtq *queue, uint16_t id, uint32_t len_bytes,
                               struct virtq_used *used)
{
    struct virtq_chain *chain = &queue->chains[id];
    queue->free_slots = (uint16_t)(queue->free_slots + chain->descriptors);
    queue->shown--;
    chain->descriptors = 0;
    used->token = chain->token;
    used->len_bytes = len_bytes;
}

/* The last of a buffer's `links` linked ids. */
static inline uint16_t chain_last(const struct virtq *queue, uint16_t id, unsigned links)
{
    for (unsigned i = 1; i < links; i++)
        id = queue->chains[id].next;
    return id;
}

/* Puts a buffer's linked ids into the free list. */
static inline void chain_free(struct virtq *queue, uint16_t id, unsigned links)
{
    queue->chains[chain_last(queue, id, links)].next = queue->free_head;
    queue->free_head = id;
}

/* IN_ORDER: ends the next buffer of a run, which is the oldest; the next free ids are behind all that
 * are taken anyway. */
static inline void chain_close_oldest(struct virtq *queue, unsigned links, struct virtq_used *used)
{
    uint16_t id = queue->oldest;
    queue->run_left--;
    queue->oldest = queue->chains[chain_last(queue, id, links)].next;
    chain_close(queue, id,
                queue->run_left == 0 ? queue->run_len_bytes : queue->chains[id].writable_bytes,
                used);
}

#endif
