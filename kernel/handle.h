/*
 * Handle tables. Entries live in frames charged to their process; a table's pages and their order
 * stay until the process is buried.
 */
#ifndef KERNEL_HANDLE_H
#define KERNEL_HANDLE_H

#include "irq.h"
#include "list.h"
#include "process.h"
#include <anole/handle.h>

struct area_request;
struct region;

enum handle_kind {
    HANDLE_FREE = 0,
    HANDLE_GRANT,
    HANDLE_REGION,
    HANDLE_OFFER,
    HANDLE_DOORBELL,
    HANDLE_WATCH,
    HANDLE_PIN,
    HANDLE_IRQ, /* freed when the thread that is bound ends */
};

/* Contiguous frames of a DMA mapping. */
struct pin_extent {
    uint64_t base;
    uint64_t frames;
};

struct handle {
    uint64_t generation; /* of this entry: bits 16..63 of its id */
    uint8_t kind;
    uint8_t flags; /* PROT_* or GRANT_* */
    uint16_t bit;
    endpoint_t peer; /* who may use it; WATCH: the target; PIN: the grant's maker */
    union {
        uint32_t next_free;
        struct {
            uint64_t address, len;
            uint32_t pins;       /* DMA mappings that use it */
            uint32_t notify_bit; /* + 1: rung when pins is 0; 0: none */
            endpoint_t notify_thread;
        } grant;
        struct {
            struct region *region;
        } region; /* REGION and OFFER */
        struct {
            endpoint_t thread; /* whose bit it rings */
        } doorbell;
        struct {
            struct list link; /* in the target's watchers */
            endpoint_t thread;
        } watch;
        struct {
            handle_t grant;    /* HANDLE_NONE: the process's own memory */
            uint64_t overflow; /* frame that holds the extents, 0: the one is inline */
            struct pin_extent extent;
            uint32_t extents;
        } pin;
        struct irq_binding irq;
    };
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct handle) == 64, "64 handles a page");

/* Takes a free entry, zeroed but for its generation. -ENOMEM: quota. */
int handle_alloc(struct process *process, enum handle_kind kind, struct handle **handle,
                 handle_t *id);
void handle_free(struct process *process, struct handle *handle);
/* The entry of that id and kind, NULL if stale, foreign or of another kind. */
struct handle *handle_lookup(const struct process *process, handle_t id, enum handle_kind kind);
/* Any kind. */
struct handle *handle_lookup_any(const struct process *process, handle_t id);
handle_t handle_id(const struct process *process, const struct handle *handle);
/* Entry by number, for walking a dead process's table: NULL past the end. */
struct handle *handle_at(const struct process *process, uint32_t index);
/* Frees the table's pages; nothing may be in use. */
void handle_table_free(struct process *process);

/* Makes the request for an area, whose protection is in it, one of that part of a region that an id of the
 * maker gives `user` to map (own region or offer). */
int region_request(struct process *user, endpoint_t maker, handle_t id, uint64_t offset,
                   uint64_t len, struct area_request *request);
/* The grant that `user` may use. */
int grant_lookup(const struct process *user, endpoint_t maker, handle_t id, unsigned access,
                 struct process **granter, struct handle **grant);

#endif
