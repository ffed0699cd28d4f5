/*
 * malice: processes that are killed at a random moment of whatever they do: in long calls, in the
 * queue of a server, pinning memory, with threads on several harts. What they had comes back.
 */
#include "malice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEN_MAX (300 * PAGE_SIZE)
#define DMA_LEN_MAX (200 * PAGE_SIZE)
#define LIFE_US 3000u

static struct dma_segment segments[256];

struct busy {
    struct chance chance;
    struct victim victim;
    unsigned char *memory; /* of LEN_MAX bytes */
    bool driver;
};

static uint64_t some_len(struct busy *busy)
{
    return 1 + chance_below(&busy->chance, LEN_MAX);
}

static void be_busy_mapping(struct busy *busy)
{
    uint64_t len = some_len(busy);
    void *address;

    if (kcall_map(len, PROT_READ_BIT | PROT_WRITE_BIT, &address) == 0 &&
        !chance_one_in(&busy->chance, 4))
        (void)kcall_unmap(address, len);
}

static void be_busy_sharing(struct busy *busy)
{
    uint64_t len = some_len(busy);
    handle_t region, offer;
    void *address;

    if (kcall_region_create(len, 0, &region) != 0)
        return;
    (void)kcall_region_map(ENDPOINT_SELF, region, 0, len, PROT_READ_BIT, &address);
    (void)kcall_region_offer(region, busy->victim.endpoint, PROT_READ_BIT, &offer);
    if (chance_one_in(&busy->chance, 2))
        (void)kcall_close(region);
}

/* Has the victim copy into this process's memory, in long calls of the victim's. */
static void be_busy_granting(struct busy *busy)
{
    uint64_t len = 1 + chance_below(&busy->chance, CHILD_BUFFER);
    struct message message;
    handle_t grant;

    if (kcall_grant(busy->victim.endpoint, busy->memory, len, GRANT_WRITE, &grant) != 0)
        return;
    message = (struct message){.word = {grant, len, COPY_TO_GRANT, 4}};
    (void)child_call(busy->victim.endpoint, CHILD_COPY_LOOP, &message);
    (void)kcall_revoke(grant, -1);
}

static void be_busy_copying(struct busy *busy)
{
    handle_t grant;

    if (kcall_grant(startup_page()->self, busy->memory, LEN_MAX / 2, GRANT_READ | GRANT_WRITE,
                    &grant) != 0)
        return;
    (void)kcall_copy(startup_page()->self, grant, 0, busy->memory + LEN_MAX / 2, LEN_MAX / 2,
                     (unsigned)chance_below(&busy->chance, 2));
    if (chance_one_in(&busy->chance, 2))
        (void)kcall_revoke(grant, -1);
}

static void be_busy_pinning(struct busy *busy)
{
    uint64_t device;
    unsigned used;
    handle_t pin;
    void *address;

    if (!busy->driver)
        return;
    if (chance_one_in(&busy->chance, 3))
        (void)kcall_dma_alloc(1 + chance_below(&busy->chance, DMA_LEN_MAX), &address, &device);
    else if (kcall_dma_map_own(busy->memory, 1 + chance_below(&busy->chance, DMA_LEN_MAX),
                               DMA_DEVICE_READS, segments, 256, &pin, &used) == 0 &&
             chance_one_in(&busy->chance, 2))
        (void)kcall_dma_unmap(pin);
}

/* Waits in the victim's queue, sometimes behind another one who has it sleep. */
static void be_busy_calling(struct busy *busy)
{
    struct message message = {.word = {chance_below(&busy->chance, 100)}};

    (void)child_call(busy->victim.endpoint,
                     chance_one_in(&busy->chance, 4) ? CHILD_SLEEP : CHILD_ECHO, &message);
}

static void be_busy_watching(struct busy *busy)
{
    handle_t handle;

    (void)kcall_watch(busy->victim.endpoint, 1, &handle);
    (void)kcall_doorbell(busy->victim.endpoint, 2, &handle);
    (void)kcall_alarm(ticks_now() + chance_below(&busy->chance, 1000), 3);
}

static void be_busy(struct busy *busy)
{
    static void (*const doings[])(struct busy *) = {
        be_busy_mapping, be_busy_sharing, be_busy_granting, be_busy_copying,
        be_busy_pinning, be_busy_calling, be_busy_watching,
    };

    doings[chance_below(&busy->chance, sizeof(doings) / sizeof(doings[0]))](busy);
}

static void busy_thread(void *argument)
{
    for (;;)
        be_busy(argument);
}

int busy_main(int argc, char *argv[])
{
    static struct busy busy[3];
    uint64_t seed;
    void *memory;

    if (argc != 4 + VICTIM_WORDS ||
        kcall_map(LEN_MAX, PROT_READ_BIT | PROT_WRITE_BIT, &memory) != 0)
        return 2;
    seed = strtoul(argv[2], NULL, 10) ^ strtoul(argv[3], NULL, 10) << 32;
    for (unsigned i = 0; i < 3; i++) {
        busy[i].chance = chance_make(seed, i);
        victim_from_arguments(&busy[i].victim, &argv[4]);
        busy[i].memory = memory;
        busy[i].driver = strcmp(argv[0], DRIVER_PROGRAM) == 0;
    }
    for (unsigned i = chance_below(&busy[0].chance, 2) ? 3 : 1; i-- > 1;) {
        endpoint_t thread;

        if (thread_start(busy_thread, &busy[i], 2 * PAGE_SIZE, 0, &thread) != 0)
            return 3;
    }
    busy_thread(&busy[0]);
    return 4;
}

bool kill_is_survived(uint64_t seed, uint64_t n, const struct victim *victim)
{
    struct chance chance = chance_make(seed, ~n);
    char seed_text[24], n_text[24], words[VICTIM_WORDS][24];
    const char *argv[5 + VICTIM_WORDS] = {chance_one_in(&chance, 2) ? DRIVER_PROGRAM : test_name,
                                          "--busy", seed_text, n_text};
    uint64_t before = frames_in_reach(), detail = 0;
    enum death_cause cause = DEATH_NONE;
    endpoint_t child;

    snprintf(seed_text, sizeof(seed_text), "%lu", (unsigned long)seed);
    snprintf(n_text, sizeof(n_text), "%lu", (unsigned long)n);
    victim_to_arguments(victim, words);
    for (unsigned i = 0; i < VICTIM_WORDS; i++)
        argv[4 + i] = words[i];
    int status = program_spawn(argv, false, &child);
    if (status == 0) {
        sleep_us(chance_below(&chance, LIFE_US));
        status = program_kill(child);
    }
    if (status == 0)
        status = program_wait(child, &cause, &detail);
    bool back = frames_are_back(before);
    if (status == 0 && cause == DEATH_KILLED && back)
        return true;
    printf("FAIL kills, seed %s, kill %s: %s, \"%s\" 0x%lx, %ld frames are missing\n", seed_text,
           n_text, anole_error_text(status), death_cause_text(cause), (unsigned long)detail,
           (long)(before - frames_in_reach()));
    return false;
}
