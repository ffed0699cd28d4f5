/*
 * Used elements as a device writes them that needn't tell the truth.
 */
#ifndef TESTS_FUZZ_VIRTIO_USED_H
#define TESTS_FUZZ_VIRTIO_USED_H

#include <libvirtio/virtq.h>

/* Puts an element where the driver looks next, and `more` that weren't written behind it: only a
 * split ring's index says so. */
void used_put(struct virtq *queue, uint16_t id, uint32_t len_bytes, uint16_t more);

#endif
