/*
 * A driver by hand: it writes the MMIO registers of device_rig.h's device and lays its split ring itself,
 * so that it can break every rule.
 */
#ifndef TESTS_VIRTIO_HAND_DRIVER_H
#define TESTS_VIRTIO_HAND_DRIVER_H

#include "device_rig.h"

#include <libvirtio/feature_bits.h>
#include <libvirtio/mmio_regs.h>

#define HAND_SECTORS 64u
#define HAND_SIZE 8u
#define READY 0xfu /* ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK */
#define NEEDS_RESET 64u

struct hand_ring {
    struct split_descriptor descriptors[HAND_SIZE];
    uint16_t flags, index, ring[HAND_SIZE], used_event;
};
struct hand_used {
    uint16_t flags, index;
    struct {
        uint32_t id, len;
    } ring[HAND_SIZE];
    uint16_t avail_event;
};

extern struct rig rig;
extern struct hand_ring *driver;
extern struct hand_used *used;
extern uint64_t driver_address, used_address;
extern unsigned char *data; /* 8 KiB */
extern uint64_t data_address;

int hand_set_up(void **state);
int hand_tear_down(void **state);
#define HAND(test) cmocka_unit_test_setup_teardown(test, hand_set_up, hand_tear_down)
/* Another device in its place. */
void hand_again_with(const struct vdev_blk_options *options);

/* Registers. */
uint32_t hand_get(uint32_t offset);
void hand_put(uint32_t offset, uint32_t value);

uint64_t hand_bit(struct feature_bit feature);
void hand_accept(uint64_t features);
/* From a reset to FEATURES_OK. */
void hand_negotiate(uint64_t features);
void hand_queue(uint64_t descriptors, uint64_t available, uint64_t used_part, uint32_t size);
/* A driver that accepts all but these, and has a queue of HAND_SIZE. */
void hand_bring_up_without(uint64_t features);

void hand_describe(uint16_t slot, uint64_t address, uint32_t len, unsigned flags, uint16_t next);
/* A request for sector 0 in slots 0 to 2: header, data, status. */
void hand_request(uint32_t type);
void hand_offer(uint16_t head);
/* Notifies; the device works. */
void hand_go(void);

#endif
