/*
 * The device's side of a packed ring (virtio 1.4, 2.8), written from the specification and not from
 * the driver's code: the counterpart of ring_model.
 */
#ifndef TESTS_VIRTIO_PACKED_MODEL_H
#define TESTS_VIRTIO_PACKED_MODEL_H

#include "ring_model.h"

#define PACKED_AVAIL 0x80u
#define PACKED_USED 0x8000u
#define PACKED_WRITE 2u

struct packed_model {
    uint64_t ring, driver_event, device_event; /* device addresses */
    uint16_t size;
    bool event_index, indirect;
    uint16_t next, used; /* slots: to take from, to write to */
    bool next_wrap, used_wrap;
    bool no_write_flag;            /* as QEMU: used elements never have it */
    uint16_t hold[MODEL_SIZE_MAX]; /* slots of each id that the model has and hasn't used */
};

void packed_model_init(struct packed_model *model, uint64_t ring, uint64_t driver_event,
                       uint64_t device_event, uint16_t size, bool event_index, bool indirect);
/* Whether a chain is available. */
bool packed_model_available(const struct packed_model *model);
/* Takes the next available chain and checks it, chain->head is its id; false: none. */
bool packed_model_pop(struct packed_model *model, struct model_chain *chain);
/* Marks chains used with one element, that of the last (more than one: IN_ORDER); true: the driver
 * wants an interrupt. */
bool packed_model_push(struct packed_model *model, const uint16_t *ids, unsigned count,
                       uint32_t len);
/* Asks to be notified of the next chain; false: there is one already. */
bool packed_model_sleep(struct packed_model *model);
/* Asks not to be notified. */
void packed_model_wake(struct packed_model *model);

/* Things a device must not do. */
void packed_model_write(struct packed_model *model, uint16_t slot, uint16_t id, uint32_t len,
                        uint16_t flags);
uint16_t packed_model_flags(const struct packed_model *model, uint16_t slot);
void packed_model_write_event(struct packed_model *model, uint16_t position, uint16_t flags);
/* The driver's event structure. */
uint16_t packed_model_driver_position(const struct packed_model *model);
uint16_t packed_model_driver_flags(const struct packed_model *model);

#endif
