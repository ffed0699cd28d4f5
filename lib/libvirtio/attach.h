/*
 * A driver process and its device: the windows and interrupts in its resource table become a
 * transport, whatever bus the device is on. A device that nobody can drive ends the process as
 * DEATH_UNUSABLE, with one line in the log; RS takes that as final. One that must be reset first ends
 * it as DEATH_DEVICE_RESET, and a new instance gets a fresh device.
 *
 * Small drivers have all that from driver.h.
 */
#ifndef LIBVIRTIO_ATTACH_H
#define LIBVIRTIO_ATTACH_H

#include <libvirtio/device.h>
#include <libvirtio/mmio.h>
#include <libvirtio/pci.h>

struct virtio_attached {
    struct virtio_transport *transport;
    struct virtio_platform platform;
    const char *name;              /* for the log */
    unsigned bit;                  /* own notification bits: see virtio_attach */
    _Atomic uint64_t vectors_used; /* bound already; queues' threads may bind at the same time */
    union {
        struct virtio_mmio mmio;
        struct virtio_pci pci;
    };
};

/*
 * Maps the windows, finds the registers of a device with that id, and binds the interrupt: bit of this
 * thread is rung by the device's line or, if it has vectors, upon configuration changes; bit + 1 is
 * for vectors of queues. Returns with attached->transport ready for virtio_device_open(), or not.
 */
void virtio_attach(struct virtio_attached *attached, const char *name, uint32_t device_id,
                   unsigned bit);

/*
 * Binds the vector of a queue to bit + 1 of the calling thread, which is the one that looks after it;
 * before DRIVER_OK. Without vectors of their own queues have the line, and there is nothing to do.
 * 0 or an error of KCALL_IRQ_BIND.
 */
int virtio_attach_queue(struct virtio_attached *attached, unsigned queue)
    __attribute__((warn_unused_result));

/* The same with another bit: those of a thread that looks after several queues must be different. */
int virtio_attach_queue_to(struct virtio_attached *attached, unsigned queue, unsigned bit)
    __attribute__((warn_unused_result));

/* What the notification bits of the thread that attached the device mean: VIRTIO_INTERRUPT_*. */
unsigned virtio_attached_causes(const struct virtio_attached *attached, uint64_t bits);

/* Ends the process after virtio_device_open(), _queue() or _start() returned that error. step:
 * "negotiation". */
_Noreturn void virtio_open_failed(const char *name, const struct virtio_device *device,
                                  const char *step, int error);

/* Ends the process: the device must be reset. detail is for the death record. */
_Noreturn void virtio_give_up(const char *name, const char *why, uint64_t detail);

#endif
