/*
 * Faults by order (RS_INJECT) that a service's own process commits: hook points in libanole, libchan,
 * libvirtio and libblk, so that drivers have no code for them.
 *
 * One word says which fault is armed; it is 0 in normal life, and a hook point costs a load and a
 * branch. A process without a service loop can't be ordered anything: it has the word, which is 0 for
 * ever, and none of fault.c. Neither have tests on the build machine.
 */
#ifndef LIBANOLE_FAULT_H
#define LIBANOLE_FAULT_H

#include <anole/ipc.h>
#include <proto/rs.h>
#include <stdbool.h>
#include <stdint.h>

/* enum fault_kind, or 0; in the page that every message touches. Weak, so that all who include this
 * share one, and nobody needs a source file for it. */
__attribute__((weak, section(".bss.hot"))) uint32_t fault_armed;

static inline bool fault_any(void)
{
    return __builtin_expect(__atomic_load_n(&fault_armed, __ATOMIC_RELAXED) != 0, 0);
}

/* Counts a step of this kind (FAULT_DIE_*), and dies if it is the one before which to die. */
__attribute__((weak)) void fault_reached(enum fault_kind step);
static inline void fault_step(enum fault_kind step)
{
    if (fault_any())
        fault_reached(step);
}

/* Is this the place and time to commit that fault? True once for each order; RS is told. */
__attribute__((weak)) bool fault_take(enum fault_kind kind);
static inline bool fault_here(enum fault_kind kind)
{
    return fault_any() && fault_take(kind);
}

/* ---- for libanole itself ---- */

/* Before main(): what was ordered of this instance. */
__attribute__((weak)) void fault_arm(uint32_t kind, uint32_t count);
/* On NOTIFY_INJECT: fetches the order from RS and commits it, or arms the place that will. Returns
 * the kinds that the service loop itself commits, else 0. */
enum fault_kind fault_fetch(void);
/* Before a caller is answered. */
void fault_before_reply(const struct ipc_delivery *delivery);

#endif
