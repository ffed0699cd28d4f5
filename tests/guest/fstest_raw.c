/*
 * The group raw: see fstest_raw.h.
 */
#include "fstest_raw.h"

#include "fstest.h"

#include <inttypes.h>
#include <stdio.h>

#define VERIFY_EVERY 1000u

static const struct {
    const char *name;
    bool (*run)(struct raw *raw);
    unsigned weight;
} operations[] = {
    {"open", raw_open, 12},    {"close", raw_close, 4},       {"read", raw_read, 12},
    {"write", raw_write, 16},  {"seek", raw_seek, 5},         {"truncate", raw_truncate, 4},
    {"sync", raw_sync, 1},     {"mkdir", raw_mkdir, 5},       {"remove", raw_remove, 8},
    {"rename", raw_rename, 8}, {"link", raw_link, 5},         {"stat", raw_stat, 5},
    {"list", raw_list, 4},     {"nonsense", raw_nonsense, 4},
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static unsigned choose(struct chance *chance)
{
    unsigned total = 0, chosen = 0;

    for (unsigned i = 0; i < OPERATIONS; i++)
        total += operations[i].weight;
    uint64_t dice = chance_below(chance, total);
    while (dice >= operations[chosen].weight)
        dice -= operations[chosen++].weight;
    return chosen;
}

/* What is written by message is read through the C library. */
static bool run(struct raw *raw, const struct fstest *test, uint32_t *number, const char **name)
{
    bool well = raw_begin(raw);

    for (*number = 0; *number < test->operations && well; ++*number) {
        raw->chance = chance_make(test->seed, *number);
        unsigned chosen = choose(&raw->chance);

        *name = operations[chosen].name;
        well = operations[chosen].run(raw);
        if (well && (*number + 1) % VERIFY_EVERY == 0)
            well = stage_verify(&raw->stage);
    }
    return well && stage_verify(&raw->stage);
}

bool group_raw(const struct fstest *test)
{
    static struct raw raw;
    const char *name = "begin";
    char directory[200];
    uint32_t number = 0;

    snprintf(directory, sizeof(directory), "%s/fstest-raw-%" PRIu64, test->directory, test->seed);
    bool well = stage_open(&raw.stage, directory) && run(&raw, test, &number, &name);
    if (well)
        printf("raw: ok: seed %" PRIu64 ", %" PRIu32 " operations, %" PRIu64 " succeeded, %" PRIu64
               " requests were made twice\n",
               test->seed, number, raw.stage.done, raw.repeated);
    else
        printf("raw: FAILED: operation %" PRIu32 " (%s): %s\n", number, name, raw.stage.failure);
    /* What is open ends with the process: its file server finds that out, and frees what has no
     * name. */
    for (unsigned i = 0; i < RAW_FILES; i++) {
        if (raw.files[i].node != NULL)
            model_close(raw.files[i].node);
    }
    stage_close(&raw.stage);
    return well;
}
