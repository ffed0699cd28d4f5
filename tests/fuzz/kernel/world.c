#include "world.h"
#include "frame.h"
#include "hart.h"
#include "invariants.h"
#include "region.h"
#include <anole/kcall.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_LEN (4ul << 20)
#define RAM_LEN_SMALL (640ul << 10) /* less than the quotas allow together */
#define WARDEN_FRAMES 64
#define WARDEN_BIT 47
#define FIXED_PAGES 3
#define IDENTITIES 6

struct process *warden;
static uint64_t free_at_start;

/* The kernel calls of a group, as etc/system.dts gives them; POWER ends the machine, so nobody has it. */
#define GROUP_BIT(name, number, group) | ((group_##group) ? KCALL_BIT(name) : 0)
static uint64_t calls_of(bool group_BASE, bool group_DRIVER, bool group_CONSOLE, bool group_CLOCK,
                         bool group_ENTROPY, bool group_DEVMAN, bool group_CREATE, bool group_RS)
{
    return (0 KCALLS(GROUP_BIT)) & ~KCALL_BIT(POWER);
}

void world_check(void)
{
    const char *wrong = invariants_broken();

    if (!wrong)
        return;
    fprintf(stderr, "invariant: %s\n", wrong);
    abort();
}

enum role { RS, DEVMAN, DRIVER, OTHER_DRIVER, PROGRAM, ROLES };

static uint64_t rights_of(enum role role)
{
    switch (role) {
    case RS:
        return calls_of(true, false, true, false, false, false, true, true);
    case DEVMAN:
        return calls_of(true, false, false, true, false, true, false, false);
    case DRIVER:
    case OTHER_DRIVER:
        return calls_of(true, true, role == DRIVER, false, role == DRIVER, false, false, false);
    default:
        return calls_of(true, false, false, false, false, false, true, false);
    }
}

/* May fail: somebody else has it, or the machine hasn't. */
static void give_resource(const struct process *process, uint64_t kind, uint64_t base, uint64_t len)
{
    (void)warden_call(KCALL_PROCESS_RESOURCE,
                      (const uint64_t[7]){process->endpoint, kind, base, len}, NULL);
}

static struct process *make(enum role role, uint32_t max_frames)
{
    static const char *const names[ROLES] = {"rs", "devman", "driver", "other", "program"};
    struct process *process = host_process(names[role], warden, max_frames);

    if (!process)
        return NULL;
    process->kcalls = rights_of(role);
    process->give_kcalls = process->kcalls & ~rights_of(RS);
    process->give_kcalls |= rights_of(PROGRAM);
    if (role == DRIVER || role == OTHER_DRIVER) {
        give_resource(process, RESOURCE_IRQ, WORLD_LINE, 1);
        give_resource(process, RESOURCE_WINDOW, HOST_DEVICES, 2 * PAGE_SIZE);
        give_resource(process, RESOURCE_IRQ, WORLD_LINE + 1, 1);
        give_resource(process, RESOURCE_IRQ, WORLD_MESSAGE, WORLD_MESSAGES);
    }
    return process;
}

void world_start_one(struct input *input)
{
    struct thread *threads[WORLD_THREADS];
    unsigned hart = this_hart()->index;

    /* A process that isn't there because memory is exhausted is no finding. */
    if (world_threads(threads) < WORLD_THREADS / 4 && frame_free_count() > frame_total() / 4)
        (void)make((enum role)input_below(input, ROLES), 20 + input_byte(input));
    /* It was made outside of any call: the hart that it is ready on has to look. */
    if (!host_in_kernel(hart))
        host_poll(hart);
}

/* The kernel's own regions, over memory that is never freed. */
static void make_fixed_regions(void)
{
    paddr_t first;

    for (handle_t id = KERNEL_REGION_BOOT_IMAGE; id <= KERNEL_REGION_DEVICE_TREE; id++) {
        if (!frame_alloc_contiguous(FIXED_PAGES, &first))
            abort();
        region_init_fixed(id, first, FIXED_PAGES * PAGE_SIZE);
    }
}

void world_begin(struct input *input)
{
    uint8_t options = input_byte(input);
    uint32_t frames = 20 + input_byte(input);
    struct process *made[ROLES], *driver;

    host_boot_with(&(struct host_options){
        .harts = 1 + (options & 3),
        .ram_len = options & 64 ? RAM_LEN_SMALL : RAM_LEN,
        .first_generation = options & 4 ? ENDPOINT_GENERATION_MAX : 1,
        .identities = options & 128 ? IDENTITIES : 0,
    });
    make_fixed_regions();
    invariants_begin();
    warden = host_process("warden", NULL, WARDEN_FRAMES);
    warden->main.priority = PRIORITY_RS;
    free_at_start = frame_free_count();
    (void)warden_call(KCALL_MSI_ALLOC, (const uint64_t[7]){0, WORLD_MESSAGES}, NULL);
    for (enum role role = RS; role < ROLES; role++)
        made[role] = make(role, frames);
    driver = made[OTHER_DRIVER];
    if (options & 8)
        driver->flags = PROCESS_FLOAT;
    if (options & 16) {
        driver->budget_ticks = 500;
        driver->period_ticks = 5000;
    }
    if (options & 32)
        made[PROGRAM]->callable[0] = 0;
    world_check();
}

/* ---- the warden ---- */

/* It waits for one bit that only this file rings, so that it never gets in others' way. */
static void warden_waits(void)
{
    warden->main.regs[REG_T0] = SYS_IPC_RECEIVE;
    warden->main.regs[REG_T1] = DEADLINE_NEVER;
    warden->main.regs[REG_T3] = NOTIFY_BIT(WARDEN_BIT);
    warden->main.regs[REG_T4] = RECEIVE_NO_REQUESTS;
    host_system_call(0);
}

int warden_call(uint32_t call, const uint64_t arguments[7], uint64_t result[7])
{
    int status;

    if (warden->main.state == THREAD_RECEIVING)
        host_ring(0, &warden->main, NOTIFY_BIT(WARDEN_BIT));
    status = host_kcall(&warden->main, call, arguments, 7, result);
    warden_waits();
    return status;
}

/* ---- the end ---- */

static void poll_all(void)
{
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < hart_count; i++)
            host_poll(i);
}

/* What was never started is buried as it is. */
static void kill_and_bury(const struct process *process)
{
    endpoint_t endpoint = process->endpoint;

    if (process->state != PROCESS_NEW)
        (void)warden_call(KCALL_PROCESS_KILL, (const uint64_t[7]){endpoint, DEATH_KILLED}, NULL);
    poll_all();
    (void)warden_call(KCALL_PROCESS_BURY, (const uint64_t[7]){endpoint}, NULL);
    world_check();
    (void)warden_call(KCALL_QUARANTINE_END, (const uint64_t[7]){endpoint}, NULL);
    world_check();
}

/* The first process but the warden. Burying one makes its children the warden's. */
static struct process *next_process(void)
{
    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++)
        if (invariants_process(slot) && invariants_process(slot) != warden)
            return invariants_process(slot);
    return NULL;
}

/* Somebody whose creator is gone or is the warden itself: those die first. */
static struct process *next_child(void)
{
    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++) {
        struct process *process = invariants_process(slot);
        if (process && process != warden && process->creator == warden->endpoint)
            return process;
    }
    return NULL;
}

void world_end(void)
{
    host_at_lock_break(NULL);
    host_fail_map(0);
    poll_all();
    for (unsigned i = 0; next_child() && i < ENDPOINT_SLOTS; i++)
        kill_and_bury(next_child());
    for (unsigned i = 0; !list_empty(&dead_regions) && i < ENDPOINT_SLOTS; i++)
        poll_all();
    world_check();
    if (next_process() || frame_free_count() != free_at_start) {
        fprintf(stderr, "%s is left; %lu frames free, at the start %lu\n",
                next_process() ? next_process()->name : "nobody", frame_free_count(),
                free_at_start);
        abort();
    }
    host_shutdown();
}

unsigned world_threads(struct thread *threads[WORLD_THREADS])
{
    unsigned count = 0;

    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS && count < WORLD_THREADS; slot++) {
        struct thread *thread = invariants_thread(slot);
        if (thread && thread->process != warden)
            threads[count++] = thread;
    }
    return count;
}
