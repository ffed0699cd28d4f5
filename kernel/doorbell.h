/*
 * Doorbells and watches, as the rest of the kernel uses them.
 */
#ifndef KERNEL_DOORBELL_H
#define KERNEL_DOORBELL_H

#include "handle.h"

/* ipc_notify: rings doorbell `id` of the process that made it. */
int doorbell_ring(struct thread *caller, endpoint_t maker, handle_t id);
/* The process is dead: tells all that watch it. */
void watchers_ring(struct process *dead);
/* Ends a region, offer, doorbell or watch handle; -EINVAL for the other kinds. */
int handle_close(struct process *process, struct handle *handle);

#endif
