#include "host_machine.h"
#include "hart.h"
#include "ipc.h"
#include "irq.h"
#include "kcall.h"
#include "kprintf.h"
#include "machine.h"
#include "mmu.h"
#include "region.h"
#include "sched.h"
#include "vm.h"
#include <assert.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES 96

uint64_t host_direct_offset;
struct hart *host_hart;
uint64_t host_now;

struct machine machine;
struct hart *harts[MAX_HARTS];
unsigned hart_count;
uint64_t ticks_per_second = 10000000;

static void *arena;
static struct hart hart_memory[MAX_HARTS];
static jmp_buf leave_kernel;
static bool locked;

/* ---- memory ---- */

struct translation {
    uint64_t address;
    paddr_t frame;
    unsigned prot;
};

/* By slot of the process's main thread. */
static struct translations {
    struct translation *entries;
    size_t count, room;
} spaces[ENDPOINT_SLOTS];

static struct translations *space_of(const struct process *process)
{
    return &spaces[endpoint_slot(process->endpoint)];
}

static struct translation *find(const struct process *process, uint64_t address)
{
    struct translations *space = space_of(process);

    for (size_t i = 0; i < space->count; i++)
        if (space->entries[i].address == (address & ~(PAGE_SIZE - 1)))
            return &space->entries[i];
    return NULL;
}

int mmu_space_create(struct process *process)
{
    process->satp = 1;
    assert(space_of(process)->count == 0);
    return 0;
}

int mmu_space_free_step(struct process *process)
{
    assert(space_of(process)->count == 0); /* everything was unmapped before */
    process->satp = 0;
    return 0;
}

int mmu_map(struct process *process, uint64_t address, paddr_t frame, unsigned prot)
{
    struct translations *space = space_of(process);

    assert(!find(process, address));
    if (space->count == space->room) {
        space->room = space->room * 2 + 16;
        space->entries = realloc(space->entries, space->room * sizeof(space->entries[0]));
    }
    space->entries[space->count++] = (struct translation){address, frame, prot};
    return 0;
}

bool mmu_unmap(struct process *process, uint64_t address, paddr_t *frame)
{
    struct translation *entry = find(process, address);
    struct translations *space = space_of(process);

    if (!entry)
        return false;
    *frame = entry->frame;
    *entry = space->entries[--space->count];
    return true;
}

bool mmu_lookup(const struct process *process, uint64_t address, paddr_t *frame, unsigned *prot)
{
    struct translation *entry = address < USER_END ? find(process, address) : NULL;

    if (!entry)
        return false;
    *frame = entry->frame;
    *prot = entry->prot;
    return true;
}

void mmu_fence(struct process *process)
{
    process->counters.fences++;
}

void mmu_load(struct process *process)
{
    host_hart->space = process;
}

bool mmu_dropped(struct process *process)
{
    for (unsigned i = 0; i < hart_count; i++)
        if (harts[i]->space == process)
            harts[i]->space = NULL;
    return true;
}

void mmu_code_changed(void)
{
}

/* ---- harts ---- */

void kernel_lock(void)
{
    assert(!locked);
    locked = true;
    host_hart->now = host_now;
}

void kernel_unlock(void)
{
    assert(locked);
    locked = false;
}

void kernel_lock_break(void)
{
    kernel_unlock();
    kernel_lock();
}

uint64_t time_now(void)
{
    return host_now;
}

void timer_program(uint64_t deadline_ticks)
{
    host_hart->programmed = deadline_ticks;
}

void hart_interrupt(uint64_t index_mask)
{
    (void)index_mask; /* tests poll the harts that they want to look */
}

void hart_wait(void)
{
    longjmp(leave_kernel, 1);
}

_Noreturn void return_to_user(struct thread *thread)
{
    assert(thread == host_hart->current);
    longjmp(leave_kernel, 1);
}

void fp_leave(struct thread *next)
{
    (void)next;
}

void interrupts_poll(void)
{
    if (timer_next() <= host_hart->now)
        timer_run(host_hart->now);
}

/* ---- interrupt controller ---- */

static bool line_enabled[LINES + 1], line_claimed[LINES + 1];
static uint32_t line_raised;

void plic_init_hart(void)
{
}

uint32_t plic_claim(void)
{
    uint32_t line = line_raised;

    line_raised = 0;
    line_claimed[line] = true;
    return line;
}

void plic_complete(uint32_t line, uint32_t context)
{
    (void)context;
    assert(line_enabled[line]); /* a completion of a disabled source is ignored by a real PLIC */
    line_claimed[line] = false;
}

void plic_enable(uint32_t line, uint32_t context)
{
    (void)context;
    line_enabled[line] = true;
}

void plic_disable(uint32_t line, uint32_t context)
{
    (void)context;
    line_enabled[line] = false;
}

bool host_line_enabled(uint32_t line)
{
    return line_enabled[line];
}

bool host_line_pending_completion(uint32_t line)
{
    return line_claimed[line];
}

/* ---- the rest of the machine ---- */

bool machine_is_device_range(uint64_t base, uint64_t len)
{
    return base >= 0x10000000 && base + len <= 0x20000000 && base + len > base;
}

uint64_t machine_argument(const char *key, uint64_t otherwise)
{
    (void)key;
    return otherwise;
}

void machine_putchar(char c)
{
    (void)c;
}

void machine_backtrace(void)
{
}

_Noreturn void machine_power(unsigned operation, unsigned status)
{
    fprintf(stderr, "the kernel powers off: operation %u, status %u\n", operation, status);
    abort();
}

/* ---- what tests call ---- */

void host_boot(unsigned count)
{
    arena = aligned_alloc(PAGE_SIZE, HOST_RAM_LEN);
    host_direct_offset = (uint64_t)arena - HOST_RAM_BASE;
    machine.irq_count = LINES;
    memset(line_enabled, 0, sizeof(line_enabled));
    memset(line_claimed, 0, sizeof(line_claimed));
    memset(hart_memory, 0, sizeof(hart_memory));
    hart_count = count;
    for (unsigned i = 0; i < count; i++) {
        harts[i] = &hart_memory[i];
        harts[i]->index = i;
        host_hart = harts[i];
        sched_init_hart();
    }
    host_hart = harts[0];
    host_now = 1000;
    frame_init(paddr(HOST_RAM_BASE), HOST_RAM_LEN, paddr(HOST_RAM_BASE), paddr(HOST_RAM_BASE));
    endpoints_init(1);
    timers_init();
    irq_init();
    vm_info_page_init();
}

void host_shutdown(void)
{
    for (unsigned i = 0; i < ENDPOINT_SLOTS; i++) {
        free(spaces[i].entries);
        spaces[i] = (struct translations){0};
    }
    free(arena);
}

/* Enters the kernel on a hart, does `work` (if any) and leaves through kernel_exit. */
static void enter(unsigned hart, void (*work)(void))
{
    host_hart = harts[hart];
    if (setjmp(leave_kernel) == 0) {
        kernel_lock();
        if (work)
            work();
        kernel_exit();
    }
    locked = false;
}

struct thread *host_running(unsigned hart)
{
    return harts[hart]->current;
}

static void poll_work(void)
{
    interrupts_poll();
}

void host_poll(unsigned hart)
{
    enter(hart, poll_work);
}

static void system_call_work(void)
{
    ipc_system_call(host_hart->current);
}

void host_system_call(unsigned hart)
{
    assert(harts[hart]->current);
    enter(hart, system_call_work);
}

static enum death_cause fault_cause;
static uint64_t fault_address;

static void fault_work(void)
{
    process_kill(host_hart->current->process, fault_cause, fault_address, host_hart->current);
}

void host_fault(unsigned hart, enum death_cause cause, uint64_t address)
{
    fault_cause = cause;
    fault_address = address;
    enter(hart, fault_work);
}

static void interrupt_work(void)
{
    uint32_t line = plic_claim();

    if (line != 0)
        irq_claimed(line);
}

void host_interrupt_line(unsigned hart, uint32_t line)
{
    if (!line_enabled[line] || line_claimed[line])
        return;
    line_raised = line;
    enter(hart, interrupt_work);
}

struct process *host_process(const char *name, struct process *creator, uint32_t max_frames)
{
    struct process_create request = {
        .priority = PRIORITY_PROGRAM,
        .max_threads = 4,
        .max_frames = max_frames,
        .max_handles = 512,
        .kcalls = ~(uint64_t)0,
        .give_kcalls = ~(uint64_t)0,
    };
    struct area_request data = {.address = HOST_DATA,
                                .pages = 4,
                                .kind = AREA_ANONYMOUS,
                                .prot = PROT_READ_BIT | PROT_WRITE_BIT};
    uint64_t progress = 0, address;
    struct process *process;

    strncpy(request.name, name, PROCESS_NAME_LEN - 1);
    memset(request.callable, 0xff, sizeof(request.callable));
    memset(request.give_callable, 0xff, sizeof(request.give_callable));
    memset(request.give_ids, 0xff, sizeof(request.give_ids));
    if (process_create(&request, creator ? creator->endpoint : ENDPOINT_KERNEL, &process))
        return NULL;
    if (vm_map_info_page(process) || vm_map_step(process, &data, &progress, &address))
        return NULL;
    process->state = PROCESS_RUNNING;
    thread_start(&process->main, 0x10000, HOST_DATA + PAGE_SIZE, 0);
    return process;
}

static struct thread *to_run;

static void run_work(void)
{
    struct hart *hart = host_hart;

    if (hart->current == to_run)
        return;
    if (hart->current) {
        struct thread *previous = hart->current;
        sched_current_stopped();
        sched_ready(previous);
    }
    assert(to_run->state == THREAD_READY);
    sched_remove(to_run);
    hart->payer = to_run->process->endpoint;
    sched_switch_to(to_run);
}

void host_run(unsigned hart, struct thread *thread)
{
    to_run = thread;
    enter(hart, run_work);
    assert(harts[hart]->current == thread);
}

int host_kcall(struct thread *thread, uint32_t call, const uint64_t *arguments, unsigned count,
               uint64_t *result)
{
    host_run(0, thread);
    thread->regs[REG_T0] = SYS_IPC_CALL;
    thread->regs[REG_A0] = ENDPOINT_KERNEL | (uint64_t)call << 32;
    for (unsigned i = 0; i < MESSAGE_WORDS; i++)
        thread->regs[REG_A1 + i] = i < count ? arguments[i] : 0;
    host_system_call(0);
    for (unsigned i = 0; result && i < MESSAGE_WORDS; i++)
        result[i] = thread->regs[REG_A1 + i];
    return (int)(int64_t)thread->regs[REG_T0];
}
