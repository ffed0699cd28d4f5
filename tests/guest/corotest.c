/*
 * corotest [GROUP...]: coroutines on real stacks: registers and stacks stay each one's own over many
 * switches, a stack that overflows is a fault, and memory that runs out an error.
 */
#include "testkit.h"

#include <libcoro/coro.h>
#include <string.h>

const char test_name[] = "corotest";

#define MANY 40u
#define ROUNDS 500u

static struct coro *who[MANY];
static unsigned ended;

/* Ten values that live across the wait: more than go into other registers than the saved ones. */
static void keeps_registers(void *argument)
{
    uint64_t a = (uintptr_t)argument, b = a * 3, c = a * 5, d = a * 7, e = a * 11, f = a * 13;
    uint64_t g = a * 17, h = a * 19, i = a * 23, j = a * 29;
    char text[64];

    memset(text, (int)a, sizeof(text));
    who[a] = coro_current();
    for (unsigned round = 1; round <= ROUNDS; round++) {
        coro_wait();
        a += 1, b += 2, c += 3, d += 4, e += 5, f += 6, g += 7, h += 8, i += 9, j += 10;
    }
    uint64_t first = (uintptr_t)argument;
    uint64_t sum = first * (1 + 3 + 5 + 7 + 11 + 13 + 17 + 19 + 23 + 29) + ROUNDS * 55ul;
    CHECK(a + b + c + d + e + f + g + h + i + j == sum);
    for (unsigned k = 0; k < sizeof(text); k++) {
        CHECK(text[k] == (char)first);
    }
    ended++;
}

static void group_switches(void)
{
    for (uintptr_t i = 0; i < MANY; i++) {
        EXPECT(coro_start(keeps_registers, (void *)i), 0);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            coro_wake(who[(i * 7 + round) % MANY]);
        }
        CHECK(coro_run());
    }
    CHECK(ended == MANY && coro_count() == 0);
    uint64_t frames = frames_in_reach();
    for (uintptr_t i = 0; i < MANY; i++) { /* on the same stacks */
        EXPECT(coro_start(keeps_registers, (void *)i), 0);
    }
    CHECK(frames_in_reach() == frames);
}

/* Uses so much stack, and says so. */
__attribute__((noinline)) static unsigned deep(unsigned left)
{
    volatile char page[1024];

    page[0] = (char)left;
    page[sizeof(page) - 1] = (char)left;
    return left == 0 ? 0 : 1 + deep(left - 1) + (unsigned)(page[0] != (char)left);
}

static void goes_deep(void *argument)
{
    CHECK(deep((unsigned)(uintptr_t)argument) == (unsigned)(uintptr_t)argument);
}

static void waits_for_ever(void *argument)
{
    (void)argument;
    coro_wait();
}

/* A neighbour's stack lies below: nothing of it is written before the fault. */
static int overflow(void)
{
    EXPECT(coro_start(waits_for_ever, NULL), 0);
    EXPECT(coro_start(goes_deep, (void *)(uintptr_t)(CORO_STACK_BYTES / 1024)), 0);
    return 0;
}

static void group_overflow(void)
{
    const char *const child[] = {test_name, "--overflow", NULL};
    endpoint_t endpoint;
    enum death_cause cause = DEATH_EXIT;
    uint64_t detail;

    EXPECT(coro_start(goes_deep, (void *)(uintptr_t)(CORO_STACK_BYTES * 3 / 4 / 1024)), 0);
    EXPECT(program_spawn(child, false, &endpoint), 0);
    EXPECT(program_wait(endpoint, &cause, &detail), 0);
    CHECK(cause == DEATH_STORE_FAULT);
}

static void group_memory(void)
{
    unsigned started = 0;
    int status;

    while (!(status = coro_start(waits_for_ever, NULL))) {
        started++;
    }
    EXPECT(status, -ANOLE_ENOMEM);
    CHECK(started >= 10 && coro_count() == started);
    EXPECT(coro_start(waits_for_ever, NULL), -ANOLE_ENOMEM);
}

int main(int argc, char *argv[])
{
    static const struct group groups[] = {
        {"switches", group_switches},
        {"overflow", group_overflow},
        {"memory", group_memory},
    };
    static const struct test_program program = {
        .groups = groups,
        .group_count = sizeof(groups) / sizeof(groups[0]),
    };
    if (argc == 2 && strcmp(argv[1], "--overflow") == 0) {
        return overflow();
    }
    return test_main(&program, argc, argv);
}
