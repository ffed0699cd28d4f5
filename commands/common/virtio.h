/*
 * Asking virtio drivers about their devices (proto/virtio.h). What comes back is the driver's word.
 */
#ifndef COMMANDS_VIRTIO_H
#define COMMANDS_VIRTIO_H

#include <anole/endpoint.h>
#include <proto/virtio.h>

/* 0 or -error: ENOSYS: it is no virtio driver; ETIMEDOUT: it doesn't answer. */
int virtio_query(endpoint_t driver, struct virtio_info *info);
/* Queue number `which` of info->queues. */
int virtio_query_queue(endpoint_t driver, unsigned which, struct virtio_queue_info *queue);

/* Prints " BLK_SIZE" for each bit of a set of features; a number for one without a name. */
void virtio_print_features(uint32_t device_id, uint64_t mask);
/* "block device"; "?" if it is of no kind that is known here. */
const char *virtio_kind_text(uint32_t device_id);

#endif
