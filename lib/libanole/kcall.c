/*
 * Kernel calls that any process may make: each wrapper is one ipc_call to the kernel with the words
 * of include/anole/kcall.h. Those of drivers are in kcall_driver.c.
 */
#include <libanole/anole.h>
#include <libanole/fault.h>
#include <libanole/internal.h>

int anole_call(endpoint_t endpoint, uint32_t type, struct message *message, uint64_t deadline_ticks)
{
    int error;

    fault_step(FAULT_DIE_CALL);
    message->endpoint = endpoint;
    message->type = type;
    error = ipc_call(message, deadline_ticks);
    return error ? error : message_status(message);
}

int kcall(uint32_t call, struct message *message)
{
    fault_step(FAULT_DIE_CALL);
    message->endpoint = ENDPOINT_KERNEL;
    message->type = call;
    return ipc_call(message, DEADLINE_NEVER);
}

/* ---- threads ---- */

_Noreturn void kcall_exit(enum death_cause cause, uint64_t detail)
{
    struct message message = {.word = {cause, detail}};

    (void)kcall(KCALL_EXIT, &message);
    __builtin_trap();
}

int thread_create_with_tls(void (*entry)(void *), void *stack_top, void *argument,
                           uint64_t hart_mask, void *tls, endpoint_t *endpoint)
{
    uintptr_t sp = ((uintptr_t)stack_top & ~(uintptr_t)15) - 16;
    uintptr_t *words = (uintptr_t *)sp;
    struct message message = {
        .word = {(uintptr_t)anole_thread_start, sp, 0, hart_mask, (uintptr_t)tls},
    };
    int error;

    words[0] = (uintptr_t)entry;
    words[1] = (uintptr_t)argument;
    error = kcall(KCALL_THREAD_CREATE, &message);
    if (!error) {
        *endpoint = (endpoint_t)message.word[0];
    }
    return error;
}

int kcall_thread_create(void (*entry)(void *), void *stack_top, void *argument, uint64_t hart_mask,
                        endpoint_t *endpoint)
{
    void *tls;

    __asm__("mv %0, tp" : "=r"(tls));
    return thread_create_with_tls(entry, stack_top, argument, hart_mask, tls, endpoint);
}

_Noreturn void kcall_thread_exit(void)
{
    struct message message = {0};

    (void)kcall(KCALL_THREAD_EXIT, &message);
    __builtin_trap();
}

int kcall_thread_pin(uint64_t hart_mask)
{
    struct message message = {.word = {hart_mask}};

    return kcall(KCALL_THREAD_PIN, &message);
}

/* ---- memory ---- */

int kcall_map(size_t len, unsigned prot, void **address)
{
    struct message message = {.word = {len, prot, 0}};
    int error = kcall(KCALL_MAP, &message);

    if (!error) {
        *address = (void *)message.word[0];
    }
    return error;
}

int map_at(void *address, size_t len, unsigned prot)
{
    struct message message = {.word = {len, prot, (uintptr_t)address}};

    return kcall(KCALL_MAP, &message);
}

int kcall_unmap(void *address, size_t len)
{
    struct message message = {.word = {(uintptr_t)address, len}};

    return kcall(KCALL_UNMAP, &message);
}

/* ---- alarms, watches, doorbells ---- */

int kcall_alarm(uint64_t deadline_ticks, unsigned bit)
{
    struct message message = {.word = {deadline_ticks, bit}};

    return kcall(KCALL_ALARM, &message);
}

/* Calls that make a handle out of two words. */
static int make_handle(uint32_t call, uint64_t first, uint64_t second, handle_t *handle)
{
    struct message message = {.word = {first, second}};
    int error = kcall(call, &message);

    if (!error) {
        *handle = message.word[0];
    }
    return error;
}

int kcall_watch(endpoint_t endpoint, unsigned bit, handle_t *handle)
{
    return make_handle(KCALL_WATCH, endpoint, bit, handle);
}

int kcall_doorbell(endpoint_t peer, unsigned bit, handle_t *handle)
{
    return make_handle(KCALL_DOORBELL, peer, bit, handle);
}

int kcall_close(handle_t handle)
{
    struct message message = {.word = {handle}};

    return kcall(KCALL_CLOSE, &message);
}

/* ---- regions ---- */

int kcall_region_create(size_t len, unsigned flags, handle_t *handle)
{
    return make_handle(KCALL_REGION_CREATE, len, flags, handle);
}

int kcall_region_offer(handle_t region, endpoint_t peer, unsigned prot, handle_t *offer)
{
    struct message message = {.word = {region, peer, prot}};
    int error = kcall(KCALL_REGION_OFFER, &message);

    if (!error) {
        *offer = message.word[0];
    }
    return error;
}

int kcall_region_map(endpoint_t maker, handle_t handle, size_t offset, size_t len, unsigned prot,
                     void **address)
{
    struct message message = {.word = {maker, handle, offset, len, prot}};
    int error = kcall(KCALL_REGION_MAP, &message);

    if (!error) {
        *address = (void *)message.word[0];
    }
    return error;
}

int kcall_region_info(endpoint_t maker, handle_t handle, size_t *len, unsigned *prot)
{
    struct message message = {.word = {maker, handle}};
    int error = kcall(KCALL_REGION_INFO, &message);

    if (!error) {
        *len = message.word[0];
        *prot = (unsigned)message.word[1];
    }
    return error;
}

/* ---- grants ---- */

int kcall_grant(endpoint_t peer, const void *address, size_t len, unsigned access, handle_t *grant)
{
    struct message message = {.word = {peer, (uintptr_t)address, len, access}};
    int error = kcall(KCALL_GRANT, &message);

    if (!error) {
        *grant = message.word[0];
    }
    return error;
}

/* Calls over an array: *done says how many elements were done, also after an error. */
static int batch(uint32_t call, const void *array, unsigned count, unsigned *done)
{
    struct message message = {.word = {(uintptr_t)array, count}};
    int error = kcall(call, &message);

    *done = message.word[0] <= count ? (unsigned)message.word[0] : 0;
    return error;
}

int kcall_grant_batch(struct grant_op *ops, unsigned count, unsigned *done)
{
    return batch(KCALL_GRANT_BATCH, ops, count, done);
}

int kcall_revoke(handle_t grant, int notify_bit)
{
    struct message message = {.word = {grant, (uint64_t)(notify_bit + 1)}};

    return kcall(KCALL_REVOKE, &message);
}

int kcall_revoke_batch(const handle_t *grants, unsigned count, unsigned *done)
{
    return batch(KCALL_REVOKE_BATCH, grants, count, done);
}

int kcall_copy(endpoint_t maker, handle_t grant, uint64_t offset, void *local, size_t len,
               unsigned direction)
{
    struct message message = {.word = {maker, grant, offset, (uintptr_t)local, len, direction}};

    return kcall(KCALL_COPY, &message);
}

int kcall_copy_vector(const struct copy_op *ops, unsigned count, unsigned *done)
{
    return batch(KCALL_COPY_VECTOR, ops, count, done);
}
