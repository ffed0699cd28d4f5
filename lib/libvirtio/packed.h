/*
 * The packed ring as it lies in memory shared with the device (virtio 1.4, 2.8). Little-endian.
 */
#ifndef LIBVIRTIO_PACKED_H
#define LIBVIRTIO_PACKED_H

#include <assert.h>
#include <stdint.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ring fields are used as they lie there");

#define PACKED_DESCRIPTOR_NEXT 1u
#define PACKED_DESCRIPTOR_WRITE 2u
#define PACKED_DESCRIPTOR_INDIRECT 4u
/* Both compare with a wrap counter (virtio 1.4, 2.8.1). */
#define PACKED_DESCRIPTOR_AVAIL 0x0080u
#define PACKED_DESCRIPTOR_USED 0x8000u

struct packed_descriptor {
    uint64_t address;
    _Atomic uint32_t len_bytes;
    _Atomic uint16_t id;
    _Atomic uint16_t flags;
};
static_assert(sizeof(struct packed_descriptor) == 16, "virtio 1.4, 2.8.14");

/* What the flags of an event suppression structure say (virtio 1.4, 2.8.10). */
#define PACKED_EVENT_ENABLE 0u
#define PACKED_EVENT_DISABLE 1u
#define PACKED_EVENT_DESCRIPTOR 2u

/* One word, so that both halves are always of the same moment: in bits 0-14 a slot, in bit 15 its
 * wrap counter, in bits 16 and 17 the flags. */
struct packed_event {
    _Atomic uint32_t word;
};
static_assert(sizeof(struct packed_event) == 4, "virtio 1.4, 2.8.14");

#define PACKED_EVENT_WORD(flags, position) ((uint32_t)(position) | (flags) << 16)
#define PACKED_EVENT_SLOT(word) ((uint16_t)((word)&0x7fffu))
#define PACKED_EVENT_WRAP(word) (((word) >> 15 & 1u) != 0)
#define PACKED_EVENT_FLAGS(word) ((word) >> 16 & 3u)

#endif
