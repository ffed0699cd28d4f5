/*
 * fstest [--dir DIR] [--seed N] [--ops N] [--big] [--shrink] [--only N,N-N...] [--workers N]
 *        [GROUP...]: tests a file system by what programs can do with it. It is an ordinary program:
 * the same sources run on the build machine against that one's file systems.
 *
 *   random    operations by seed, byte for byte against a model in memory; without a group, this
 *   storm     thousands of create, rename, unlink in deep and in wide directories
 *   holes     holes, and files beyond 4 GiB
 *   names     names of 255 bytes and of every byte value
 *   full      a full disk        inodes    a disk without inodes: both want a small disk
 *   shared    several programs at once on the same files
 *   promises  files that are synced, and a journal of that, for tests/powercut
 *   raw       requests by message, right and wrong ones, once and again (not on the build machine)
 *
 * When an operation of `random` goes wrong, --shrink leaves out what it can until few are left that
 * still go wrong, and shows them; --only runs them again.
 */
#include "fstest.h"

#include "../../commands/common/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE                                                                                      \
    "fstest [--dir DIR] [--seed N] [--ops N] [--big] [--shrink] [--only N,N-N...] "                \
    "[--workers N] [GROUP...]"

static const struct group {
    const char *name;
    bool (*run)(const struct fstest *test);
} groups[] = {
    {"random", group_random}, {"storm", group_storm},       {"holes", group_holes},
    {"names", group_names},   {"full", group_full},         {"inodes", group_inodes},
    {"shared", group_shared}, {"promises", group_promises},
#ifdef __riscv
    {"raw", group_raw},
#endif
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

bool group_failed(const char *group, const char *format, ...)
{
    const char *error = strerror(errno);
    va_list arguments;

    printf("%s: FAILED: ", group);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf(" (last error: %s)\n", error);
    return false;
}

static const struct group *find_group(const char *name)
{
    for (size_t i = 0; i < GROUPS; i++) {
        if (strcmp(groups[i].name, name) == 0)
            return &groups[i];
    }
    return NULL;
}

static bool parse_options(int argc, char *argv[], struct fstest *test, int *worker)
{
    static const struct option options[] = {
        {"dir", required_argument, NULL, 'd'},
        {"seed", required_argument, NULL, 's'},
        {"ops", required_argument, NULL, 'n'},
        {"only", required_argument, NULL, 'o'},
        {"workers", required_argument, NULL, 'w'},
        {"worker", required_argument, NULL, 'W'},
        {"big", no_argument, NULL, 'b'},
        {"shrink", no_argument, NULL, 'k'},
        {NULL, 0, NULL, 0},
    };
    uint64_t number = 0;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (strchr("snwW", option) != NULL &&
            !parse_number(optarg, option == 's' ? UINT64_MAX : UINT32_MAX / 2, &number))
            return false;
        if (option == 'd')
            test->directory = optarg;
        else if (option == 's')
            test->seed = number;
        else if (option == 'n')
            test->operations = (uint32_t)number;
        else if (option == 'w')
            test->workers = (unsigned)number;
        else if (option == 'W')
            *worker = (int)number;
        else if (option == 'o')
            test->only = optarg;
        else if (option == 'b')
            test->big = true;
        else if (option == 'k')
            test->shrink = true;
        else
            return false;
    }
    return test->workers > 0;
}

int main(int argc, char *argv[])
{
    struct fstest test = {
        .directory = "/mnt", .seed = 1, .operations = 10000, .workers = 4, .program = argv[0]};
    bool well = true;
    int worker = -1;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!parse_options(argc, argv, &test, &worker))
        return print_usage(USAGE);
    for (int i = optind; i < argc; i++) {
        if (find_group(argv[i]) == NULL) {
            fprintf(stderr, "fstest: no group is called '%s'\n", argv[i]);
            return print_usage(USAGE);
        }
    }
    if (worker >= 0)
        return shared_worker(&test, (unsigned)worker) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (optind == argc)
        well = group_random(&test);
    for (int i = optind; i < argc; i++)
        well = find_group(argv[i])->run(&test) && well;
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
