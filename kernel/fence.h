/*
 * Which harts may hold stale translations of an address space. Pure, so that a host model checks it:
 * QEMU hides every mistake here.
 *
 * A space's ASID is the slot of its main thread, so two live spaces never share one and there is no
 * roll-over. What a dead space left in translation caches is inherited by the slot's next user as
 * harts that must fence when they first load it. With fewer ASID bits than slots, every space uses
 * ASID 0 and each load of another space fences.
 */
#ifndef KERNEL_FENCE_H
#define KERNEL_FENCE_H

#include <stdbool.h>
#include <stdint.h>

struct space_fence {
    uint64_t may_cache;     /* harts that may hold translations of this ASID */
    uint64_t fence_at_load; /* harts that must fence before they use it again */
};

/* A new space over what the slot's former space left. */
static inline void space_fence_new(struct space_fence *fence, uint64_t residue)
{
    fence->may_cache = residue;
    fence->fence_at_load = residue;
}

/* The hart is about to load the space: true if it must fence first. */
static inline bool space_fence_load(struct space_fence *fence, unsigned hart)
{
    uint64_t bit = (uint64_t)1 << hart;
    bool must_fence = (fence->fence_at_load & bit) != 0;

    fence->fence_at_load &= ~bit;
    fence->may_cache |= bit;
    return must_fence;
}

/*
 * Translations were removed or lost rights. `loaded` are the harts whose root this space is, idle ones
 * included: the result, to be fenced now; the others that may cache fence when they load it.
 */
static inline uint64_t space_fence_invalidate(struct space_fence *fence, uint64_t loaded)
{
    fence->fence_at_load |= fence->may_cache & ~loaded;
    return loaded;
}

/* The space is gone and loaded nowhere: what the slot's next user inherits. */
static inline uint64_t space_fence_retire(const struct space_fence *fence)
{
    return fence->may_cache;
}

#endif
