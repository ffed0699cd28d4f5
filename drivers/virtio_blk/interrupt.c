/*
 * How the threads of a disk's queues hear of what is done. With vectors each queue has its own, and its
 * thread is rung. A line that all queues share is bound to the first one's thread, which asks the
 * device what it is for and rings those that have something in the device.
 */
#include "disk.h"

#include <libanole/anole.h>
#include <libvirtio/barrier.h>

static bool has_vector(const struct disk_queue *queue)
{
    return queue->disk->device.transport->vectors > 1;
}

static void ring_others(const struct disk *disk)
{
    for (unsigned i = 1; i < disk->queues; i++) {
        const struct disk_queue *other = disk->queue[i];
        if (atomic_load_explicit(&other->outstanding, memory_order_relaxed) > 0)
            (void)ipc_notify(startup_page()->self, other->bell);
    }
}

/* The first queue's thread: reads and acknowledges what the interrupt is for. False: nothing. */
static bool take_interrupt(struct disk_queue *queue, uint64_t bits)
{
    struct disk *disk = queue->disk;
    unsigned causes = virtio_interrupt_causes(disk->device.transport,
                                              (bits & NOTIFY_BIT(DISK_LINE_BIT)) != 0,
                                              (bits & NOTIFY_BIT(DISK_RING_BIT)) != 0);
    /* The acknowledgement comes before the look at the ring: what is used later interrupts anew. */
    io_mb();
    if ((causes & VIRTIO_INTERRUPT_CONFIG) != 0)
        disk_config_changed(disk);
    if ((causes & VIRTIO_INTERRUPT_RING) != 0 && !has_vector(queue))
        ring_others(disk);
    return causes != 0;
}

void disk_notified(struct blk_device *device, uint64_t bits)
{
    struct disk_queue *queue = disk_queue_of(device);
    device->stats.interrupts++;
    if (queue == &queue->disk->first && !take_interrupt(queue, bits))
        device->stats.spurious_interrupts++;
}

void disk_wait(struct blk_device *device, uint64_t deadline_ticks)
{
    struct disk_queue *queue = disk_queue_of(device);
    struct virtio_platform *platform = queue->disk->device.transport->platform;
    platform->wait(platform, ticks_to_us(deadline_ticks));
    if (queue == &queue->disk->first && !has_vector(queue))
        (void)take_interrupt(queue, NOTIFY_BIT(DISK_LINE_BIT));
}

int disk_enter(struct blk_device *device)
{
    struct disk_queue *queue = disk_queue_of(device);
    if (has_vector(queue))
        return virtio_attach_queue(queue->disk->attached, queue->queue.index);
    return kcall_doorbell(startup_page()->self, DISK_RING_BIT, &queue->bell);
}
