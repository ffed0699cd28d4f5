/*
 * What any virtio driver tells about its device, for `virtio dump` and `lsdev -v`. It is answered
 * between two requests, so a driver that is busy answers, too; nothing is changed by asking.
 */
#ifndef PROTO_VIRTIO_H
#define PROTO_VIRTIO_H

#include <anole/message.h>
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum virtio_request {
    VIRTIO_INFO = MESSAGE_TYPE(PROTO_VIRTIO, 1),  /* w0 grant (write) for struct virtio_info */
    VIRTIO_QUEUE = MESSAGE_TYPE(PROTO_VIRTIO, 2), /* w0 grant (write) for struct
                                                     virtio_queue_info, w1 which: 0 .. queues - 1;
                                                     ENOENT: not so many */
};

/* Of this instance of the driver. */
#define VIRTIO_SIZES 6u
struct virtio_counters {
    uint64_t operations; /* finished, with whatever result */
    uint64_t bytes;      /* moved by them */
    uint64_t errors;     /* of them */
    uint64_t
        sizes[VIRTIO_SIZES]; /* operations of up to 512 B, 4 KiB, 16 KiB, 64 KiB, 256 KiB, more */
    uint64_t kicks;
    uint64_t kicks_suppressed; /* the device asked not to be notified */
    uint64_t interrupts;
    uint64_t spurious_interrupts; /* that the device says aren't its own */
    uint64_t resets; /* of the device, for its driver's sake, since the system started */
};
static_assert(sizeof(struct virtio_counters) == 14 * 8, "shared layout");

/* Counts a finished operation. */
static inline void virtio_count(struct virtio_counters *counters, uint64_t bytes, bool failed)
{
    unsigned size = bytes <= 512           ? 0
                    : bytes <= 4096        ? 1
                    : bytes <= 16384       ? 2
                    : bytes <= 65536       ? 3
                    : bytes <= 256u * 1024 ? 4
                                           : 5;
    counters->operations++;
    counters->bytes += bytes;
    counters->errors += failed;
    counters->sizes[size]++;
}

struct virtio_register_info {
    char name[20];
    uint32_t value;
};

#define VIRTIO_REGISTERS 8u
struct virtio_info {
    uint32_t device_id;
    uint8_t transport;     /* enum device_transport */
    uint8_t legacy;        /* 1: no VERSION_1 */
    uint8_t driver_status; /* the bits that the driver has set */
    uint8_t device_status; /* what the device shows */
    uint64_t offered;      /* features */
    uint64_t accepted;
    uint32_t queues;
    uint32_t vectors; /* 0: one interrupt for everything */
    uint32_t config_len_bytes;
    uint32_t registers; /* of those below */
    struct virtio_register_info reg[VIRTIO_REGISTERS];
    struct virtio_counters counters;
    char label[32]; /* of the device, as devman has it */
};
static_assert(sizeof(struct virtio_info) == 40 + 24 * VIRTIO_REGISTERS + 14 * 8 + 32,
              "shared layout");

/* Positions are indices of a split ring, or slots and the wrap counter (bit 15) of a packed one. */
struct virtio_queue_info {
    uint16_t index;     /* of the queue in the device */
    uint16_t size;      /* ring slots */
    uint16_t vector;    /* if there are any */
    uint8_t packed;     /* 1: a packed ring */
    uint8_t broken;     /* 1: the device broke the ring's rules */
    uint16_t in_flight; /* buffers that the device has */
    uint16_t added;     /* buffers that it will have with the next kick */
    uint16_t free_slots;
    uint16_t available; /* the driver's position */
    uint16_t used;      /* up to where it has taken used buffers */
    uint16_t reserved;
    uint32_t driver_event; /* what asks for the next interrupt, as it lies in memory */
    uint32_t device_event; /* what asks for the next kick: the device's word */
    uint32_t oldest_ms;    /* age of the oldest buffer in flight */
};
static_assert(sizeof(struct virtio_queue_info) == 32, "shared layout");

#endif
