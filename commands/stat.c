/*
 * stat PATH...: all that is known of a file; a symbolic link is not followed.
 */
#include "common/arguments.h"
#include "common/files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *type_text(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "directory";
    case S_IFLNK:
        return "symbolic link";
    case S_IFCHR:
        return "character device";
    case S_IFBLK:
        return "block device";
    case S_IFIFO:
        return "pipe";
    case S_IFSOCK:
        return "socket";
    default:
        return "unknown";
    }
}

static void print_time(const char *title, const struct timespec *when)
{
    char text[40];
    struct tm parts;
    const time_t seconds = when->tv_sec;

    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts) == 0)
        printf("  %-9s %" PRId64 " s since 1970\n", title, (int64_t)when->tv_sec);
    else
        printf("  %-9s %s.%09lu UTC\n", title, text, (unsigned long)when->tv_nsec);
}

static bool show(const char *path)
{
    struct stat status;

    if (lstat(path, &status) != 0)
        return complain("stat", path);
    printf("%s: %s\n", path, type_text(status.st_mode));
    printf("  %-9s %" PRIu64 " bytes in %" PRIu64 " blocks of 512\n", "size",
           (uint64_t)status.st_size, (uint64_t)status.st_blocks);
    printf("  %-9s %04o\n", "mode", (unsigned)(status.st_mode & 07777u));
    printf("  %-9s %u, group %u\n", "owner", (unsigned)status.st_uid, (unsigned)status.st_gid);
    printf("  %-9s %" PRIu64 " on mount %" PRIu64 ", names %" PRIu64 "\n", "node",
           (uint64_t)status.st_ino, (uint64_t)status.st_dev, (uint64_t)status.st_nlink);
    print_time("accessed", &status.st_atim);
    print_time("modified", &status.st_mtim);
    print_time("changed", &status.st_ctim);
    return true;
}

int main(int argc, char *argv[])
{
    bool well = true;

    if (getopt(argc, argv, "") != -1 || optind == argc)
        return print_usage("stat PATH...");
    for (int i = optind; i < argc; i++)
        well = show(argv[i]) && well;
    return finish_output("stat", well ? EXIT_SUCCESS : EXIT_FAILURE);
}
