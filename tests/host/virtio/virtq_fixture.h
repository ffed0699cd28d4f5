/*
 * A queue of either format with the model of its device's end behind it.
 */
#ifndef TESTS_VIRTIO_VIRTQ_FIXTURE_H
#define TESTS_VIRTIO_VIRTQ_FIXTURE_H

#include "packed_model.h"
#include "ring_model.h"

#include <libvirtio/virtq.h>

#define FIXTURE_INDEX 3 /* of the queue */

/* What a queue under test is. */
struct ring_kind {
    uint16_t size;
    bool packed, event_index, indirect, in_order, notification_data, legacy;
};

struct fixture {
    struct ring_kind kind;
    struct virtq queue;
    struct virtio_transport transport;
    struct ring_model split;
    struct packed_model packed;
    struct virtq_chain *chains;
    struct virtq_addresses addresses;
    unsigned notified;
    uint16_t position; /* of the last notification */
    unsigned resets;
    int reset_result;
};

void fixture_set_up(struct fixture *fixture, struct ring_kind kind);
/* Models of a device that starts anew, with the addresses that the queue has now. */
void fixture_device(struct fixture *fixture);
void fixture_tear_down(struct fixture *fixture);

/* The device's end: see the models. */
bool fixture_available(const struct fixture *fixture);
bool fixture_pop(struct fixture *fixture, struct model_chain *chain);
bool fixture_push(struct fixture *fixture, const uint16_t *heads, unsigned count, uint32_t len);
bool fixture_sleep(struct fixture *fixture);
void fixture_wake(struct fixture *fixture);

#endif
