/*
 * Faults by order, for tests and operators. Processor faults are made by moving the victim's program
 * counter to one of libanole's gadgets, a right that only RS has; what libanole should do in the
 * victim's process is told by a notification, upon which the service loop fetches the kind. What
 * should happen in a start stands on the startup page of the next instance. No driver has code for it.
 */
#include "rs.h"
#include <libanole/anole.h>

static int move_pc(const struct rs_service *service, uint64_t pc)
{
    struct message message = {.word = {service->endpoint, pc, 0}};
    return kcall(KCALL_PROCESS_REGS, &message);
}

static int run_gadget(const struct rs_service *service, enum inject_gadget gadget)
{
    const struct boot_entry *program = load_find_program(&rs.image, service->program);
    if (!program || program->inject == 0) {
        return -ANOLE_ENOSYS;
    }
    return move_pc(service, program->inject + (uint64_t)gadget * INJECT_GADGET_SIZE);
}

static int tell_loop(struct rs_service *service, enum fault_kind kind, uint32_t count)
{
    service->fault = kind;
    service->fault_count = count;
    return service_notify(service, NOTIFY_INJECT);
}

static bool is_for_next_instance(enum fault_kind kind)
{
    return kind >= FAULT_NO_IRQ;
}

static int inject(struct rs_service *service, enum fault_kind kind, uint32_t count)
{
    if (is_for_next_instance(kind)) {
        service->next_fault = kind;
        service->next_fault_count = count;
        return 0;
    }
    switch (kind) {
    case FAULT_LOAD:
        return run_gadget(service, INJECT_GADGET_LOAD);
    case FAULT_STORE:
        return run_gadget(service, INJECT_GADGET_STORE);
    case FAULT_JUMP:
        return move_pc(service, 0);
    case FAULT_ILLEGAL:
        return run_gadget(service, INJECT_GADGET_ILLEGAL);
    case FAULT_PRIVILEGED:
        return run_gadget(service, INJECT_GADGET_PRIVILEGED);
    case FAULT_OVERFLOW:
        return run_gadget(service, INJECT_GADGET_OVERFLOW);
    case FAULT_SPIN:
        return run_gadget(service, INJECT_GADGET_SPIN);
    case FAULT_SLEEP:
        return run_gadget(service, INJECT_GADGET_SLEEP);
    default:
        return tell_loop(service, kind, count);
    }
}

/* RS itself: its end is the machine's, so it is ordered only to show that the end is an orderly one. */
static int die_by_order(enum fault_kind kind)
{
    if (kind == FAULT_PANIC) {
        panic("ordered to panic");
    }
    return -ANOLE_EPERM;
}

/* w0-1 service, w2 enum fault_kind, w3 count. */
int request_inject(struct message *message, const struct rs_caller *caller)
{
    char name[RS_NAME_LEN];
    uint64_t kind = message->word[2];
    uint64_t count = message->word[3];
    (void)caller;
    if (!name_unpack(name, message->word) || kind < FAULT_LOAD || kind >= FAULT_KIND_LIMIT ||
        count > UINT32_MAX) {
        return -ANOLE_EINVAL;
    }
    struct rs_service *service = service_find(name);
    if (!service) {
        return -ANOLE_ENOENT;
    }
    if (service_is_rs(service)) {
        return die_by_order((enum fault_kind)kind);
    }
    if (service->state != RS_STATE_UP) {
        return -ANOLE_EAGAIN;
    }
    int error = inject(service, (enum fault_kind)kind, (uint32_t)count);
    if (!error) {
        service->ordered |= !is_for_next_instance((enum fault_kind)kind);
        log_event(service, RS_EVENT_INJECT, kind);
    }
    return error;
}

/* -> w0 enum fault_kind, w1 count. */
int request_inject_fetch(struct message *message, const struct rs_caller *caller)
{
    if (caller->service->fault == 0) {
        return -ANOLE_EAGAIN;
    }
    message->word[0] = caller->service->fault;
    message->word[1] = caller->service->fault_count;
    caller->service->fault = 0;
    return 0;
}

/* w0 enum fault_kind. */
int request_inject_committed(struct message *message, const struct rs_caller *caller)
{
    uint64_t kind = message->word[0];
    if (kind < FAULT_LOAD || kind >= FAULT_KIND_LIMIT) {
        return -ANOLE_EINVAL;
    }
    if (!caller->service->ordered) {
        return -ANOLE_EPERM;
    }
    log_event(caller->service, RS_EVENT_COMMITTED, kind);
    return 0;
}
