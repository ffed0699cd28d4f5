/*
 * malice: a hostile process: makes attempt after attempt and says which had another outcome than was
 * promised. What may come to harm by them is its own arena.
 */
#include "malice.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAILURES_SHOWN 10u

static unsigned failures;
static const char *group_name;
static uint64_t group_seed;

void unexpected(const struct hostile *hostile, const char *format, ...)
{
    va_list arguments;

    if (++failures > FAILURES_SHOWN)
        return;
    printf("FAIL %s, seed %lu, attempt %lu: ", group_name, (unsigned long)group_seed,
           (unsigned long)hostile->attempt);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

/* ---- what to attack with ---- */

/* A name that nobody has: a special one, one of another life of a living slot, or any. */
static endpoint_t pick_nobody(struct hostile *hostile)
{
    static const endpoint_t special[] = {ENDPOINT_SELF, ENDPOINT_NONE, 1u << 31, ~0u};
    struct chance *chance = &hostile->chance;
    const endpoint_t living[] = {hostile->self, hostile->victim.endpoint, hostile->victim.owner,
                                 hostile->victim.held};
    endpoint_t endpoint, process;
    unsigned id;

    switch (chance_below(chance, 3)) {
    case 0:
        return special[chance_below(chance, 4)];
    case 1:
        endpoint = living[chance_below(chance, 4)];
        return endpoint_make(endpoint_slot(endpoint),
                             endpoint_generation(endpoint) + 1 + (uint32_t)chance_below(chance, 9));
    default:
        /* Chance might name somebody; the kernel knows. */
        do
            endpoint = (endpoint_t)chance_magnitude(chance);
        while (endpoint == ENDPOINT_KERNEL || kcall_endpoint_info(endpoint, &process, &id) == 0);
        return endpoint == ENDPOINT_SELF ? ENDPOINT_NONE : endpoint;
    }
}

endpoint_t pick_endpoint(struct hostile *hostile, enum whom whom)
{
    switch (whom) {
    case ONESELF:
        return hostile->self;
    case THE_VICTIM:
        return hostile->victim.endpoint;
    case THE_OWNER:
        return hostile->victim.owner;
    case THE_HELD:
        return hostile->victim.held;
    case A_CALLABLE:
        return hostile->callable[chance_below(&hostile->chance, hostile->callable_count)];
    case A_FORBIDDEN:
        return hostile->forbidden[chance_below(&hostile->chance, hostile->forbidden_count)];
    default:
        return pick_nobody(hostile);
    }
}

handle_t pick_wrong_handle(struct hostile *hostile)
{
    struct chance *chance = &hostile->chance;
    uint64_t bits = chance_next(chance);

    switch (chance_below(chance, 4)) {
    case 0:
        return HANDLE_NONE;
    case 1:
        return hostile->stale[bits % STALE_HANDLES];
    case 2: /* an entry that exists, in a life that it won't reach */
        return (bits | 1ul << 47) << 16 | (hostile->grant & 0xffff);
    default: /* beyond any table */
        return bits | 0xffff;
    }
}

uint64_t pick_wrong_address(struct hostile *hostile, bool for_writing)
{
    static const uint64_t wrong[] = {
        USER_INFO_PAGE, /* these three can be read */
        USER_STARTUP_PAGE,    USER_TEXT_BASE, 0,          8, PAGE_SIZE, USER_MAP_END - PAGE_SIZE,
        USER_END - 8,         USER_END,       0x10000000, /* a device's registers, were it mapped */
        0x80200000,                                       /* the kernel's physical place */
        0xffffffc000000000ul,                             /* where it maps all memory */
        0xffffffc080200000ul, 1ul << 63,      ~0ul - 7,
    };
    unsigned from = for_writing ? 0 : 3, count = sizeof(wrong) / sizeof(wrong[0]) - from;
    uint64_t choice = chance_below(&hostile->chance, count + 1);

    if (choice < count)
        return wrong[from + choice];
    return chance_next(&hostile->chance) | 1ul << 40;
}

/* ---- starting ---- */

/* Whom this class may call, and whom not. */
static void find_services(struct hostile *hostile)
{
    struct process_info info;

    for (unsigned slot = 1; slot < ENDPOINT_SLOTS; slot++) {
        if (kcall_process_info(slot, &info) != 0 || info.state != PROCESS_RUNNING)
            continue;
        if (strcmp(info.name, "rs") == 0 || strcmp(info.name, "pm") == 0) {
            if (hostile->callable_count < 8)
                hostile->callable[hostile->callable_count++] = info.endpoint;
        } else if (strcmp(info.name, "devman") == 0 || strcmp(info.name, "rtc") == 0 ||
                   strcmp(info.name, "shell") == 0) {
            if (hostile->forbidden_count < 16)
                hostile->forbidden[hostile->forbidden_count++] = info.endpoint;
        }
    }
}

static bool hostile_start(struct hostile *hostile)
{
    void *arena;

    hostile->self = startup_page()->self;
    if (kcall_map(ARENA_BYTES, PROT_READ_BIT | PROT_WRITE_BIT, &arena) != 0 ||
        kcall_grant(hostile->self, arena, GRANTED_BYTES, GRANT_READ | GRANT_WRITE,
                    &hostile->grant) != 0 ||
        kcall_region_create(REGION_BYTES, 0, &hostile->region) != 0)
        return false;
    hostile->arena = arena;
    for (unsigned i = 0; i < STALE_HANDLES; i++) {
        if (kcall_doorbell(hostile->self, i, &hostile->stale[i]) != 0 ||
            kcall_close(hostile->stale[i]) != 0)
            return false;
    }
    find_services(hostile);
    return hostile->callable_count > 0 && hostile->forbidden_count > 0;
}

static int worker_run(struct hostile *hostile, void (*attempt)(struct hostile *), uint64_t count)
{
    if (!hostile_start(hostile)) {
        printf("FAIL %s: a worker can't be set up\n", group_name);
        return 1;
    }
    for (; count > 0; count--, hostile->attempt++)
        attempt(hostile);
    undo_all(hostile);
    return failures > 0;
}

int worker_main(int argc, char *argv[])
{
    static struct hostile hostile;
    uint64_t first, count, stream;

    if (argc != 6 + VICTIM_WORDS)
        return 2;
    group_name = argv[2];
    group_seed = strtoul(argv[3], NULL, 10);
    first = strtoul(argv[4], NULL, 10);
    count = strtoul(argv[5], NULL, 10);
    stream = first; /* of chance: another one for each group and worker */
    victim_from_arguments(&hostile.victim, &argv[6]);
    hostile.driver = strcmp(argv[0], DRIVER_PROGRAM) == 0;
    for (const char *c = group_name; *c != '\0'; c++)
        stream = stream * 31 + (unsigned char)*c;
    hostile.chance = chance_make(group_seed, stream);
    hostile.attempt = first;
    return worker_run(
        &hostile,
        strcmp(group_name, "system-calls") == 0 ? attempt_system_call : attempt_kernel_call, count);
}
