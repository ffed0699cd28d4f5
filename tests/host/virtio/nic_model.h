/*
 * A virtio network device (virtio 1.4, 5.1) on lib/libvirtio/device, behind a window of registers, as
 * the driver finds it. What is sent is kept for the test to look at; what is to be received the test
 * hands in. It obeys commands, and misbehaves as told. What a driver does against the specification
 * fails the test.
 */
#ifndef TESTS_VIRTIO_NIC_MODEL_H
#define TESTS_VIRTIO_NIC_MODEL_H

#include "check.h"

#include <libvirtio/device/mmio.h>
#include <libvirtio/platform.h>

#define NIC_MODEL_BASE 0x10008000u
#define NIC_MODEL_WINDOW 0x1000u
#define NIC_MODEL_SENT 64u
#define NIC_MODEL_FRAME 70000u
#define NIC_MODEL_HEADER 12u
#define NIC_MODEL_QUEUE 256u
#define NIC_MODEL_TABLE 64u
#define NIC_MODEL_PAIRS 4u
#define NIC_MODEL_QUEUES (2u * NIC_MODEL_PAIRS + 1u)

struct nic_model_frame {
    unsigned char header[NIC_MODEL_HEADER];
    unsigned char bytes[NIC_MODEL_FRAME];
    size_t len;
};

struct nic_model {
    struct virtio_platform platform; /* first */
    struct vdev_host host;
    struct vdev device;
    struct vdev_mmio mmio;
    struct vdev_queue queues[NIC_MODEL_QUEUES];
    uint32_t in_use[NIC_MODEL_QUEUES][VDEV_QUEUE_WORDS(NIC_MODEL_QUEUE)];
    unsigned char config[24];
    uint64_t now_us;
    uint64_t notified; /* a bit for each queue */
    unsigned interrupts;

    unsigned by_pair; /* what is delivered comes by it */

    /* How it misbehaves. */
    bool hold_sends;      /* frames aren't sent */
    bool silent, refuses; /* commands: no answer, or an error */
    int num_buffers;      /* -1: as is right */
    int shorten;          /* so many bytes fewer in the last buffer than there are */
    bool hostile;         /* what the driver does wrong is not the question */

    /* What happened. */
    struct nic_model_frame *sent; /* NIC_MODEL_SENT of them */
    unsigned sent_count;
    unsigned sent_by[NIC_MODEL_PAIRS];
    unsigned resets; /* of the first receive queue */
    unsigned pairs;  /* that the driver has chosen */
    bool promiscuous, all_multicast;
    unsigned unicast_count, multicast_count;
    unsigned char unicast[NIC_MODEL_TABLE][6], multicast[NIC_MODEL_TABLE][6];
    unsigned char vlans[4096];
    unsigned commands, announced;
};

/* A device that offers that (VERSION_1 in any case); its address is 02:00:00:00:00:01, its link up. */
void nic_model_init(struct nic_model *model, uint64_t offered);
void nic_model_free(struct nic_model *model);
/* Does what the driver notified it of. */
void nic_model_work(struct nic_model *model);
/* A frame from the wire. False: there is no buffer for it, and it is lost. */
bool nic_model_deliver(struct nic_model *model, const unsigned char header[NIC_MODEL_HEADER],
                       const void *frame, size_t len);
/* The same with an empty header. */
bool nic_model_receive(struct nic_model *model, const void *frame, size_t len);
void nic_model_link(struct nic_model *model, unsigned status);

#endif
