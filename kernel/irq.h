/*
 * Interrupt lines and the threads that they ring.
 *
 * The kernel claims a line and sets the bit of every thread bound to it; it completes the line at the
 * first wait of each of them after the bit was delivered, so that drivers make no acknowledge call.
 * A driver that doesn't wait for IRQ_OVERDUE_MS is skipped; a storm is masked for a millisecond.
 */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include "thread.h"

void irq_init(void);
/* A line was claimed on this hart. */
void irq_claimed(uint32_t line);
/* The thread waits again: completes the lines whose bits it was given. */
void irq_thread_waits(struct thread *thread);
int irq_bind(struct thread *thread, uint32_t line, unsigned bit);
/* The thread is gone: its bindings end, lines nobody uses are masked. */
void irq_unbind_thread(struct thread *thread);

/* The interrupt controller (riscv/plic.c). */
void plic_init_hart(void);
/* The line to serve next on this hart, 0: none. */
uint32_t plic_claim(void);
void plic_complete(uint32_t line, uint32_t context);
void plic_enable(uint32_t line, uint32_t context);
void plic_disable(uint32_t line, uint32_t context);

#endif
