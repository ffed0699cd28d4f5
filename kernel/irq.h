/*
 * Interrupts and the threads that they ring. Numbers: wired lines are 1..machine.irq_count, then come
 * message-signalled interrupts (msi.h).
 *
 * The kernel claims a line and sets the bit of every thread bound to it; it completes the line at the
 * first wait of each of them after the bit was delivered, so that drivers make no acknowledge call.
 * A driver that doesn't wait for IRQ_OVERDUE_MS is skipped. Of a message the claim is the completion.
 * A storm, of either, is masked for a millisecond, and so is a line that its drivers leave up.
 */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include "list.h"
#include "thread.h"

/* A thread's interest in an interrupt: a handle of its process. */
struct irq_binding {
    struct list link;         /* in the source's bindings */
    struct irq_binding *next; /* of the same thread */
    struct thread *thread;
    uint32_t number;
    uint8_t bit;
    bool owes;       /* it was rung and hasn't waited since the bit was delivered */
    bool was_late;   /* the log says so once */
    bool was_stormy; /* likewise */
};

/* The machine's interrupt controllers. All but init_hart are called with the big lock held. */
struct irq_chip {
    /* This hart is told of interrupts from now on. All are disabled. */
    void (*init_hart)(void);
    /* Claims what this hart is told of, at most STEP_ITEMS, and calls irq_claimed for each. */
    void (*serve)(void);
    /* A claimed line may come again. It is still enabled, on that hart. True if it is up: comes at once. */
    bool (*complete)(uint32_t line, unsigned hart);
    /* That hart is told of the interrupt. -ENOMEM: the controller can't, for want of identities. */
    int (*enable)(uint32_t number, unsigned hart);
    /* No hart is told of the interrupt any more, or of a message at most once more. */
    void (*disable)(uint32_t number, unsigned hart);
    /* Makes those harts enter the kernel. NULL: the firmware has to. */
    void (*interrupt_harts)(uint64_t index_mask);
};

extern const struct irq_chip *irq_chip; /* chosen when the machine is read */

void irq_init(void);
/* True if these are interrupts that exist: lines, or messages that were allocated. */
bool irq_exist(uint64_t first, uint64_t count);
/* An interrupt was claimed on this hart. */
void irq_claimed(uint32_t number);
/* The thread waits again: completes the lines whose bits it was given. */
void irq_thread_waits(struct thread *thread);
/* The bit is one that no other interrupt of the thread has. */
int irq_bind(struct thread *thread, uint32_t number, unsigned bit);
/* The thread is gone: its bindings end, what nobody is bound to is masked. */
void irq_unbind_thread(struct thread *thread);

#endif
