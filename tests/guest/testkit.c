/*
 * testkit: checks, and running groups of them.
 */
#include "testkit.h"

#include <librs/rs_client.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_SKIPPED 77
#define FAILURES_SHOWN 20u
#define WAIT_US 500ul
#define QUIET_US 20000u /* memory that is the same for so long is at rest */

static const struct test_program *kit;
static const char *group_name; /* the one that this process runs */
static unsigned checks, failures;

const char *test_subject;

bool check(bool ok, int line, const char *format, ...)
{
    checks++;
    if (ok)
        return true;
    if (++failures <= FAILURES_SHOWN) {
        va_list arguments;

        printf("FAIL %s, line %d: ", group_name, line);
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        printf("\n");
    }
    return false;
}

static const char *status_name(int status)
{
    return status < 0 ? anole_error_name(status) : status == 0 ? "0" : "a positive number";
}

bool check_status(int found, int expected, int line, const char *what)
{
    return check(found == expected, line, "%s: expected %s, found %s (%d)", what,
                 status_name(expected), status_name(found), found);
}

void skip(const char *format, ...)
{
    va_list arguments;

    printf("SKIP %s: ", group_name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    exit(failures == 0 ? EXIT_SKIPPED : 1);
}

static int run_here(const struct group *group)
{
    group_name = group->name;
    group->run();
    if (failures == 0)
        printf("PASS %s (%u checks)\n", group->name, checks);
    else
        printf("FAIL %s (%u of %u checks)\n", group->name, failures, checks);
    return failures == 0 ? 0 : 1;
}

uint64_t frames_in_reach(void)
{
    struct system_info system = {0};
    struct process_info process = {0};

    EXPECT(kcall_system_info(&system), 0);
    EXPECT(kcall_process_info(endpoint_slot(startup_page()->self), &process), 0);
    return system.frames_free + process.frames;
}

void memory_settle(void)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US), before;

    (void)services_settle();
    do {
        before = frames_in_reach();
        sleep_us(QUIET_US);
    } while (frames_in_reach() != before && ticks_now() < deadline);
}

bool frames_are_back(uint64_t expected)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);

    while (frames_in_reach() != expected) {
        if (ticks_now() > deadline)
            return false;
        sleep_us(WAIT_US);
    }
    return true;
}

/* Runs the group in another process. Its exit status, or 1 with a line if it died otherwise. */
static int run_process(const struct group *group)
{
    const char *const argv[] = {test_name, "--here", group->name, test_subject, NULL};
    enum death_cause cause = DEATH_NONE;
    uint64_t detail = 0;
    endpoint_t program;
    int status;

    fflush(stdout);
    status = program_spawn(argv, false, &program);
    if (status == 0)
        status = program_wait(program, &cause, &detail);
    if (status != 0) {
        printf("FAIL %s: can't be run: %s\n", group->name, anole_error_text(status));
        return 1;
    }
    if (cause != DEATH_EXIT) {
        printf("FAIL %s: died: %s (0x%lx)\n", group->name, death_cause_text(cause),
               (unsigned long)detail);
        return 1;
    }
    return (int)(detail & 0xff);
}

static int run_apart(const struct group *group)
{
    uint64_t before = frames_in_reach();
    int status = run_process(group);

    if (kit->counts_frames && !frames_are_back(before)) {
        printf("FAIL %s: %ld frames are missing\n", group->name,
               (long)(before - frames_in_reach()));
        return 1;
    }
    return status;
}

static const struct group *find_group(const char *name)
{
    for (unsigned i = 0; i < kit->group_count; i++) {
        if (strcmp(kit->groups[i].name, name) == 0)
            return &kit->groups[i];
    }
    return NULL;
}

static int usage(void)
{
    const char *subject = kit->subject_name;
    fprintf(stderr, "usage: %s%s%s [GROUP...]\ngroups:", test_name, subject != NULL ? " " : "",
            subject != NULL ? subject : "");
    for (unsigned i = 0; i < kit->group_count; i++)
        fprintf(stderr, " %s", kit->groups[i].name);
    fprintf(stderr, "\n");
    return 2;
}

static bool chosen(int argc, char *argv[], const struct group *group)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], group->name) == 0)
            return true;
    }
    return argc == 1 && group < kit->groups + kit->group_count - kit->named_only;
}

int test_main(const struct test_program *program, int argc, char *argv[])
{
    unsigned passed = 0, failed = 0, skipped = 0;

    kit = program;
    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return child_main(argv[2]);
    if (argc == 3 + (kit->subject_name != NULL) && strcmp(argv[1], "--here") == 0) {
        test_subject = argv[3]; /* NULL without one */
        const struct group *group = find_group(argv[2]);
        return group != NULL ? run_here(group) : usage();
    }
    if (kit->subject_name != NULL) {
        if (argc < 2)
            return usage();
        test_subject = argv[1];
        argc--;
        argv++;
    }
    for (int i = 1; i < argc; i++) {
        if (find_group(argv[i]) == NULL) {
            fprintf(stderr, "%s: no such group: %s\n", test_name, argv[i]);
            return usage();
        }
    }
    memory_settle();
    for (unsigned i = 0; i < kit->group_count; i++) {
        if (!chosen(argc, argv, &kit->groups[i]))
            continue;
        int status = run_apart(&kit->groups[i]);
        if (status == 0)
            passed++;
        else if (status == EXIT_SKIPPED)
            skipped++;
        else
            failed++;
    }
    printf("%s: %u passed, %u failed, %u skipped\n", test_name, passed, failed, skipped);
    return failed == 0 ? 0 : 1;
}
