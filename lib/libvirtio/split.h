/*
 * The split ring as it lies in memory shared with the device (virtio 1.4, 2.7). Little-endian.
 */
#ifndef LIBVIRTIO_SPLIT_H
#define LIBVIRTIO_SPLIT_H

#include <assert.h>
#include <stdint.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ring fields are used as they lie there");

#define SPLIT_DESCRIPTOR_NEXT 1u
#define SPLIT_DESCRIPTOR_WRITE 2u
#define SPLIT_DESCRIPTOR_INDIRECT 4u

struct split_descriptor {
    uint64_t address;
    uint32_t len_bytes;
    uint16_t flags;
    uint16_t next;
};
static_assert(sizeof(struct split_descriptor) == 16, "virtio 1.4, 2.7.5");

#define SPLIT_AVAILABLE_NO_INTERRUPT 1u

struct split_available {
    _Atomic uint16_t flags;
    _Atomic uint16_t index;
    _Atomic uint16_t ring[]; /* size elements, then used_event */
};
static_assert(sizeof(struct split_available) == 4, "virtio 1.4, 2.7.6");

#define SPLIT_USED_NO_NOTIFY 1u

struct split_used_element {
    _Atomic uint32_t id;
    _Atomic uint32_t len_bytes;
};
static_assert(sizeof(struct split_used_element) == 8, "virtio 1.4, 2.7.8");

struct split_used {
    _Atomic uint16_t flags;
    _Atomic uint16_t index;
    struct split_used_element ring[]; /* size elements, then avail_event */
};
static_assert(sizeof(struct split_used) == 4, "virtio 1.4, 2.7.8");

#endif
