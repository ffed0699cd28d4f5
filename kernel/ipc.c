/*
 * Messages between threads (design 3.1). All of a message is in the registers of the two threads.
 *
 * A caller is in exactly one place: in its partner's `senders` until the request is taken, then in
 * its `takens` until it is answered.
 */
#include "ipc.h"
#include "doorbell.h"
#include "hart.h"
#include "irq.h"
#include "kcall.h"
#include "process.h"
#include "sched.h"

#define HOT __attribute__((section(".text.hot")))

static inline void set_status(struct thread *thread, int status)
{
    thread->regs[REG_T0] = (uint64_t)(int64_t)status;
}

/* a0 as delivered: who it is from, and the type that the sender put into its own a0. */
static inline uint64_t source_word(const struct thread *from)
{
    return from->endpoint | (from->regs[REG_A0] & 0xffffffff00000000ul);
}

static inline void copy_words(struct thread *to, const struct thread *from)
{
    to->regs[REG_A0] = source_word(from);
    for (unsigned i = REG_A1; i < REG_A1 + MESSAGE_WORDS; i++)
        to->regs[i] = from->regs[i];
}

/* ---- delivery ---- */

/* Puts a caller's request into the server's registers. The server isn't waiting any more. */
HOT static void deliver_request(struct thread *server, struct thread *caller)
{
    copy_words(server, caller);
    server->regs[REG_T2] = caller->call_id;
    set_status(server, 0);
    server->notified_last = false;
    caller->call_taken = true;
    list_append(&server->takens, &caller->queue_link);
    COUNT(caller->process, messages, 1);
}

HOT static void deliver_notifications(struct thread *thread, uint64_t bits)
{
    thread->pending &= ~bits;
    thread->irq_delivered |= bits & thread->irq_bits;
    thread->notified_last = true;
    thread->regs[REG_A0] = ENDPOINT_KERNEL;
    thread->regs[REG_A1] = bits;
    thread->regs[REG_T2] = 0;
    set_status(thread, 0);
}

static inline void end_wait(struct thread *thread)
{
    if (thread->wait_timer.index != 0)
        timer_cancel(&thread->wait_timer);
}

void thread_ring(struct thread *thread, uint64_t bits)
{
    thread->pending |= bits;
    if (thread->state != THREAD_RECEIVING || !(thread->pending & thread->mask))
        return;
    end_wait(thread);
    deliver_notifications(thread, thread->pending & thread->mask);
    sched_ready(thread);
}

void thread_wake(struct thread *thread, int status)
{
    end_wait(thread);
    set_status(thread, status);
    sched_ready(thread);
}

void thread_wait_expired(struct timer *timer)
{
    struct thread *thread = container_of(timer, struct thread, wait_timer);

    if (thread->state == THREAD_CALLING) {
        list_remove(&thread->queue_link);
        thread->partner = NULL;
        thread->regs[REG_A1] = thread->call_taken;
    } else if (thread->state != THREAD_RECEIVING) {
        return;
    }
    thread_wake(thread, -ANOLE_ETIMEDOUT);
}

void thread_alarm_expired(struct timer *timer)
{
    struct thread *thread = container_of(timer, struct thread, alarm_timer);

    thread_ring(thread, NOTIFY_BIT(thread->alarm_bit));
}

/* ---- ipc_call ---- */

HOT static bool makes_cycle(const struct thread *caller, const struct thread *target)
{
    while (target->state == THREAD_CALLING && target != caller)
        target = target->partner;
    return target == caller;
}

HOT static bool may_call(const struct thread *caller, const struct thread *target)
{
    unsigned id = target->process->service_id;

    return target->process == caller->process ||
           caller->process->callable[id / 64] >> (id % 64) & 1;
}

/* Queues by priority, first come first served inside one. */
static void queue_sender(struct thread *server, struct thread *caller)
{
    struct list *position = server->senders.next;

    while (position != &server->senders &&
           container_of(position, struct thread, queue_link)->priority <= caller->priority)
        position = position->next;
    list_insert_before(position, &caller->queue_link);
}

HOT static void call(struct thread *caller)
{
    struct thread *target = thread_lookup_live((endpoint_t)caller->regs[REG_A0]);
    uint64_t deadline = caller->regs[REG_T1];

    if (!target) {
        set_status(caller, -ANOLE_EDEADENDPOINT);
        return;
    }
    if (!may_call(caller, target)) {
        set_status(caller, -ANOLE_EPERM);
        return;
    }
    if (makes_cycle(caller, target)) {
        set_status(caller, -ANOLE_EDEADLOCK);
        return;
    }
    caller->state = THREAD_CALLING;
    caller->partner = target;
    caller->call_id++;
    caller->call_ticks = this_hart()->now;
    caller->lent_at_call = caller->lent_ticks;
    caller->call_taken = false;
    if (deadline != DEADLINE_NEVER)
        timer_arm(&caller->wait_timer, deadline);
    if (target->state == THREAD_RECEIVING && !target->no_requests) {
        end_wait(target);
        deliver_request(target, caller);
        sched_switch_to(target);
    } else {
        queue_sender(target, caller);
        sched_current_stopped();
    }
}

/* ---- ipc_reply ---- */

/* Answers; the client is left for the caller of this function to make ready or to switch to. */
HOT static struct thread *reply(struct thread *server)
{
    struct thread *client = thread_lookup((endpoint_t)server->regs[REG_A0]);

    if (!client || client->state != THREAD_CALLING || client->partner != server ||
        !client->call_taken || client->call_id != server->regs[REG_T2])
        return NULL;
    list_remove(&client->queue_link);
    end_wait(client);
    client->partner = NULL;
    copy_words(client, server);
    set_status(client, 0);
    COUNT(server->process, messages, 1);
    return client;
}

/* ---- ipc_receive ---- */

/* True if there was something to take, or the wait is over at once. */
HOT static bool take_next(struct thread *thread, uint64_t mask, uint64_t deadline, bool no_requests)
{
    struct hart *hart = this_hart();
    uint64_t bits = thread->pending & mask;
    bool sender = !no_requests && !list_empty(&thread->senders);

    thread->last_wait_ticks = hart->now;
    thread->cpu_at_wait = thread->cpu_ticks + thread->lent_ticks + (hart->now - hart->ran_since);
    if (thread->irq_delivered)
        irq_thread_waits(thread);
    if (bits && !(sender && thread->notified_last)) {
        deliver_notifications(thread, bits);
        return true;
    }
    if (sender) {
        struct thread *caller = container_of(thread->senders.next, struct thread, queue_link);
        list_remove(&caller->queue_link);
        deliver_request(thread, caller);
        return true;
    }
    if (deadline <= hart->now) {
        set_status(thread, -ANOLE_ETIMEDOUT);
        return true;
    }
    return false;
}

HOT static void wait(struct thread *thread, uint64_t mask, uint64_t deadline, bool no_requests)
{
    thread->state = THREAD_RECEIVING;
    thread->mask = mask;
    thread->no_requests = no_requests;
    if (deadline != DEADLINE_NEVER)
        timer_arm(&thread->wait_timer, deadline);
}

HOT static void receive(struct thread *thread)
{
    uint64_t mask = thread->regs[REG_T3], deadline = thread->regs[REG_T1];
    bool no_requests = thread->regs[REG_T4] & RECEIVE_NO_REQUESTS;

    if (thread->regs[REG_T4] & RECEIVE_RING) {
        int status = doorbell_ring(thread, (endpoint_t)thread->regs[REG_A0], thread->regs[REG_A1]);
        if (status) {
            set_status(thread, status);
            return;
        }
    }
    if (take_next(thread, mask, deadline, no_requests))
        return;
    wait(thread, mask, deadline, no_requests);
    sched_current_stopped();
}

HOT static void reply_receive(struct thread *server)
{
    uint64_t mask = server->regs[REG_T3], deadline = server->regs[REG_T1];
    struct thread *client = reply(server);

    if (!client)
        COUNT(server->process, failed_replies, 1);
    if (take_next(server, mask, deadline, false)) {
        if (client)
            sched_ready(client);
        return;
    }
    wait(server, mask, deadline, false);
    if (client) {
        this_hart()->payer = client->endpoint;
        sched_switch_to(client);
    } else {
        sched_current_stopped();
    }
}

HOT void ipc_system_call(struct thread *caller)
{
    struct thread *client;

    COUNT(caller->process, system_calls, 1);
    switch (caller->regs[REG_T0]) {
    case SYS_IPC_CALL:
        if ((endpoint_t)caller->regs[REG_A0] == ENDPOINT_KERNEL)
            kcall_run(caller);
        else
            call(caller);
        break;
    case SYS_IPC_RECEIVE:
        receive(caller);
        break;
    case SYS_IPC_REPLY:
        client = reply(caller);
        if (client)
            sched_ready(client);
        set_status(caller, client ? 0 : -ANOLE_ENOTWAITING);
        break;
    case SYS_IPC_REPLY_RECEIVE:
        reply_receive(caller);
        break;
    case SYS_IPC_NOTIFY:
        set_status(caller,
                   doorbell_ring(caller, (endpoint_t)caller->regs[REG_A0], caller->regs[REG_A1]));
        break;
    default:
        process_kill(caller->process, DEATH_BAD_CALL, caller->regs[REG_T0], caller);
        break;
    }
}
