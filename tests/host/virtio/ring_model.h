/*
 * The device's side of a split ring, written from the specification and not from the driver's code.
 * It checks what a driver must do and can be told to do what a device must not.
 */
#ifndef TESTS_VIRTIO_RING_MODEL_H
#define TESTS_VIRTIO_RING_MODEL_H

#include "check.h"

#define MODEL_SEGMENTS 1024u
#define MODEL_SIZE_MAX 32768u

struct model_segment {
    uint64_t address;
    uint32_t len;
    bool writable;
};

struct model_chain {
    uint16_t head;      /* packed: its id */
    uint16_t next_slot; /* split: behind the last slot that it takes */
    unsigned count;
    struct model_segment segment[MODEL_SEGMENTS];
};

struct ring_model {
    uint64_t descriptors, available, used; /* device addresses */
    uint16_t size;
    bool event_index, indirect;
    bool in_order;             /* chains lie in the table in order, round and round */
    uint16_t taken;            /* available entries taken */
    uint16_t pushed;           /* used entries written */
    bool hold[MODEL_SIZE_MAX]; /* heads that the model has and hasn't used */
    uint16_t next_slot;        /* with in_order: where the next chain must begin */
};

void model_init(struct ring_model *model, uint64_t descriptors, uint64_t available, uint64_t used,
                uint16_t size, bool event_index, bool indirect);
/* Available entries that wait. */
unsigned model_waiting(const struct ring_model *model);
/* Takes the next available chain and checks it; false: none. */
bool model_pop(struct ring_model *model, struct model_chain *chain);
/* Marks a chain used; true: the driver wants an interrupt for it. */
bool model_push(struct ring_model *model, uint16_t head, uint32_t len);
/* The same for a run of chains with one used entry, that of the last (IN_ORDER). */
bool model_push_run(struct ring_model *model, const uint16_t *heads, unsigned count, uint32_t len);
/* Asks to be notified of the next chain; false: there is one already. */
bool model_sleep(struct ring_model *model);
/* Asks not to be notified. */
void model_wake(struct ring_model *model);

/* Things a device must not do. */
void model_write_used(struct ring_model *model, uint16_t slot, uint32_t id, uint32_t len);
void model_write_used_index(struct ring_model *model, uint16_t index);
uint16_t model_available_index(const struct ring_model *model);
uint16_t model_used_event(const struct ring_model *model);
uint16_t model_available_flags(const struct ring_model *model);

#endif
