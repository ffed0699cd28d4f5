/*
 * ipctest [GROUP...]: tests the system calls and the kernel calls of ordinary processes: right and
 * wrong uses, each error, deadlines, deaths, doorbells, memory, rights, threads.
 *
 * Without arguments it runs every group in a process of its own and adds the results up. Exit
 * status: 0 if nothing failed.
 */
#include "ipctest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_SKIPPED 77
#define FAILURES_SHOWN 20u

static const struct group groups[] = {
    {"messages", group_messages},
    {"destinations", group_destinations},
    {"deadlines", group_deadlines},
    {"replies", group_replies},
    {"order", group_order},
    {"deadlock", group_deadlock},
    {"server-death", group_server_death},
    {"client-death", group_client_death},
    {"watch", group_watch},
    {"endpoints", group_endpoints},
    {"doorbells", group_doorbells},
    {"masks", group_masks},
    {"fairness", group_fairness},
    {"alarms", group_alarms},
    {"map", group_map},
    {"regions", group_regions},
    {"region-peers", group_region_peers},
    {"grants", group_grants},
    {"copies", group_copies},
    {"batches", group_batches},
    {"rights", group_rights},
    {"information", group_information},
    {"counters", group_counters},
    {"log", group_log},
    {"addresses", group_addresses},
    {"threads", group_threads},
    {"harts", group_harts},
    {"load", group_load},
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static const char *group_name; /* the one that this process runs */
static unsigned checks, failures;

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

/* Runs the group in another process. Its exit status, or 1 with a line if it died otherwise. */
static int run_apart(const struct group *group)
{
    const char *const argv[] = {"ipctest", "--here", group->name, NULL};
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

static const struct group *find_group(const char *name)
{
    for (unsigned i = 0; i < GROUPS; i++) {
        if (strcmp(groups[i].name, name) == 0)
            return &groups[i];
    }
    return NULL;
}

static int usage(void)
{
    fprintf(stderr, "usage: ipctest [GROUP...]\ngroups:");
    for (unsigned i = 0; i < GROUPS; i++)
        fprintf(stderr, " %s", groups[i].name);
    fprintf(stderr, "\n");
    return 2;
}

static bool chosen(int argc, char *argv[], const struct group *group)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], group->name) == 0)
            return true;
    }
    return argc == 1;
}

int main(int argc, char *argv[])
{
    unsigned passed = 0, failed = 0, skipped = 0;

    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return child_main(argv[2]);
    if (argc == 3 && strcmp(argv[1], "--here") == 0) {
        const struct group *group = find_group(argv[2]);
        return group != NULL ? run_here(group) : usage();
    }
    for (int i = 1; i < argc; i++) {
        if (find_group(argv[i]) == NULL) {
            fprintf(stderr, "ipctest: no such group: %s\n", argv[i]);
            return usage();
        }
    }
    for (unsigned i = 0; i < GROUPS; i++) {
        if (!chosen(argc, argv, &groups[i]))
            continue;
        int status = run_apart(&groups[i]);
        if (status == 0)
            passed++;
        else if (status == EXIT_SKIPPED)
            skipped++;
        else
            failed++;
    }
    printf("ipctest: %u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed == 0 ? 0 : 1;
}
