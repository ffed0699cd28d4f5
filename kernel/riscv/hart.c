/*
 * Harts: their structures and stacks, the big lock, clocks, and starting the others.
 */
#include "hart.h"
#include "irq.h"
#include "kprintf.h"
#include "machine.h"
#include "mmu.h"
#include "riscv/csr.h"
#include "riscv/hart_offsets.h"
#include "riscv/sbi.h"
#include "riscv/trap.h"
#include "sched.h"
#include <stdatomic.h>

/* The structure lies right above the stack's top, so that both are hot in the same page. Below the
 * stack is a page that is never mapped. */
struct hart_memory {
    uint8_t guard[PAGE_SIZE];
    uint8_t stack[KERNEL_STACK_SIZE - sizeof(struct hart)];
    struct hart hart;
} __attribute__((aligned(PAGE_SIZE)));
_Static_assert(offsetof(struct hart_memory, hart) % 16 == 0, "stack alignment");

static struct hart_memory memory[MAX_HARTS];

bool hart_is_guard_page(uint64_t address)
{
    uint64_t offset = address - (uint64_t)memory;

    return address >= (uint64_t)memory && offset < sizeof(memory) &&
           offset % sizeof(memory[0]) < PAGE_SIZE;
}

struct hart *harts[MAX_HARTS];
unsigned hart_count;
uint64_t harts_usable;
uint64_t ticks_per_second;

/*
 * ---- the big lock ----
 *
 * Test and set, without tickets: where harts are threads of an emulator, the next in a line may be off
 * its processor, and everybody would wait for it. For the same reason a hart that has spun for longer
 * than any hold should last sleeps a little instead of taking the holder's processor away.
 */
#define SPIN_US 20
#define NAP_US 50
/* Who has waited for so long is let in first: the others stay out for a while, asleep, for the emulator's
 * thread that should take the lock may need the processor that they run on. */
#define OVERDUE_US 1000
#define GIVE_WAY_US 1000

static _Atomic uint32_t lock_taken;
static _Atomic uint32_t lock_waiting; /* harts in lock_contended */
static _Atomic uint32_t lock_overdue; /* ... for longer than OVERDUE_US */

static void nap(uint64_t until)
{
    uint64_t programmed = this_hart()->programmed;

    timer_program(until);
    hart_wait();
    timer_program(programmed);
}

static uint64_t ticks_from_us(uint64_t us)
{
    return ticks_per_second * us / 1000000;
}

static void lock_contended(void)
{
    uint64_t since = time_now();
    bool overdue = false;

    atomic_fetch_add_explicit(&lock_waiting, 1, memory_order_relaxed);
    do {
        while (atomic_load_explicit(&lock_taken, memory_order_relaxed) != 0) {
            uint64_t now = time_now();
            if (!overdue && now - since > ticks_from_us(OVERDUE_US)) {
                overdue = true;
                atomic_fetch_add_explicit(&lock_overdue, 1, memory_order_relaxed);
            }
            if (now - since > ticks_from_us(SPIN_US))
                nap(now + ticks_from_us(NAP_US));
        }
    } while (atomic_exchange_explicit(&lock_taken, 1, memory_order_acquire) != 0);
    atomic_fetch_sub_explicit(&lock_waiting, 1, memory_order_relaxed);
    if (overdue)
        atomic_fetch_sub_explicit(&lock_overdue, 1, memory_order_relaxed);
}

static void lock_give_way(void)
{
    uint64_t until = time_now() + ticks_from_us(GIVE_WAY_US);

    while (atomic_load_explicit(&lock_overdue, memory_order_relaxed) != 0 && time_now() < until)
        nap(time_now() + ticks_from_us(NAP_US));
}

void kernel_lock(void)
{
    struct hart *hart = this_hart();

    if (atomic_load_explicit(&lock_overdue, memory_order_relaxed) != 0)
        lock_give_way();
    /* Acquire: pairs with the release in kernel_unlock. */
    if (atomic_exchange_explicit(&lock_taken, 1, memory_order_acquire) != 0)
        lock_contended();
    hart->now = time_now();
    hart->lock_ticks = hart->now;
}

void kernel_unlock(void)
{
    struct hart *hart = this_hart();
    uint64_t held = time_now() - hart->lock_ticks;

    if (held > hart->counters.longest_lock_ticks)
        hart->counters.longest_lock_ticks = held;
    atomic_store_explicit(&lock_taken, 0, memory_order_release);
}

/* Without tickets who waits has no place in a line: leave the lock free until one has had it. */
void kernel_lock_break(void)
{
    uint64_t until;

    kernel_unlock();
    if (atomic_load_explicit(&lock_waiting, memory_order_relaxed) != 0) {
        until = time_now() + ticks_from_us(2 * NAP_US);
        while (atomic_load_explicit(&lock_waiting, memory_order_relaxed) != 0 &&
               atomic_load_explicit(&lock_taken, memory_order_relaxed) == 0 && time_now() < until)
            continue;
    }
    kernel_lock();
}

/* ---- clocks and interrupts ---- */

uint64_t time_now(void)
{
    return csr_read(time);
}

void timer_program(uint64_t deadline_ticks)
{
    this_hart()->programmed = deadline_ticks;
    if (machine.has_stimecmp)
        __asm__ volatile("csrw " CSR_STIMECMP ", %0" ::"r"(deadline_ticks));
    else
        sbi_set_timer(deadline_ticks);
}

void hart_interrupt(uint64_t index_mask)
{
    uint64_t ids = 0;

    index_mask &= ~((uint64_t)1 << this_hart()->index);
    if (!index_mask)
        return;
    this_hart()->counters.ipis++;
    if (irq_chip->interrupt_harts) {
        irq_chip->interrupt_harts(index_mask);
        return;
    }
    for (unsigned i = 0; i < hart_count; i++)
        if (index_mask & (uint64_t)1 << i)
            ids |= (uint64_t)1 << harts[i]->hart_id;
    sbi_send_ipi(ids);
}

void hart_wait(void)
{
    /* Wakes for interrupts that are enabled in sie, though sstatus.SIE is off. */
    __asm__ volatile("wfi" ::: "memory");
}

/* ---- starting ---- */

static struct hart *hart_prepare(unsigned index)
{
    struct hart *hart = &memory[index].hart;

    hart->stack_top = (uint64_t)hart;
    hart->index = index;
    hart->hart_id = machine.hart_ids[index];
    return hart;
}

extern char secondary_start[];
void secondary_main(struct hart *hart);

void hart_boot_init(uint32_t hart_id)
{
    struct hart *hart = &memory[0].hart;

    hart->stack_top = (uint64_t)hart;
    hart->hart_id = hart_id;
    __asm__ volatile("mv tp, %0" ::"r"(hart));
    harts[0] = hart;
    hart_count = 1;
}

void harts_init(void)
{
    /* machine_read has put the boot hart first. */
    for (unsigned i = 0; i < machine.hart_count; i++) {
        harts[i] = hart_prepare(i);
        sched_init_hart(harts[i]);
        harts_usable |= (uint64_t)1 << i;
    }
    hart_count = machine.hart_count;
    trap_init_hart();
    this_hart()->started = true;
}

void harts_start(void)
{
    for (unsigned i = 1; i < machine.hart_count; i++) {
        uint64_t entry = direct_to_paddr(secondary_start).raw;
        long error = sbi_hart_start(harts[i]->hart_id, entry, (uint64_t)harts[i]);
        if (error) {
            harts_usable &= ~((uint64_t)1 << i);
            kprintf(LOG_WARNING, "hart %u doesn't start: firmware error %ld", harts[i]->hart_id,
                    error);
        }
    }
}

/* Called by start.S on the hart's own stack, with the provisional tables. */
void secondary_main(struct hart *hart)
{
    mmu_load_kernel();
    trap_init_hart();
    kernel_lock();
    hart->started = true;
    kernel_exit();
}
