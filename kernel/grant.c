/*
 * Grants: a range of the maker's memory that one peer may read or write through the kernel, and the
 * copies that use them. The right is checked where an address is made.
 */
#include "handle.h"
#include "hart.h"
#include "kcall.h"
#include "vm.h"

int grant_lookup(const struct process *user, endpoint_t maker, handle_t id, unsigned access,
                 struct process **granter, struct handle **grant)
{
    *granter = process_lookup_live(maker);
    if (!*granter)
        return -ANOLE_EDEADENDPOINT;
    *grant = handle_lookup(*granter, id, HANDLE_GRANT);
    if (!*grant || (*grant)->peer != user->endpoint)
        return -ANOLE_EBADHANDLE;
    if ((access & ~(unsigned)(*grant)->flags) != 0)
        return -ANOLE_EPERM;
    return 0;
}

static int grant_make(struct process *process, endpoint_t peer, uint64_t address, uint64_t len,
                      uint64_t access, handle_t *id)
{
    struct process *grantee = process_lookup_live(peer);
    struct handle *handle;
    int status;

    if (!grantee)
        return -ANOLE_EDEADENDPOINT;
    if (len == 0 || access == 0 || access & ~(uint64_t)(GRANT_READ | GRANT_WRITE))
        return -ANOLE_EINVAL;
    if (!range_within(address, len, USER_END))
        return -ANOLE_EFAULT;
    status = handle_alloc(process, HANDLE_GRANT, &handle, id);
    if (status)
        return status;
    handle->peer = grantee->endpoint;
    handle->flags = (uint8_t)access;
    handle->grant.address = address;
    handle->grant.len = len;
    return 0;
}

/* peer, address, len, GRANT_* -> handle */
int kcall_grant(struct thread *caller)
{
    handle_t id = HANDLE_NONE;
    int status = grant_make(caller->process, (endpoint_t)kcall_arg(caller, 0), kcall_arg(caller, 1),
                            kcall_arg(caller, 2), kcall_arg(caller, 3), &id);

    kcall_result(0, id);
    return status;
}

/* The end of one step of a batch: go on, or say how many elements were done. */
static int batch_status(struct thread *caller, uint64_t count, int status)
{
    if (status == 0 && caller->progress < count)
        return KCALL_AGAIN;
    kcall_result(0, caller->progress);
    return status;
}

/* array of grant_op, count -> how many were made */
int kcall_grant_batch(struct thread *caller)
{
    uint64_t array = kcall_arg(caller, 0), count = kcall_arg(caller, 1);
    int status = 0;

    if (count > HANDLES_PER_PAGE * HANDLE_PAGES)
        return -ANOLE_EINVAL;
    for (unsigned i = 0; i < STEP_ITEMS && caller->progress < count && !status; i++) {
        struct grant_op op;
        uint64_t at = array + caller->progress * sizeof(op);
        status = vm_read(caller->process, at, &op, sizeof(op));
        if (!status)
            status = grant_make(caller->process, op.peer, op.address, op.len_bytes, op.access,
                                &op.id);
        if (!status) {
            status = vm_write(caller->process, at, &op, sizeof(op));
            if (status)
                handle_free(caller->process, handle_lookup(caller->process, op.id, HANDLE_GRANT));
        }
        if (!status)
            caller->progress++;
    }
    return batch_status(caller, count, status);
}

static int grant_revoke(struct thread *caller, handle_t id, uint64_t notify)
{
    struct handle *grant = handle_lookup(caller->process, id, HANDLE_GRANT);

    if (!grant)
        return -ANOLE_EBADHANDLE;
    if (notify > NOTIFY_OWN_BITS)
        return -ANOLE_EINVAL;
    if (grant->grant.pins > 0) {
        grant->grant.notify_bit = (uint32_t)notify;
        grant->grant.notify_thread = caller->endpoint;
        /* Taken back as far as it can be: nothing new may be mapped or copied with it. */
        grant->flags = 0;
        return -ANOLE_EBUSY;
    }
    handle_free(caller->process, grant);
    return 0;
}

/* handle, bit + 1 or 0 */
int kcall_revoke(struct thread *caller)
{
    return grant_revoke(caller, kcall_arg(caller, 0), kcall_arg(caller, 1));
}

/* array of handles, count -> how many are revoked */
int kcall_revoke_batch(struct thread *caller)
{
    uint64_t array = kcall_arg(caller, 0), count = kcall_arg(caller, 1);
    int status = 0;

    if (count > HANDLES_PER_PAGE * HANDLE_PAGES)
        return -ANOLE_EINVAL;
    for (unsigned i = 0; i < STEP_ITEMS && caller->progress < count && !status; i++) {
        handle_t id;
        status = vm_read(caller->process, array + caller->progress * sizeof(id), &id, sizeof(id));
        if (!status)
            status = grant_revoke(caller, id, 0);
        if (!status)
            caller->progress++;
    }
    return batch_status(caller, count, status);
}

/* One bounded step of a copy that has got as far as *done. */
static int copy_step(struct process *user, const struct copy_op *op, uint64_t *done)
{
    struct process *granter;
    struct handle *grant;
    int64_t copied;
    uint64_t remote;
    int status;

    if (op->direction > COPY_TO_GRANT)
        return -ANOLE_EINVAL;
    status = grant_lookup(user, op->maker, op->grant,
                          op->direction == COPY_TO_GRANT ? GRANT_WRITE : GRANT_READ, &granter,
                          &grant);
    if (status)
        return status;
    if (!range_within(op->offset, op->len_bytes, grant->grant.len))
        return -ANOLE_ERANGE;
    if (!range_within(op->local_address, op->len_bytes, USER_END))
        return -ANOLE_EFAULT;
    if (*done >= op->len_bytes)
        return 0;
    remote = grant->grant.address + op->offset + *done;
    if (op->direction == COPY_TO_GRANT)
        copied = vm_copy_step(user, op->local_address + *done, granter, remote,
                              op->len_bytes - *done, 0);
    else
        copied = vm_copy_step(granter, remote, user, op->local_address + *done,
                              op->len_bytes - *done, 0);
    if (copied < 0)
        return (int)copied;
    *done += (uint64_t)copied;
    COUNT(user, copied_bytes, (uint64_t)copied);
    return *done < op->len_bytes ? KCALL_AGAIN : 0;
}

/* maker, grant, offset, local address, len, COPY_* */
int kcall_copy(struct thread *caller)
{
    struct copy_op op = {
        .maker = (endpoint_t)kcall_arg(caller, 0),
        .grant = kcall_arg(caller, 1),
        .offset = kcall_arg(caller, 2),
        .local_address = kcall_arg(caller, 3),
        .len_bytes = kcall_arg(caller, 4),
        .direction = (uint32_t)min_u64(kcall_arg(caller, 5), UINT32_MAX),
    };

    return copy_step(caller->process, &op, &caller->progress);
}

/* array of copy_op, count -> how many were done. progress: whole ones; progress_object: in the next */
int kcall_copy_vector(struct thread *caller)
{
    uint64_t array = kcall_arg(caller, 0), count = kcall_arg(caller, 1);
    struct copy_op op;
    int status;

    if (count > UINT32_MAX)
        return -ANOLE_EINVAL;
    if (caller->progress >= count)
        return batch_status(caller, count, 0);
    status = vm_read(caller->process, array + caller->progress * sizeof(op), &op, sizeof(op));
    if (!status)
        status = copy_step(caller->process, &op, &caller->progress_object);
    if (status == KCALL_AGAIN)
        return status;
    if (!status) {
        caller->progress++;
        caller->progress_object = 0;
    }
    return batch_status(caller, count, status);
}
