/*
 * The driver's side of proto/virtio.h: any virtio driver that calls virtio_info_serve() once answers it,
 * whatever its service loop is.
 */
#ifndef LIBVIRTIO_INFO_H
#define LIBVIRTIO_INFO_H

#include <libanole/anole.h>
#include <libvirtio/attach.h>
#include <proto/virtio.h>

/* From now on tells about that device and its queues. count fills in the driver's counters, all but
 * the resets. */
void virtio_info_serve(const struct virtio_attached *attached, struct virtio_device *device,
                       void (*count)(struct virtio_counters *counters));

/* The clock of virtq_set_time() for queues that are told about. */
static inline uint32_t virtio_clock_ms(void)
{
    return (uint32_t)(ticks_to_us(ticks_now()) / 1000);
}

#endif
