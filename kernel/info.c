/*
 * Kernel calls that tell what the kernel knows, and the clock and the power switch.
 */
#include "frame.h"
#include "hart.h"
#include "irq.h"
#include "kcall.h"
#include "kprintf.h"
#include "machine.h"
#include "process.h"
#include "random.h"
#include "region.h"
#include "sched.h"
#include "vm.h"
#include <string.h>

static int reply_struct(struct thread *caller, unsigned argument, const void *data, size_t len)
{
    return vm_write(caller->process, kcall_arg(caller, argument), data, len);
}

static void count_all(struct system_info *info)
{
    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++) {
        struct thread *thread = thread_in_slot(slot);
        if (!thread)
            continue;
        info->threads += thread->state != THREAD_DEAD;
        if (thread != &thread->process->main)
            continue;
        info->processes++;
        if (!process_is_live(thread->process))
            info->frames_quarantined += thread->process->pinned_frames;
    }
}

/* address of struct system_info */
int kcall_system_info(struct thread *caller)
{
    struct system_info info = {
        .frames_total = frame_total(),
        .frames_free = frame_free_count(),
        .frames_orphaned = region_orphaned_frames(),
        .log_end = log_end(),
        .process_slots = ENDPOINT_SLOTS,
        .harts = hart_count,
        .boot_ticks = machine.boot_ticks,
    };

    count_all(&info);
    for (unsigned i = 0; i < hart_count; i++)
        info.idle_ticks += harts[i]->idle_ticks;
    return reply_struct(caller, 0, &info, sizeof(info));
}

/* slot, address of struct process_info, INFO_* */
int kcall_process_info(struct thread *caller)
{
    uint32_t slot = (uint32_t)min_u64(kcall_arg(caller, 0), ENDPOINT_SLOTS);
    uint64_t flags = kcall_arg(caller, 2);
    struct process *process = process_in_slot(slot);
    struct process_info info = {0};

    if (flags & ~(uint64_t)INFO_OR_NEXT)
        return -ANOLE_EINVAL;
    while (!process && flags & INFO_OR_NEXT && slot < ENDPOINT_SLOTS)
        process = process_in_slot(++slot);
    if (!process)
        return -ANOLE_ENOENT;
    sched_account();
    memcpy(info.name, process->name, sizeof(info.name));
    info.endpoint = process->endpoint;
    info.service_id = process->service_id;
    info.state = process->state;
    info.priority = process->priority;
    info.main_state = process->main.state;
    info.main_peer = process->main.state == THREAD_CALLING ? process->main.partner->endpoint
                                                           : ENDPOINT_NONE;
    info.creator = process->creator;
    info.parent = process->parent;
    info.tag = process->tag;
    info.threads = process->thread_count;
    info.frames = process->frames;
    info.max_frames = process->max_frames;
    info.handles = process->handles;
    info.max_handles = process->max_handles;
    info.cpu_ticks = process->cpu_ticks;
    info.start_ticks = process->start_ticks;
    info.pinned_frames = process->pinned_frames;
    return reply_struct(caller, 1, &info, sizeof(info));
}

static void add_counters(struct counters *sum, const struct counters *more)
{
    uint64_t longest = sum->longest_lock_ticks;

    for (unsigned i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++)
        ((uint64_t *)sum)[i] += ((const uint64_t *)more)[i];
    sum->longest_lock_ticks = longest > more->longest_lock_ticks ? longest
                                                                 : more->longest_lock_ticks;
}

/* endpoint or 0, address of struct counters */
int kcall_counters(struct thread *caller)
{
    endpoint_t endpoint = (endpoint_t)kcall_arg(caller, 0);
    struct process *process = endpoint == ENDPOINT_SELF ? caller->process
                                                        : process_lookup(endpoint);
    struct counters sum = {0};

    if (endpoint != ENDPOINT_KERNEL) {
        if (!process)
            return -ANOLE_ENOENT;
        sum = process->counters;
    } else {
        for (unsigned i = 0; i < hart_count; i++)
            add_counters(&sum, &harts[i]->counters);
    }
    return reply_struct(caller, 1, &sum, sizeof(sum));
}

/* -> four random words */
int kcall_random(struct thread *caller)
{
    uint64_t words[4];

    (void)caller;
    random_words(words);
    for (unsigned i = 0; i < 4; i++)
        kcall_result(i, words[i]);
    return 0;
}

/* four words */
int kcall_random_mix(struct thread *caller)
{
    uint64_t words[4];

    for (unsigned i = 0; i < 4; i++)
        words[i] = kcall_arg(caller, i);
    random_mix(words);
    return 0;
}

/* address, len -> full length */
int kcall_boot_arguments(struct thread *caller)
{
    size_t full = strlen(machine.arguments);

    kcall_result(0, full);
    return reply_struct(caller, 0, machine.arguments, min_u64(kcall_arg(caller, 1), full + 1));
}

static void count_callers(const struct list *list, struct liveness *entry)
{
    for (const struct list *node = list->next; node != list; node = node->next) {
        const struct thread *caller = container_of(node, struct thread, queue_link);
        entry->callers++;
        if (entry->oldest_caller_ticks == 0 || caller->call_ticks < entry->oldest_caller_ticks)
            entry->oldest_caller_ticks = caller->call_ticks;
    }
}

/* What it has run since its last wait. A call that isn't answered yet isn't its own doing: the server
 * is looked at for itself. */
static uint64_t cpu_since_wait(const struct thread *thread)
{
    uint64_t lent = thread->state == THREAD_CALLING ? thread->lent_at_call : thread->lent_ticks;
    /* Signed: the turn in which it waited may not be charged yet. */
    int64_t ticks = (int64_t)(thread->cpu_ticks + lent - thread->cpu_at_wait);

    return ticks > 0 ? (uint64_t)ticks : 0;
}

static void describe(const struct thread *thread, struct liveness *entry)
{
    *entry = (struct liveness){
        .thread = thread->endpoint,
        .process = thread->process->endpoint,
        .state = thread->state,
        .service_id = thread->process->service_id,
        .last_wait_ticks = thread->last_wait_ticks,
        .cpu_since_wait_ticks = cpu_since_wait(thread),
    };
    count_callers(&thread->takens, entry);
    count_callers(&thread->senders, entry);
    /* A thread that is running now has not been charged for its current turn yet. */
    if (thread->state == THREAD_RUNNING && thread->hart != this_hart())
        entry->cpu_since_wait_ticks += this_hart()->now - thread->hart->ran_since;
}

/* array of struct liveness, max -> count. progress: the next slot; progress_object: entries so far */
int kcall_liveness(struct thread *caller)
{
    uint64_t array = kcall_arg(caller, 0), max = kcall_arg(caller, 1);

    for (unsigned i = 0;
         i < STEP_ITEMS && caller->progress < ENDPOINT_SLOTS && caller->progress_object < max;
         i++) {
        struct thread *thread = thread_in_slot((uint32_t)caller->progress++);
        struct liveness entry;
        int status;
        if (!thread || thread->state == THREAD_DEAD || thread->process->state != PROCESS_RUNNING)
            continue;
        describe(thread, &entry);
        status = vm_write(caller->process, array + caller->progress_object * sizeof(entry), &entry,
                          sizeof(entry));
        if (status)
            return status;
        caller->progress_object++;
    }
    kcall_result(0, caller->progress_object);
    return caller->progress < ENDPOINT_SLOTS && caller->progress_object < max ? KCALL_AGAIN : 0;
}

/* nanoseconds since 1970 at tick 0 */
int kcall_wall_clock_set(struct thread *caller)
{
    vm_info_page()->wall_clock_ns = kcall_arg(caller, 0);
    return 0;
}

/* POWER_*, exit status */
int kcall_power(struct thread *caller)
{
    uint64_t operation = kcall_arg(caller, 0);

    if (operation != POWER_OFF && operation != POWER_REBOOT)
        return -ANOLE_EINVAL;
    machine_power((unsigned)operation, (unsigned)(kcall_arg(caller, 1) & 0xff));
}
