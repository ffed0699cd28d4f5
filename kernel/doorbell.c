/*
 * Doorbells and watches: how one process is told that there is something to look at.
 */
#include "doorbell.h"
#include "handle.h"
#include "hart.h"
#include "irq.h"
#include "kcall.h"
#include "region.h"

/* A handle with which a bit of the caller is rung; kcall_arg 0 is the other process, 1 the bit. */
static int bell_make(struct thread *caller, enum handle_kind kind, struct process **other,
                     struct handle **bell)
{
    uint64_t bit = kcall_arg(caller, 1);
    handle_t id;
    int status;

    *other = process_lookup_live((endpoint_t)kcall_arg(caller, 0));
    if (!*other)
        return -ANOLE_EDEADENDPOINT;
    if (bit >= NOTIFY_OWN_BITS)
        return -ANOLE_EINVAL;
    status = handle_alloc(caller->process, kind, bell, &id);
    if (status)
        return status;
    (*bell)->peer = (*other)->endpoint;
    (*bell)->bit = (uint16_t)bit;
    kcall_result(0, id);
    return 0;
}

/* peer, bit -> handle */
int kcall_doorbell(struct thread *caller)
{
    struct process *peer;
    struct handle *handle;
    int status = bell_make(caller, HANDLE_DOORBELL, &peer, &handle);

    if (!status)
        handle->doorbell.thread = caller->endpoint;
    return status;
}

int doorbell_ring(struct thread *caller, endpoint_t maker, handle_t id)
{
    struct process *owner = process_lookup_live(maker);
    struct handle *doorbell;
    struct thread *thread;

    if (!owner)
        return -ANOLE_EDEADENDPOINT;
    doorbell = handle_lookup(owner, id, HANDLE_DOORBELL);
    if (!doorbell || doorbell->peer != caller->process->endpoint)
        return -ANOLE_EBADHANDLE;
    thread = thread_lookup_live(doorbell->doorbell.thread);
    if (!thread)
        return -ANOLE_EDEADENDPOINT;
    COUNT(caller->process, notifications, 1);
    thread_ring(thread, NOTIFY_BIT(doorbell->bit));
    return 0;
}

/* endpoint, bit -> handle */
int kcall_watch(struct thread *caller)
{
    struct process *target;
    struct handle *handle;
    int status = bell_make(caller, HANDLE_WATCH, &target, &handle);

    if (status)
        return status;
    handle->watch.thread = caller->endpoint;
    list_append(&target->watchers, &handle->watch.link);
    return 0;
}

void watchers_ring(struct process *dead)
{
    while (!list_empty(&dead->watchers)) {
        struct handle *handle = container_of(dead->watchers.next, struct handle, watch.link);
        struct thread *thread = thread_lookup_live(handle->watch.thread);
        list_remove(&handle->watch.link);
        if (thread)
            thread_ring(thread, NOTIFY_BIT(handle->bit));
    }
}

int handle_close(struct process *process, struct handle *handle)
{
    switch (handle->kind) {
    case HANDLE_REGION:
    case HANDLE_OFFER:
        region_put(handle->region.region);
        break;
    case HANDLE_WATCH:
        list_remove(&handle->watch.link);
        break;
    case HANDLE_DOORBELL:
        break;
    default:
        return -ANOLE_EINVAL;
    }
    handle_free(process, handle);
    return 0;
}

/* handle */
int kcall_close(struct thread *caller)
{
    struct handle *handle = handle_lookup_any(caller->process, kcall_arg(caller, 0));

    return handle ? handle_close(caller->process, handle) : -ANOLE_EBADHANDLE;
}
