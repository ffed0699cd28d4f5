/*
 * handletest: names are never used twice, however often an entry or a slot is; when they have run out,
 * there are no more, and what lives goes on.
 */
#include "handletest.h"

#include <stdlib.h>
#include <string.h>

#define LIVES 100000u

void group_handle_generations(void)
{
    endpoint_t self = startup_page()->self;
    handle_t last = HANDLE_NONE, early[16];

    for (unsigned i = 0; i < LIVES; i++) {
        /* Of changing kinds, so that an id of one kind is another's stale one. */
        int status = i % 2 ? RAW(DOORBELL, self, 1) : RAW(WATCH, self, 1);

        if (!EXPECT(status, 0) || !CHECK(result[0] > last))
            return;
        last = result[0];
        if (i < 16)
            early[i] = last;
        if (!EXPECT(RAW(CLOSE, last), 0))
            return;
    }
    for (unsigned i = 0; i < 16; i++)
        EXPECT(RAW(CLOSE, early[i]), -ANOLE_EBADHANDLE);
}

static void end_at_once(void *argument)
{
    (void)argument;
}

#define ENDPOINTS_MAX 8192u

static int compare_endpoints(const void *a, const void *b)
{
    endpoint_t left = *(const endpoint_t *)a, right = *(const endpoint_t *)b;

    return (left > right) - (left < right);
}

/* Starts threads until there is no endpoint left: how many; each is dead when the next one starts. */
static unsigned use_up_endpoints(endpoint_t *seen)
{
    unsigned count = 0, id;
    endpoint_t process;

    while (count < ENDPOINTS_MAX &&
           thread_start(end_at_once, NULL, PAGE_SIZE, 0, &seen[count]) == 0) {
        while (kcall_endpoint_info(seen[count], &process, &id) == 0)
            sleep_us(20);
        count++;
    }
    return count;
}

void group_endpoint_generations(void)
{
    static endpoint_t seen[ENDPOINTS_MAX];
    endpoint_t self = startup_page()->self, process;
    uint32_t generations = ENDPOINT_GENERATION_MAX - endpoint_generation(self) + 1;
    const char *const argv[] = {test_name, "--child", "0", NULL};
    endpoint_t child;
    unsigned id;

    if (generations > ENDPOINTS_MAX / ENDPOINT_SLOTS)
        skip("%u generations are left; boot with --first-generation %u", generations,
             ENDPOINT_GENERATION_MAX - 2);
    child = child_start();
    unsigned count = use_up_endpoints(seen);
    CHECK(count > 0 && count < ENDPOINTS_MAX);
    CHECK(count < (generations + 1) * ENDPOINT_SLOTS);

    /* All different, none a special one; dead ones stay dead. */
    qsort(seen, count, sizeof(seen[0]), compare_endpoints);
    for (unsigned i = 0; i < count; i++) {
        CHECK(i == 0 || seen[i] != seen[i - 1]);
        CHECK(seen[i] != self && seen[i] != child && endpoint_slot(seen[i]) != 0);
        EXPECT(kcall_endpoint_info(seen[i], &process, &id), -ANOLE_EDEADENDPOINT);
    }
    EXPECT(RAW(THREAD_CREATE, 0, 0, 0, 0, 0), -ANOLE_ENOMEM);
    endpoint_t none;
    EXPECT(program_spawn(argv, false, &none), -ANOLE_ENOMEM);

    /* Who lives goes on. */
    uint64_t word = 5;
    EXPECT(child_do(child, CHILD_ECHO, &word, 0, 0, 0, 0), 0);
    CHECK(word == 6);
    child_end(child);
    EXPECT(kcall_endpoint_info(child, &process, &id), -ANOLE_EDEADENDPOINT);
}
