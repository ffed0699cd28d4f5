/*
 * malice [--attempts N] [--seed S] [--group G]: a hostile program and a hostile driver try what must be
 * refused. Each attempt has a promised outcome, and it is checked; in the end everybody else is as
 * before: the victim, the services, and free memory.
 *
 * Every choice comes from the seed, which is printed. Exit status: 0 if all was as promised.
 */
#include "malice.h"

#include <librs/rs_client.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char test_name[] = "malice";

#define ATTEMPTS 50000ul
#define ATTEMPTS_MAX 1000000000ul
#define WORKER_ATTEMPTS 10000ul /* of one worker; then another one comes with a fresh quota */

/* What is to be done, and with how many of a thousand attempts. */
struct attack {
    const char *name;
    unsigned share;
    bool (*run)(uint64_t seed, uint64_t count, const struct victim *victim);
};

/* ---- workers ---- */

static bool run_worker(const char *program, const char *group, uint64_t seed, uint64_t first,
                       uint64_t count, const struct victim *victim)
{
    char numbers[3][24], words[VICTIM_WORDS][24];
    const char *argv[7 + VICTIM_WORDS] = {program,    "--worker", group,
                                          numbers[0], numbers[1], numbers[2]};
    enum death_cause cause = DEATH_NONE;
    uint64_t detail = 0;
    endpoint_t child;

    snprintf(numbers[0], sizeof(numbers[0]), "%lu", (unsigned long)seed);
    snprintf(numbers[1], sizeof(numbers[1]), "%lu", (unsigned long)first);
    snprintf(numbers[2], sizeof(numbers[2]), "%lu", (unsigned long)count);
    victim_to_arguments(victim, words);
    for (unsigned i = 0; i < VICTIM_WORDS; i++)
        argv[6 + i] = words[i];
    fflush(stdout);
    int status = program_spawn(argv, false, &child);
    if (status == 0)
        status = program_wait(child, &cause, &detail);
    if (status == 0 && cause == DEATH_EXIT && detail == 0)
        return true;
    printf("FAIL %s, seed %s, attempts from %s on: %s, \"%s\" 0x%lx\n", group, numbers[0],
           numbers[1], anole_error_text(status), death_cause_text(cause), (unsigned long)detail);
    return false;
}

/* Workers one after the other, and after each of them a look at the victim and at memory. */
static bool run_workers(const char *program, const char *group, uint64_t seed, uint64_t count,
                        const struct victim *victim)
{
    bool ok = true;

    for (uint64_t first = 0; first < count; first += WORKER_ATTEMPTS) {
        uint64_t left = count - first, before = frames_in_reach();

        ok &= run_worker(program, group, seed, first,
                         left < WORKER_ATTEMPTS ? left : WORKER_ATTEMPTS, victim);
        ok &= victim_is_unharmed(victim);
        if (!frames_are_back(before)) {
            printf("FAIL %s, seed %lu, attempts from %lu on: %ld frames are missing\n", group,
                   (unsigned long)seed, (unsigned long)first, (long)(before - frames_in_reach()));
            ok = false;
        }
    }
    return ok;
}

static bool attack_with_calls(uint64_t seed, uint64_t count, const struct victim *victim)
{
    return run_workers(test_name, "kernel-calls", seed, count, victim);
}

static bool attack_as_driver(uint64_t seed, uint64_t count, const struct victim *victim)
{
    return run_workers(DRIVER_PROGRAM, "driver-calls", seed, count, victim);
}

static bool attack_with_registers(uint64_t seed, uint64_t count, const struct victim *victim)
{
    return run_workers(test_name, "system-calls", seed, count, victim);
}

/* ---- deaths ---- */

static bool attack_by_dying(uint64_t seed, uint64_t count, const struct victim *victim)
{
    uint64_t before = frames_in_reach();
    bool ok = true;

    for (uint64_t i = 0; i < count; i++)
        ok &= death_is_right(seed, i);
    if (!frames_are_back(before)) {
        printf("FAIL deaths: %ld frames are missing\n", (long)(before - frames_in_reach()));
        ok = false;
    }
    return ok & victim_is_unharmed(victim);
}

static bool attack_by_being_killed(uint64_t seed, uint64_t count, const struct victim *victim)
{
    bool ok = true;

    for (uint64_t i = 0; i < count; i++)
        ok &= kill_is_survived(seed, i, victim);
    return ok & victim_is_unharmed(victim);
}

static bool attack_by_storms(uint64_t seed, uint64_t count, const struct victim *victim)
{
    return storms_are_weathered(seed, count, victim) & victim_is_unharmed(victim);
}

static const struct attack attacks[] = {
    {"kernel-calls", 400, attack_with_calls},     {"driver-calls", 280, attack_as_driver},
    {"system-calls", 250, attack_with_registers}, {"deaths", 4, attack_by_dying},
    {"kills", 2, attack_by_being_killed},         {"storms", 64, attack_by_storms},
};

#define ATTACKS (sizeof(attacks) / sizeof(attacks[0]))

/* ---- everybody else ---- */

struct neighbour {
    endpoint_t endpoint;
    char name[PROCESS_NAME_LEN];
};

#define NEIGHBOURS 64u

/* All processes that run but those of this program. */
static unsigned find_neighbours(struct neighbour *neighbours)
{
    struct process_info info;
    unsigned count = 0;

    for (unsigned slot = 1; slot < ENDPOINT_SLOTS && count < NEIGHBOURS; slot++) {
        if (kcall_process_info(slot, &info) != 0 || info.state != PROCESS_RUNNING ||
            strncmp(info.name, test_name, strlen(test_name)) == 0)
            continue;
        neighbours[count].endpoint = info.endpoint;
        memcpy(neighbours[count].name, info.name, PROCESS_NAME_LEN);
        count++;
    }
    return count;
}

static bool neighbours_live(const struct neighbour *neighbours, unsigned count)
{
    bool ok = true;

    for (unsigned i = 0; i < count; i++) {
        endpoint_t process;
        unsigned id;

        if (kcall_endpoint_info(neighbours[i].endpoint, &process, &id) == 0)
            continue;
        printf("FAIL %s died\n", neighbours[i].name);
        ok = false;
    }
    return ok;
}

/* What the kernel counts besides free memory. */
static bool nothing_is_kept(const struct system_info *before)
{
    struct system_info now;

    if (kcall_system_info(&now) == 0 && now.frames_quarantined == before->frames_quarantined &&
        now.frames_orphaned == before->frames_orphaned)
        return true;
    printf("FAIL %lu frames in quarantine, %lu of nobody\n", (unsigned long)now.frames_quarantined,
           (unsigned long)now.frames_orphaned);
    return false;
}

/* ---- the program ---- */

struct options {
    uint64_t attempts, seed;
    const char *group;
};

static bool number_read(const char *text, uint64_t max, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoul(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *number <= max;
}

static bool group_exists(const char *name)
{
    for (unsigned i = 0; i < ATTACKS; i++) {
        if (strcmp(attacks[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool options_read(struct options *options, int argc, char *argv[])
{
    for (int i = 1; i < argc; i += 2) {
        bool ok = i + 1 < argc;

        if (ok && strcmp(argv[i], "--attempts") == 0)
            ok = number_read(argv[i + 1], ATTEMPTS_MAX, &options->attempts);
        else if (ok && strcmp(argv[i], "--seed") == 0)
            ok = number_read(argv[i + 1], UINT64_MAX, &options->seed);
        else if (ok && strcmp(argv[i], "--group") == 0)
            ok = group_exists(options->group = argv[i + 1]);
        else
            ok = false;
        if (!ok) {
            fprintf(stderr, "malice: %s: not understood\n", argv[i]);
            return false;
        }
    }
    return true;
}

static int usage(void)
{
    fprintf(stderr, "usage: malice [--attempts N] [--seed S] [--group G]\ngroups:");
    for (unsigned i = 0; i < ATTACKS; i++)
        fprintf(stderr, " %s", attacks[i].name);
    fprintf(stderr, "\n");
    return 2;
}

/* One attack, with its share of the attempts, or with all of them if it is the only one. */
static bool run_attack(const struct attack *attack, const struct options *options,
                       const struct victim *victim)
{
    uint64_t share = options->group ? 1000 : attack->share;
    uint64_t count = options->attempts * share / 1000 + 1;
    uint64_t start = ticks_now();
    bool ok = attack->run(options->seed, count, victim);

    printf("%s %s (%lu attempts, %lu ms)\n", ok ? "PASS" : "FAIL", attack->name,
           (unsigned long)count, (unsigned long)(ticks_to_us(ticks_now() - start) / 1000));
    fflush(stdout);
    return ok;
}

static int attack_all(const struct options *options)
{
    static struct neighbour neighbours[NEIGHBOURS];
    struct system_info before = {0};
    struct victim victim;
    unsigned passed = 0, failed = 0, count;

    /* What the services keep about a program they keep from now on. */
    printf("malice: %lu attempts, seed %lu\n", (unsigned long)options->attempts,
           (unsigned long)options->seed);
    count = find_neighbours(neighbours);
    (void)kcall_system_info(&before);
    victim_start(&victim);
    for (unsigned i = 0; i < ATTACKS; i++) {
        if (options->group && strcmp(options->group, attacks[i].name) != 0)
            continue;
        if (run_attack(&attacks[i], options, &victim))
            passed++;
        else
            failed++;
    }
    failed += !victim_end(&victim);
    failed += !neighbours_live(neighbours, count);
    failed += !nothing_is_kept(&before);
    printf("malice: %u passed, %u failed, 0 skipped\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

int main(int argc, char *argv[])
{
    struct options options = {.attempts = ATTEMPTS, .seed = 1};

    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return child_main(argv[2]);
    if (argc > 1 && strcmp(argv[1], "--worker") == 0)
        return worker_main(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--die") == 0)
        return die_main(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--busy") == 0)
        return busy_main(argc, argv);
    if (!options_read(&options, argc, argv))
        return usage();
    memory_settle();
    return attack_all(&options);
}
