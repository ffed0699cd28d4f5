/*
 * The fence masks against a model of translation caches: harts that load spaces, cache what they use,
 * and spaces that unmap, die and hand their ASID on. No hart may ever use a stale translation.
 */
#include "fence.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HARTS 4
#define ASIDS 3
#define PAGES 4
#define NOWHERE (-1)

/* The truth: which version of a page's mapping is current; the caches: which one a hart holds. */
static unsigned mapping[ASIDS][PAGES];
static unsigned cached[HARTS][ASIDS][PAGES]; /* 0: not cached */
static struct space_fence fences[ASIDS];
static int loaded[HARTS];
static unsigned next_version;
static bool forget_lazy_fence; /* a seeded error, which the model must catch */

static void flush(unsigned hart, unsigned asid)
{
    memset(cached[hart][asid], 0, sizeof(cached[hart][asid]));
}

static void load(unsigned hart, unsigned asid)
{
    if (loaded[hart] == (int)asid)
        return;
    loaded[hart] = (int)asid;
    if (space_fence_load(&fences[asid], hart))
        flush(hart, asid);
}

/* The hart uses a page of the space that it has loaded: true if what it uses is right. */
static bool use(unsigned hart, unsigned page)
{
    unsigned asid = (unsigned)loaded[hart];

    if (cached[hart][asid][page] == 0)
        cached[hart][asid][page] = mapping[asid][page];
    return cached[hart][asid][page] == mapping[asid][page];
}

static void invalidate(unsigned asid)
{
    uint64_t mask = 0, now;

    for (unsigned hart = 0; hart < HARTS; hart++)
        if (loaded[hart] == (int)asid)
            mask |= (uint64_t)1 << hart;
    now = space_fence_invalidate(&fences[asid], mask);
    if (forget_lazy_fence)
        fences[asid].fence_at_load = 0;
    for (unsigned hart = 0; hart < HARTS; hart++)
        if (now >> hart & 1)
            flush(hart, asid);
}

static void remap(unsigned asid, unsigned page)
{
    mapping[asid][page] = ++next_version;
    invalidate(asid);
}

/* The space dies: harts drop it, its frames are reused, the ASID goes to a new space. */
static void replace(unsigned asid)
{
    uint64_t residue;

    for (unsigned hart = 0; hart < HARTS; hart++)
        if (loaded[hart] == (int)asid)
            loaded[hart] = NOWHERE;
    residue = space_fence_retire(&fences[asid]);
    for (unsigned page = 0; page < PAGES; page++)
        mapping[asid][page] = ++next_version;
    space_fence_new(&fences[asid], residue);
}

static void reset_model(void)
{
    memset(cached, 0, sizeof(cached));
    memset(fences, 0, sizeof(fences));
    for (unsigned hart = 0; hart < HARTS; hart++)
        loaded[hart] = NOWHERE;
    for (unsigned asid = 0; asid < ASIDS; asid++)
        for (unsigned page = 0; page < PAGES; page++)
            mapping[asid][page] = ++next_version;
}

/* Random steps by seed: true if no hart ever used a stale translation. */
static bool run_model(unsigned seed, unsigned steps)
{
    reset_model();
    srand(seed);
    for (unsigned i = 0; i < steps; i++) {
        unsigned hart = (unsigned)rand() % HARTS, asid = (unsigned)rand() % ASIDS;
        unsigned page = (unsigned)rand() % PAGES;
        switch (rand() % 8) {
        case 0:
            remap(asid, page);
            break;
        case 1:
            if (rand() % 4 == 0)
                replace(asid);
            break;
        case 2:
        case 3:
            load(hart, asid);
            break;
        default:
            if (loaded[hart] != NOWHERE && !use(hart, page))
                return false;
        }
    }
    return true;
}

static void no_stale_translation_is_used(void **state)
{
    (void)state;
    forget_lazy_fence = false;
    for (unsigned seed = 1; seed <= 50; seed++)
        assert_true(run_model(seed, 20000));
}

static void the_model_catches_a_forgotten_fence(void **state)
{
    (void)state;
    forget_lazy_fence = true;
    assert_false(run_model(1, 20000));
}

static void a_hart_that_never_loaded_is_not_fenced(void **state)
{
    struct space_fence fence;

    (void)state;
    space_fence_new(&fence, 0);
    assert_false(space_fence_load(&fence, 0));
    assert_int_equal(space_fence_invalidate(&fence, 1), 1);
    assert_false(space_fence_load(&fence, 1));
    assert_int_equal(space_fence_invalidate(&fence, 1), 1);
    assert_true(space_fence_load(&fence, 1));
    assert_false(space_fence_load(&fence, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_stale_translation_is_used),
        cmocka_unit_test(the_model_catches_a_forgotten_fence),
        cmocka_unit_test(a_hart_that_never_loaded_is_not_fenced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
