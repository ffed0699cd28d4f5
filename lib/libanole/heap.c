/*
 * The heap beneath picolibc's malloc: sbrk over memory that is mapped in steps, in a part of the
 * address space that nothing else uses. Memory is the process's own quota and never given back.
 * Each step doubles, so that a big heap needs few mappings.
 */
#include <errno.h>
#include <libanole/anole.h>
#include <libanole/internal.h>
#include <unistd.h>

#define HEAP_STEP_MIN (32 * 1024ul)
#define HEAP_STEP_MAX (1024 * 1024ul)

static uintptr_t heap_break = HEAP_BASE;
static uintptr_t heap_mapped = HEAP_BASE;
static size_t heap_step = HEAP_STEP_MIN;

/* Maps up to `wanted` at least; a whole step if the quota has it. */
static int heap_grow(uintptr_t wanted)
{
    size_t exact = (wanted - heap_mapped + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    size_t len = exact > heap_step ? exact : heap_step;
    int error = map_at((void *)heap_mapped, len, PROT_READ_BIT | PROT_WRITE_BIT);

    if (error && len > exact) {
        len = exact;
        error = map_at((void *)heap_mapped, len, PROT_READ_BIT | PROT_WRITE_BIT);
    }
    if (!error) {
        heap_mapped += len;
        heap_step = heap_step < HEAP_STEP_MAX ? heap_step * 2 : heap_step;
    }
    return error;
}

/* malloc's calls come one at a time: it holds its lock. */
void *sbrk(ptrdiff_t increment)
{
    uintptr_t old = heap_break;
    bool fits = increment < 0 ? old - HEAP_BASE >= -(uintptr_t)increment
                              : HEAP_END - old >= (uintptr_t)increment;
    uintptr_t wanted = old + (uintptr_t)increment;

    if (!fits || (wanted > heap_mapped && heap_grow(wanted))) {
        errno = ENOMEM;
        return (void *)-1;
    }
    heap_break = wanted;
    return (void *)old;
}
