/*
 * Random operations against the model, and what is done when one goes wrong: the list of operations is
 * made shorter as long as it still goes wrong.
 */
#include "fstest.h"
#include "fstest_perform.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERIFY_EVERY 2000u /* operations */
#define TRIALS_MAX 600u
#define SHOWN_MAX 30u

struct list {
    uint32_t *numbers;
    size_t count;
};

struct trial {
    const struct fstest *test;
    char directory[200];
    uint64_t done;    /* operations that weren't refused */
    bool no_stage;    /* there can't be trials */
    size_t failed_at; /* in the list */
    char failure[FAILURE_TEXT];
};

/* Runs the operations of the list, from an empty tree. false: failed_at and failure say where and why. */
static bool try(struct trial *trial, const struct list *list)
{
    const struct fstest *test = trial->test;
    static struct operation operation;
    static struct stage stage;
    bool well = stage_open(&stage, trial->directory);
    size_t i = 0;

    trial->no_stage = !well;
    for (; i < list->count && well; i++) {
        operation_make(&operation, test->seed, list->numbers[i], test->big);
        well = stage_perform(&stage, &operation);
        if (well && (i + 1) % VERIFY_EVERY == 0)
            well = stage_verify(&stage);
    }
    well = well && stage_verify(&stage);
    trial->done = stage.done;
    if (!well) {
        trial->failed_at = i > 0 ? i - 1 : 0;
        memcpy(trial->failure, stage.failure, sizeof(trial->failure));
    }
    stage_close(&stage);
    return well;
}

/* Takes `count` out at `start`. */
static void list_cut(struct list *list, size_t start, size_t count)
{
    memmove(&list->numbers[start], &list->numbers[start + count],
            (list->count - start - count) * sizeof(*list->numbers));
    list->count -= count;
}

/* Leaves out one piece after another, ever smaller ones. */
static void shrink(struct trial *trial, struct list *list)
{
    uint32_t *saved = must_allocate(NULL, list->count * sizeof(*saved));
    unsigned trials = 0;

    list->count = trial->failed_at + 1;
    for (size_t piece = list->count / 2; piece > 0; piece /= 2) {
        for (size_t start = 0; start < list->count && trials < TRIALS_MAX && !trial->no_stage;
             trials++) {
            size_t count = list->count, cut = piece < count - start ? piece : count - start;

            memcpy(saved, list->numbers, count * sizeof(*saved));
            list_cut(list, start, cut);
            if (!try(trial, list)) {
                list->count = trial->failed_at + 1;
                continue;
            }
            memcpy(list->numbers, saved, count * sizeof(*saved));
            list->count = count;
            start += cut;
        }
        printf("random: %zu operations are left\n", list->count);
    }
    free(saved);
    /* Once more, for what is said of it. */
    if (try(trial, list))
        snprintf(trial->failure, sizeof(trial->failure), "this time it went well");
}

static void show(const struct trial *trial, const struct list *list)
{
    static struct operation operation;
    size_t first = list->count > SHOWN_MAX ? list->count - SHOWN_MAX : 0;
    char text[512];

    if (first > 0)
        printf("  ... %zu operations\n", first);
    for (size_t i = first; i < list->count; i++) {
        operation_make(&operation, trial->test->seed, list->numbers[i], trial->test->big);
        printf("  %" PRIu32 ": %s\n", list->numbers[i],
               operation_text(&operation, text, sizeof(text)));
    }
    printf("random: FAILED: %s\n", trial->failure);
    printf("again: fstest --dir %s --seed %" PRIu64 "%s --only ", trial->test->directory,
           trial->test->seed, trial->test->big ? " --big" : "");
    for (size_t i = 0; i < list->count; i++) {
        size_t last = i;

        while (last + 1 < list->count && list->numbers[last + 1] == list->numbers[last] + 1)
            last++;
        printf("%s%" PRIu32, i > 0 ? "," : "", list->numbers[i]);
        if (last > i)
            printf("-%" PRIu32, list->numbers[last]);
        i = last;
    }
    printf("\n");
}

/* "3,7,10-20". false: it isn't such a text. */
static bool parse_only(const char *text, struct list *list)
{
    size_t room = 0;

    while (*text != '\0') {
        char *end;
        errno = 0;
        unsigned long first = strtoul(text, &end, 10), last = first;

        if (end != text && *end == '-')
            last = strtoul(end + 1, &end, 10);
        if (end == text || errno != 0 || last > UINT32_MAX / 2 || last < first ||
            (*end != ',' && *end != '\0'))
            return false;
        for (unsigned long number = first; number <= last; number++) {
            if (list->count == room) {
                room = room * 2 + 64;
                list->numbers = must_allocate(list->numbers, room * sizeof(*list->numbers));
            }
            list->numbers[list->count++] = (uint32_t)number;
        }
        text = *end == ',' ? end + 1 : end;
    }
    return true;
}

static bool make_list(const struct fstest *test, struct list *list)
{
    if (test->only != NULL)
        return parse_only(test->only, list);
    list->count = test->operations;
    list->numbers = must_allocate(NULL, (list->count + 1) * sizeof(*list->numbers));
    for (uint32_t i = 0; i < test->operations; i++)
        list->numbers[i] = i;
    return true;
}

bool group_random(const struct fstest *test)
{
    static struct trial trial;
    struct list list = {0};

    trial = (struct trial){.test = test};
    snprintf(trial.directory, sizeof(trial.directory), "%s/fstest-%" PRIu64, test->directory,
             test->seed);
    if (!make_list(test, &list)) {
        free(list.numbers);
        return group_failed("random", "'%s' is no list of operations", test->only);
    }
    bool well = try(&trial, &list);
    if (well) {
        printf("random: ok: seed %" PRIu64 ", %zu operations, %" PRIu64 " succeeded\n", test->seed,
               list.count, trial.done);
    } else if (trial.no_stage || list.count == 0 || list.numbers == NULL) {
        printf("random: FAILED: %s\n", trial.failure);
    } else {
        printf("random: operation %" PRIu32 ": %s\n", list.numbers[trial.failed_at], trial.failure);
        if (test->shrink)
            shrink(&trial, &list);
        else
            list.count = trial.failed_at + 1;
        show(&trial, &list);
    }
    free(list.numbers);
    return well;
}
