/*
 * The machine-independent kernel under random calls: the input is a sequence of steps, each of which
 * enters the kernel through one hart. After each, and whenever a long call lets go of the lock, all
 * that must be true of the kernel is checked; in the end everything dies and every frame is back.
 *
 * While a long call has let go of the lock, steps of the same input enter through other harts: what a
 * call has checked at its last step may no longer be so at the next.
 */
#include "arguments.h"
#include "hart.h"
#include "kcall.h"
#include "msi.h"
#include "sched.h"
#include "timer.h"
#include "world.h"
#include <anole/kcall.h>
#include <stdio.h>
#include <stdlib.h>

#define STEPS_MAX 250
#define STEPS_AT_BREAK 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct input input;
static unsigned steps;

static void step(void);

/* ---- what must not be done ---- */

/* The warden must live: its death is the kernel's panic, as that of rs is. */
static bool spares_the_warden(const struct thread *thread)
{
    uint64_t call = thread->regs[REG_A0] >> 32;

    if (thread->regs[REG_T0] != SYS_IPC_CALL || (endpoint_t)thread->regs[REG_A0] != ENDPOINT_KERNEL)
        return true;
    if (call != KCALL_PROCESS_KILL && call != KCALL_PROCESS_REGS)
        return true;
    return (endpoint_t)thread->regs[REG_A1] != warden->endpoint;
}

/* ---- replies ---- */

/* What IPC_REPLY must say, known before it is made. */
static bool reply_is_due(const struct thread *server)
{
    const struct thread *client = thread_lookup((endpoint_t)server->regs[REG_A0]);

    return client && client->state == THREAD_CALLING && client->partner == server &&
           client->call_taken && client->call_id == server->regs[REG_T2];
}

static void system_call(unsigned hart)
{
    struct thread *thread = host_running(hart);
    endpoint_t endpoint = thread->endpoint;
    bool replies = thread->regs[REG_T0] == SYS_IPC_REPLY && process_is_live(thread->process);
    int expected = replies && reply_is_due(thread) ? 0 : -ANOLE_ENOTWAITING;

    if (!spares_the_warden(thread))
        return;
    host_system_call(hart);
    if (replies && thread_lookup(endpoint) && (int)(int64_t)thread->regs[REG_T0] != expected) {
        fprintf(stderr, "a reply was answered %ld, not %d\n", (int64_t)thread->regs[REG_T0],
                expected);
        abort();
    }
}

/* ---- steps ---- */

static unsigned choose_hart(void)
{
    return input_below(&input, hart_count);
}

/* A hart without a thread: time passes, or somebody new is started. */
static void step_idle(unsigned hart)
{
    uint64_t next = timer_next();

    host_poll(hart);
    if (host_running(hart))
        return;
    if (input_byte(&input) & 1 && next != ~(uint64_t)0) {
        host_now = next > host_now ? next : host_now;
        host_poll(hart);
    } else if (!host_in_kernel(0)) {
        world_start_one(&input);
    }
}

/* What there is, in the order of the header; a caller that may make the call is likely. Few calls end
 * the caller: else nobody lives long enough to do much. */
static uint32_t choose_kernel_call(const struct process *caller)
{
#define NUMBER(name, number, group) (number),
    static const uint8_t calls[] = {KCALLS(NUMBER)};
    uint8_t which = input_byte(&input);
    uint32_t call = calls[which % ARRAY_SIZE(calls)];

    if (which >= 250)
        return input_byte(&input);
    for (unsigned i = 0; i < ARRAY_SIZE(calls) && !(caller->kcalls >> call & 1); i++)
        call = calls[(which + i) % ARRAY_SIZE(calls)];
    if ((call == KCALL_EXIT || call == KCALL_THREAD_EXIT) && input_byte(&input) < 220)
        call = KCALL_GRANT;
    return call;
}

/* The hart's thread calls. */
static void step_call(unsigned hart, bool kernel_call)
{
    struct thread *thread = host_running(hart);

    if (!thread) {
        step_idle(hart);
        return;
    }
    if (kernel_call)
        arguments_of_kernel_call(&input, thread, choose_kernel_call(thread->process));
    else
        arguments_of_system_call(&input, thread);
    system_call(hart);
}

static void step_run(unsigned hart)
{
    struct thread *threads[WORLD_THREADS];
    unsigned count = world_threads(threads), from = input_byte(&input);

    for (unsigned i = 0; i < count; i++) {
        struct thread *thread = threads[(from + i) % count];
        if (thread->state == THREAD_READY && thread->hart_mask >> hart & 1) {
            host_try_run(hart, thread);
            return;
        }
    }
    host_poll(hart);
}

static void step_fault(unsigned hart)
{
    if (host_running(hart) && host_running(hart)->process != warden)
        host_fault(hart, DEATH_LOAD_FAULT, input_byte(&input));
    else
        host_poll(hart);
}

static void poll_for_notifications(unsigned hart)
{
    struct thread *thread = host_running(hart);

    /* The second wait is what completes the interrupt. */
    for (unsigned i = 0; i < 2 && host_running(hart) == thread; i++) {
        thread->regs[REG_T0] = SYS_IPC_RECEIVE;
        thread->regs[REG_T1] = DEADLINE_POLL;
        thread->regs[REG_T3] = NOTIFY_ALL;
        thread->regs[REG_T4] = RECEIVE_NO_REQUESTS;
        host_system_call(hart);
    }
}

static void step_time(unsigned hart)
{
    uint8_t ticks = input_byte(&input);

    host_now += ticks < 200 ? ticks : ticks_from_ms(ticks - 199);
    host_poll(hart);
}

/* A line is raised, or a message is written. */
static void interrupt(unsigned hart, uint8_t which)
{
    uint32_t message = WORLD_MESSAGE + (which >> 2) % WORLD_MESSAGES;

    if (!(which & 2))
        host_interrupt_line(hart, WORLD_LINE + (which & 1));
    else if (msi_of(message) && !host_in_kernel(msi_of(message)->hart))
        (void)host_message(message);
}

/* Once; or again and again, its driver waiting each time: a storm. */
static void step_interrupt(unsigned hart)
{
    uint8_t byte = input_byte(&input);
    const struct thread *driver = host_running(hart);
    unsigned times = byte >= 246 && driver && driver->irq_bits ? IRQ_STORM_PER_MS + 2 : 1;

    for (unsigned i = 0; i < times; i++) {
        interrupt(hart, byte);
        if (times > 1 && host_running(hart) == driver)
            poll_for_notifications(hart);
    }
}

/* Whoever may create makes a child, gives it memory and starts it: three calls that fit together. */
static void step_spawn(unsigned hart)
{
    struct thread *thread = host_running(hart);
    endpoint_t child, creator;

    if (!thread) {
        host_poll(hart);
        return;
    }
    creator = thread->endpoint;
    arguments_of_kernel_call(&input, thread, KCALL_PROCESS_CREATE);
    system_call(hart);
    child = (endpoint_t)thread->regs[REG_A1];
    if (host_running(hart) != thread || thread->endpoint != creator || thread->regs[REG_T0] != 0)
        return;
    arguments_of_kernel_call(&input, thread, KCALL_PROCESS_MAP);
    thread->regs[REG_A1] = child;
    thread->regs[REG_A1 + 1] = HOST_DATA;
    thread->regs[REG_A1 + 2] = 4 * PAGE_SIZE;
    thread->regs[REG_A1 + 3] = PROT_READ_BIT | PROT_WRITE_BIT;
    if (input_byte(&input) < 150)
        thread->regs[REG_A1 + 5] = HANDLE_NONE;
    system_call(hart);
    if (host_running(hart) != thread || thread->endpoint != creator)
        return;
    if (input_byte(&input) < 80)
        return; /* not yet: others may do things to it before */
    arguments_of_kernel_call(&input, thread, KCALL_PROCESS_START);
    thread->regs[REG_A1] = child;
    system_call(hart);
}

/* What rs and devman would do: ends and buries somebody. */
static void step_warden(void)
{
    static const uint8_t calls[] = {KCALL_PROCESS_BURY,   KCALL_QUARANTINE_END, KCALL_PROCESS_BURY,
                                    KCALL_QUARANTINE_END, KCALL_PROCESS_KILL,   KCALL_DEATH_NEXT};
    uint32_t call = calls[input_below(&input, ARRAY_SIZE(calls))];
    endpoint_t endpoint = arguments_endpoint(&input);
    const uint64_t arguments[7] = {endpoint, call == KCALL_PROCESS_KILL ? DEATH_KILLED : 0};

    if (!host_in_kernel(0))
        (void)warden_call(call, arguments, NULL);
}

/* The whole input in a hart that a long call has left to others. */
static void at_lock_break(void)
{
    unsigned in_kernel = 0;

    world_check();
    for (unsigned i = 0; i < hart_count; i++)
        in_kernel += host_in_kernel(i);
    if (in_kernel > 1)
        return; /* one call inside another is enough */
    for (unsigned i = 0; i < STEPS_AT_BREAK && in_kernel < hart_count && input.len > 0; i++)
        if (input_byte(&input) & 1)
            step();
}

static void step(void)
{
    uint8_t kind = input_byte(&input);
    unsigned hart = choose_hart();

    if (steps++ >= STEPS_MAX || host_in_kernel(hart))
        return;
    if (kind < 120)
        step_call(hart, true);
    else if (kind < 180)
        step_call(hart, false);
    else if (kind < 205)
        step_run(hart);
    else if (kind < 215)
        step_time(hart);
    else if (kind < 225)
        step_interrupt(hart);
    else if (kind < 235)
        step_spawn(hart);
    else if (kind < 245)
        step_warden();
    else if (kind < 250)
        host_fail_map(input_byte(&input));
    else
        step_fault(hart);
    world_check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    input = (struct input){data, len};
    steps = 0;
    world_begin(&input);
    host_at_lock_break(at_lock_break);
    while (input.len > 0 && steps < STEPS_MAX)
        step();
    world_end();
    return 0;
}
