/*
 * servfuzz [--seed N] [--requests N] [SERVER...]: attacks rs, devman and pm as any program can: random
 * and nearly valid requests with grants of every kind, callers that don't wait for their answer, die
 * while they are held or at a random moment, floods of subscriptions, of programs and of results. After
 * each attack the servers must answer, no service may have another endpoint than before, and memory and
 * processes must be what they were.
 *
 * It runs with no more rights than any program has.
 */
#include "servfuzz.h"
#include <librs/rs_client.h>
#include <proto/common.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS 3000u
#define KILLS 12u
#define FLOODERS 6u
#define SERVICES 64u
#define ANSWER_US 1000000u
#define SETTLE_US 5000000u
#define QUIET_US 100000u
#define NOTIFY_NAME 0u

const char test_name[] = PROGRAM;

static const struct target targets[] = {
    {"rs", PROTO_RS, 48, 0},        {"devman", PROTO_DEVMAN, 4, 0},        {"pm", PROTO_PM, 8, 0},
    {"vfs", PROTO_VFS, 32, 8 * 18}, {"memfs", PROTO_FS, 48, 16 * 18 + 64},
};
#define TARGETS (sizeof(targets) / sizeof(targets[0]))

static struct {
    struct rs_service_info services[SERVICES];
    uint64_t service_count;
    uint64_t frames_free;
    uint32_t processes;
} before;

static unsigned passed, failures;
static uint32_t pools; /* of those that were attacked */

static const struct target *target_find(const char *name)
{
    for (unsigned i = 0; i < TARGETS; i++) {
        if (strcmp(targets[i].name, name) == 0)
            return &targets[i];
    }
    return NULL;
}

/* ---- the judge ---- */

static int services_read(struct rs_service_info *services, uint64_t *count)
{
    handle_t grant;
    struct message message = {0};
    size_t len = SERVICES * sizeof(*services);
    int status = kcall_grant(startup_page()->rs, services, len, GRANT_WRITE, &grant);

    if (status != 0)
        return status;
    message.word[0] = grant;
    message.word[1] = len;
    status = anole_call(startup_page()->rs, RS_LIST, &message, deadline_in_us(ANSWER_US));
    *count = message.word[1];
    (void)kcall_revoke(grant, -1); /* RS makes no DMA */
    return status;
}

static bool fail(const char *attack, const char *what, const char *detail)
{
    printf("FAIL %s: %s: %s\n", attack, what, detail);
    return false;
}

static bool servers_answer(const char *attack)
{
    for (unsigned i = 0; i < TARGETS; i++) {
        struct message message = {0};
        endpoint_t server;
        int status = name_lookup(targets[i].name, &server);

        if (status == 0)
            status = anole_call(server, COMMON_PING, &message, deadline_in_us(ANSWER_US));
        if (status != 0)
            return fail(attack, targets[i].name, anole_error_text(status));
    }
    return true;
}

static bool services_are_the_same(const char *attack)
{
    static struct rs_service_info now[SERVICES];
    uint64_t count = 0;
    int status = services_read(now, &count);

    if (status != 0)
        return fail(attack, "RS gives no list", anole_error_text(status));
    if (count != before.service_count)
        return fail(attack, "services", "not as many as before");
    for (uint64_t i = 0; i < count; i++) {
        if (now[i].endpoint != before.services[i].endpoint)
            return fail(attack, now[i].name, "it has another endpoint than before");
    }
    return true;
}

static bool resources_are_back(const char *attack)
{
    struct system_info system;
    char detail[96];
    uint64_t deadline = deadline_in_us(SETTLE_US);

    do {
        int status = kcall_system_info(&system);
        if (status != 0)
            return fail(attack, "the system's state can't be read", anole_error_text(status));
        if (system.frames_free <= before.frames_free &&
            before.frames_free - system.frames_free <= pools &&
            system.processes == before.processes)
            return true;
        sleep_us(1000);
    } while (ticks_now() < deadline);
    snprintf(detail, sizeof(detail), "expected %lu frames and %u processes, found %lu and %u",
             (unsigned long)before.frames_free, (unsigned)before.processes,
             (unsigned long)system.frames_free, (unsigned)system.processes);
    return fail(attack, "not all is back", detail);
}

static void judge(const char *attack, bool went_well)
{
    bool unharmed = servers_answer(attack) && services_are_the_same(attack) &&
                    resources_are_back(attack);

    if (went_well && unharmed) {
        passed++;
        printf("PASS %s\n", attack);
    } else {
        failures++;
    }
    fflush(stdout);
}

/* ---- attackers ---- */

static bool attacker_start(const char *kind, const char *a, const char *b, const char *c,
                           endpoint_t *attacker)
{
    const char *const argv[] = {PROGRAM, "--attack", kind, a, b, c, NULL};
    int status = program_spawn(argv, false, attacker);

    return status == 0 || fail(kind, "an attacker can't be started", anole_error_text(status));
}

/* It must end by itself, as it was told. */
static bool attacker_end(const char *kind, endpoint_t attacker, enum death_cause expected)
{
    enum death_cause cause = DEATH_NONE;
    uint64_t detail = 0;
    int status = program_wait(attacker, &cause, &detail);

    if (status != 0)
        return fail(kind, "an attacker can't be waited for", anole_error_text(status));
    if (cause != expected)
        return fail(kind, "an attacker died otherwise than expected", death_cause_text(cause));
    return expected != DEATH_EXIT || detail == ATTACK_DONE;
}

static void run_one(const char *kind, const char *argument, enum death_cause expected)
{
    endpoint_t attacker;
    bool well = attacker_start(kind, argument, NULL, NULL, &attacker) &&
                attacker_end(kind, attacker, expected);

    judge(kind, well);
}

static void run_messages(const struct target *target, uint64_t seed, uint64_t requests)
{
    char seed_text[24], count_text[24], name[40];
    endpoint_t attacker;

    snprintf(seed_text, sizeof(seed_text), "%lu", (unsigned long)seed);
    snprintf(count_text, sizeof(count_text), "%lu", (unsigned long)requests);
    snprintf(name, sizeof(name), "messages to %s", target->name);
    bool well = attacker_start("messages", target->name, seed_text, count_text, &attacker) &&
                attacker_end(name, attacker, DEATH_EXIT);
    judge(name, well);
}

/* Attackers that are killed in the midst of it. */
static void run_killed(const struct target *target, uint64_t seed)
{
    struct chance chance = chance_make(seed, target->protocol + 100u);
    char seed_text[24], name[40];
    bool well = true;

    snprintf(name, sizeof(name), "callers of %s that die", target->name);
    for (unsigned i = 0; well && i < KILLS; i++) {
        endpoint_t attacker;
        snprintf(seed_text, sizeof(seed_text), "%lu", (unsigned long)chance_next(&chance));
        well = attacker_start("messages", target->name, seed_text, "1000000", &attacker);
        if (well) {
            sleep_us(chance_below(&chance, 20000));
            well = program_kill(attacker) == 0 && attacker_end(name, attacker, DEATH_KILLED);
        }
    }
    judge(name, well);
}

/* While others have taken all subscriptions that they can get, there is one for us. */
static void run_subscriptions(void)
{
    endpoint_t attackers[FLOODERS], nobody;
    unsigned count = 0;
    bool well = true;

    while (well && count < FLOODERS)
        well = attacker_start("subscriptions", NULL, NULL, NULL, &attackers[count++]);
    sleep_us(50000);
    int status = name_wait("nothing", &nobody, NOTIFY_NAME, deadline_in_us(5000));
    if (status != -ANOLE_ETIMEDOUT)
        well = fail("subscriptions", "there is none left for others", anole_error_text(status));
    for (unsigned i = 0; i < count; i++)
        well = attacker_end("subscriptions", attackers[i], DEATH_EXIT) && well;
    judge("subscriptions", well);
}

static void attack(const struct target *target, uint64_t seed, uint64_t requests)
{
    pools += target->pool;
    run_messages(target, seed, requests);
    run_killed(target, seed);
    if (target->protocol == PROTO_RS) {
        run_subscriptions();
    } else if (target->protocol == PROTO_PM) {
        run_one("spawns", "3", DEATH_EXIT);
        run_one("results", NULL, DEATH_EXIT);
        run_one("held", "ends", DEATH_EXIT);
        run_one("held", "dies", DEATH_BREAKPOINT);
    }
}

/* ---- the command line ---- */

static int attacker_main(int argc, char *argv[])
{
    const char *kind = argc > 2 ? argv[2] : "";
    const struct target *target = argc > 3 ? target_find(argv[3]) : NULL;

    if (strcmp(kind, "messages") == 0 && target && argc == 6)
        return attack_messages(target, strtoul(argv[4], NULL, 10), strtoul(argv[5], NULL, 10));
    if (strcmp(kind, "subscriptions") == 0)
        return attack_subscriptions();
    if (strcmp(kind, "results") == 0)
        return attack_results();
    if (strcmp(kind, "spawns") == 0 && argc == 4)
        return attack_spawns((unsigned)strtoul(argv[3], NULL, 10));
    if (strcmp(kind, "held") == 0 && argc == 4)
        return attack_held(strcmp(argv[3], "dies") == 0);
    if (strcmp(kind, "nap") == 0 && argc == 4)
        return nap((unsigned)strtoul(argv[3], NULL, 10));
    return 2;
}

static int usage(void)
{
    fprintf(stderr, "usage: " PROGRAM " [--seed N] [--requests N] [rs|devman|pm...]\n");
    return 2;
}

static bool number_read(const char *text, uint64_t *number)
{
    char *end;
    *number = strtoul(text, &end, 10);
    return *text != '\0' && *end == '\0';
}

/* What the system has when nothing happens in it: what RS still prepares after boot is there, too. */
static int before_read(void)
{
    struct system_info system = {0};
    uint64_t deadline = deadline_in_us(SETTLE_US);
    /* What this program needs once to start others is its own, and not to be given back. */
    endpoint_t child;
    enum death_cause cause;
    uint64_t detail;
    if (program_spawn((const char *const[]){"sleep", "0", NULL}, false, &child) == 0)
        (void)program_wait(child, &cause, &detail);
    (void)services_settle();
    int status = services_read(before.services, &before.service_count);

    do {
        before.frames_free = system.frames_free;
        sleep_us(QUIET_US);
        if (status == 0)
            status = kcall_system_info(&system);
    } while (status == 0 && system.frames_free != before.frames_free && ticks_now() < deadline);
    if (status != 0) {
        fprintf(stderr, PROGRAM ": the system's state can't be read: %s\n",
                anole_error_text(status));
        return 1;
    }
    before.processes = system.processes;
    return 0;
}

/* One attack is to have pm start this program with arguments that are cut off anywhere. */
static bool is_attackers_child(void)
{
    struct process_info self, parent;

    return kcall_process_info(endpoint_slot(startup_page()->self), &self) == 0 &&
           kcall_process_info(endpoint_slot(self.parent), &parent) == 0 &&
           strcmp(parent.name, PROGRAM) == 0;
}

int main(int argc, char *argv[])
{
    uint64_t seed = 1, requests = REQUESTS;
    int first = 1;

    if (argc > 1 && strcmp(argv[1], "--attack") == 0)
        return attacker_main(argc, argv);
    if (is_attackers_child())
        return 2;
    for (; first + 1 < argc && strncmp(argv[first], "--", 2) == 0; first += 2) {
        uint64_t *number = strcmp(argv[first], "--seed") == 0       ? &seed
                           : strcmp(argv[first], "--requests") == 0 ? &requests
                                                                    : NULL;
        if (!number || !number_read(argv[first + 1], number))
            return usage();
    }
    for (int i = first; i < argc; i++) {
        if (!target_find(argv[i]))
            return usage();
    }
    printf("seed %lu\n", (unsigned long)seed);
    fflush(stdout);
    if (before_read() != 0)
        return 1;
    for (unsigned i = 0; i < TARGETS; i++) {
        bool chosen = first == argc;
        for (int j = first; j < argc; j++)
            chosen |= strcmp(argv[j], targets[i].name) == 0;
        if (chosen)
            attack(&targets[i], seed, requests);
    }
    printf(PROGRAM ": %u passed, %u failed\n", passed, failures);
    return failures == 0 ? 0 : 1;
}
