/*
 * What is true of the machine-independent kernel whenever nobody holds its lock: threads, queues,
 * timers here, memory and handles in invariants_memory.c, interrupts in invariants_irq.c. Walks
 * everything that there is, so it needs no knowledge of how it came to be.
 */
#ifndef TESTS_HOST_KERNEL_INVARIANTS_H
#define TESTS_HOST_KERNEL_INVARIANTS_H

#include "process.h"

/* After boot, before the first process: the frames that are used now are the kernel's own. */
void invariants_begin(void);
/* NULL, or what is wrong, until the next call. */
const char *invariants_broken(void);

/* The thread in a slot, NULL if there is none; the process whose main thread is there. */
struct thread *invariants_thread(uint32_t slot);
struct process *invariants_process(uint32_t slot);

/* The parts about frames, regions, areas, handles and pins, and about interrupts. */
const char *invariants_memory_broken(void);
const char *invariants_irq_broken(void);

/* Puts the text together that all return. */
const char *invariant_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define REQUIRE(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return invariant_text(__VA_ARGS__);                                                    \
    } while (0)
#define REQUIRE_OK(check)                                                                          \
    do {                                                                                           \
        const char *wrong_ = (check);                                                              \
        if (wrong_)                                                                                \
            return wrong_;                                                                         \
    } while (0)

#endif
