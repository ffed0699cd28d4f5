/*
 * Harts, the clock, interrupts and the way into the kernel and out of it, on the build machine. Page
 * tables are in host_memory.c, what tests use to make processes and calls in host_process.c.
 *
 * A hart is in the kernel only while a test calls host_...(): the call returns when the hart leaves
 * through kernel_exit or idles. Inside such a call the lock may be let go; a test that set a hook
 * (host_at_lock_break) then enters the kernel through other harts, as real ones would.
 */
#include "hart.h"
#include "host_machine.h"
#include "ipc.h"
#include "irq.h"
#include "kernel_inside.h"
#include "machine.h"
#include "mmu.h"
#include "msi.h"
#include "sched.h"
#include "vm.h"
#include <assert.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t host_direct_offset;
struct hart *host_hart;
uint64_t host_now;

struct machine machine;
struct hart *harts[MAX_HARTS];
unsigned hart_count;
uint64_t harts_usable;
uint64_t ticks_per_second = 10000000;

static void *arena; /* all RAM; kept from one boot to the next */
static uint64_t arena_len;
static struct hart hart_memory[MAX_HARTS];
static bool in_kernel[MAX_HARTS], interrupted[MAX_HARTS];
static jmp_buf *leave_kernel; /* of the hart that was entered last */
static bool locked;
static void (*lock_break_hook)(void);

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

void host_at_lock_break(void (*hook)(void))
{
    lock_break_hook = hook;
}

/* Idle harts that were told to drop a space do so: on the real machine nothing keeps them from it. */
static void others_drop_spaces(void)
{
    struct hart *self = host_hart;

    for (unsigned i = 0; i < hart_count; i++) {
        if (in_kernel[i] || !harts[i]->drop_space)
            continue;
        host_hart = harts[i];
        mmu_load(NULL);
        host_hart = self;
    }
}

void kernel_lock_break(void)
{
    /* Another hart may go on with any thread but the current one: its FP state must be its own. */
    assert(!host_hart->fp_thread || host_hart->fp_thread == host_hart->current);
    kernel_unlock();
    others_drop_spaces();
    if (lock_break_hook)
        lock_break_hook();
    kernel_lock();
}

bool host_in_kernel(unsigned hart)
{
    return in_kernel[hart];
}

bool host_interrupted(unsigned hart)
{
    return interrupted[hart];
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
    for (unsigned i = 0; i < hart_count; i++)
        if (index_mask >> i & 1)
            interrupted[i] = true;
}

void hart_wait(void)
{
    longjmp(*leave_kernel, 1);
}

/* A thread of a process that was built for FP uses it at once. */
_Noreturn void return_to_user(struct thread *thread)
{
    assert(thread == host_hart->current);
    host_hart->fp_thread = thread->process->flags & PROCESS_FLOAT ? thread : NULL;
    longjmp(*leave_kernel, 1);
}

void fp_leave(struct thread *next)
{
    if (host_hart->fp_thread != next)
        host_hart->fp_thread = NULL;
}

static void timer_interrupt(void)
{
    timer_program(~(uint64_t)0);
    timer_run(host_hart->now);
    if (timer_next() < host_hart->programmed)
        timer_program(timer_next());
}

static void listen_as_asked(void);

void interrupts_poll(void)
{
    interrupted[host_hart->index] = false;
    listen_as_asked();
    if (host_hart->drop_space)
        mmu_load(NULL);
    if (host_hart->programmed <= host_hart->now)
        timer_interrupt();
}

/* ---- interrupt controllers ---- */

/* Lines like a PLIC's, messages like those of IMSICs: to a message each hart listens by itself. */
static bool line_enabled[HOST_LINES + 1], line_claimed[HOST_LINES + 1], line_up[HOST_LINES + 1];
static bool listens[MAX_HARTS][MSI_IDENTITIES + 1], asked[MAX_HARTS][MSI_IDENTITIES + 1];
static uint32_t raised;

static void chip_serve(void)
{
    uint32_t number = raised;

    raised = 0;
    if (number == 0)
        return;
    if (number <= HOST_LINES)
        line_claimed[number] = true;
    irq_claimed(number);
}

static bool chip_complete(uint32_t line, unsigned hart)
{
    (void)hart;
    assert(line_enabled[line]); /* a completion of a disabled source is ignored by a real PLIC */
    line_claimed[line] = false;
    return line_up[line];
}

static int chip_enable(uint32_t number, unsigned hart)
{
    const struct msi *msi = msi_of(number);

    if (!msi) {
        if (machine.msi_identities != 0 && msi_take_for_line(number) < 0)
            return -ANOLE_ENOMEM;
        line_enabled[number] = true;
        return 0;
    }
    assert(msi->hart == hart);
    if (hart == host_hart->index) {
        listens[hart][msi->identity] = true;
    } else {
        asked[hart][msi->identity] = true;
        hart_interrupt((uint64_t)1 << hart);
    }
    return 0;
}

static void chip_disable(uint32_t number, unsigned hart)
{
    const struct msi *msi = msi_of(number);

    if (!msi)
        line_enabled[number] = false;
    else if (hart == host_hart->index)
        listens[hart][msi->identity] = false;
}

static void listen_as_asked(void)
{
    for (unsigned i = 0; i <= MSI_IDENTITIES; i++) {
        listens[host_hart->index][i] |= asked[host_hart->index][i];
        asked[host_hart->index][i] = false;
    }
}

static const struct irq_chip chip = {
    .serve = chip_serve,
    .complete = chip_complete,
    .enable = chip_enable,
    .disable = chip_disable,
};

static void boot_chip(uint32_t identities)
{
    memset(line_enabled, 0, sizeof(line_enabled));
    memset(line_claimed, 0, sizeof(line_claimed));
    memset(line_up, 0, sizeof(line_up));
    memset(listens, 0, sizeof(listens));
    memset(asked, 0, sizeof(asked));
    raised = 0;
    machine.irq_count = HOST_LINES;
    machine.msi_identities = identities;
    for (unsigned i = 0; i < MAX_HARTS; i++)
        machine.msi_pages[i] = paddr(HOST_MSI_PAGES + i * PAGE_SIZE);
    irq_chip = &chip;
}

bool host_listens(uint32_t number)
{
    const struct msi *msi = msi_of(number);

    return msi && (listens[msi->hart][msi->identity] || asked[msi->hart][msi->identity]);
}

void host_hold_line(uint32_t line, bool up)
{
    line_up[line] = up;
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
    return base >= HOST_DEVICES && range_within(base - HOST_DEVICES, len, HOST_DEVICES_LEN);
}

bool machine_is_driver_range(uint64_t base, uint64_t len)
{
    return machine_is_device_range(base, len) && base + len <= HOST_CONFIGURATION;
}

uint64_t machine_argument(const char *key, uint64_t otherwise)
{
    (void)key;
    return otherwise;
}

/* What the kernel said last is shown when it panics. */
static char said[512];
static size_t said_len;

void machine_putchar(char c)
{
    if (said_len == sizeof(said) - 1) {
        memmove(said, said + sizeof(said) / 2, sizeof(said) - sizeof(said) / 2);
        said_len -= sizeof(said) / 2;
    }
    said[said_len++] = c;
}

void machine_backtrace(void)
{
}

_Noreturn void machine_power(unsigned operation, unsigned status)
{
    fprintf(stderr, "%.*s\nthe kernel powers off: operation %u, status %u\n", (int)said_len, said,
            operation, status);
    abort();
}

/* ---- what tests call ---- */

void host_boot(unsigned count)
{
    host_boot_with(&(struct host_options){.harts = count});
}

static void boot_harts(unsigned count, unsigned late)
{
    memset(hart_memory, 0, sizeof(hart_memory));
    memset(in_kernel, 0, sizeof(in_kernel));
    memset(interrupted, 0, sizeof(interrupted));
    leave_kernel = NULL;
    locked = false;
    lock_break_hook = NULL;
    hart_count = count;
    for (unsigned i = 0; i < count; i++) {
        harts[i] = &hart_memory[i];
        harts[i]->index = i;
        sched_init_hart(harts[i]);
        harts[i]->started = i < count - late;
    }
    harts_usable = ((uint64_t)1 << count) - 1;
    host_hart = harts[0];
}

void host_boot_with(const struct host_options *options)
{
    uint64_t ram_len = options->ram_len ? options->ram_len : HOST_RAM_LEN;

    if (ram_len != arena_len) {
        free(arena);
        arena = aligned_alloc(PAGE_SIZE, ram_len);
        arena_len = ram_len;
    }
    host_direct_offset = (uint64_t)arena - HOST_RAM_BASE;
    boot_chip(options->identities);
    said_len = 0;
    boot_harts(options->harts, options->late);
    host_now = 1000;
    inside_reset();
    frame_init(paddr(HOST_RAM_BASE), ram_len, paddr(HOST_RAM_BASE), paddr(HOST_RAM_BASE));
    endpoints_init(options->first_generation ? options->first_generation : 1);
    timers_init();
    irq_init();
    vm_info_page_init();
}

void host_shutdown(void)
{
    host_spaces_free();
}

/* Enters the kernel on a hart, does `work` (if any) and leaves through kernel_exit. */
static void enter(unsigned hart, void (*work)(void))
{
    struct hart *outer_hart = host_hart;
    jmp_buf *outer = leave_kernel, here;

    assert(!in_kernel[hart] && !locked);
    host_hart = harts[hart];
    in_kernel[hart] = true;
    leave_kernel = &here;
    if (setjmp(here) == 0) {
        kernel_lock();
        if (work)
            work();
        kernel_exit();
    }
    locked = false;
    in_kernel[hart] = false;
    leave_kernel = outer;
    if (outer)
        host_hart = outer_hart;
}

struct thread *host_running(unsigned hart)
{
    return harts[hart]->current;
}

static void poll_work(void)
{
    interrupts_poll();
}

static void start_work(void)
{
    host_hart->started = true;
}

void host_start(unsigned hart)
{
    enter(hart, start_work);
}

void host_poll(unsigned hart)
{
    enter(hart, poll_work);
}

/* As riscv/trap.c: a process that was killed while it ran makes no more calls and dies no second
 * death. */
static void system_call_work(void)
{
    if (process_is_live(host_hart->current->process))
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
    if (process_is_live(host_hart->current->process))
        process_kill(host_hart->current->process, fault_cause, fault_address, host_hart->current);
}

void host_fault(unsigned hart, enum death_cause cause, uint64_t address)
{
    fault_cause = cause;
    fault_address = address;
    enter(hart, fault_work);
}

static struct thread *ringing;
static uint64_t ringing_bits;

static void ring_work(void)
{
    thread_ring(ringing, ringing_bits);
}

void host_ring(unsigned hart, struct thread *thread, uint64_t bits)
{
    ringing = thread;
    ringing_bits = bits;
    enter(hart, ring_work);
}

static struct thread *to_run;

static void run_work(void)
{
    struct hart *hart = host_hart;

    /* What runs there and was killed has to stop first, in kernel_exit. */
    if (hart->current == to_run || (hart->current && !process_is_live(hart->current->process)))
        return;
    if (hart->current) {
        struct thread *previous = hart->current;
        sched_current_stopped();
        sched_ready(previous);
    }
    assert(to_run->state == THREAD_READY);
    sched_remove(to_run);
    hart->payer = to_run->endpoint;
    sched_switch_to(to_run);
}

void host_try_run(unsigned hart, struct thread *thread)
{
    to_run = thread;
    enter(hart, run_work);
}

static void interrupt_work(void)
{
    irq_chip->serve();
}

void host_interrupt_line(unsigned hart, uint32_t line)
{
    if (!line_enabled[line] || line_claimed[line])
        return;
    raised = line;
    enter(hart, interrupt_work);
}

bool host_message(uint32_t number)
{
    const struct msi *msi = msi_of(number);

    if (!msi || !listens[msi->hart][msi->identity])
        return false;
    raised = msi_number(msi->hart, msi->identity);
    enter(msi->hart, interrupt_work);
    return true;
}
