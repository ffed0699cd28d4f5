/*
 * ls [-l] [-a] [PATH...]: the names in directories; -l with type and mode, links, owner, group, size
 * and time (UTC); -a those that begin with a dot, too. Bytes that could disturb a console are shown as
 * "?" there.
 */
#include "common/arguments.h"
#include "common/files.h"
#include "common/names.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MODE_TEXT 11
#define TIME_TEXT 20

struct listing {
    bool is_long, all, to_console;
};

static char type_letter(mode_t mode)
{
    static const struct {
        mode_t type;
        char letter;
    } types[] = {{S_IFDIR, 'd'}, {S_IFLNK, 'l'}, {S_IFCHR, 'c'},
                 {S_IFBLK, 'b'}, {S_IFIFO, 'p'}, {S_IFSOCK, 's'}};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if ((mode & S_IFMT) == types[i].type)
            return types[i].letter;
    }
    return '-';
}

static void mode_text(char text[MODE_TEXT], mode_t mode)
{
    text[0] = type_letter(mode);
    for (unsigned i = 0; i < 9; i++)
        text[1 + i] = (mode & 0400u >> i) != 0 ? "rwx"[i % 3] : '-';
    if ((mode & S_ISUID) != 0)
        text[3] = (mode & S_IXUSR) != 0 ? 's' : 'S';
    if ((mode & S_ISGID) != 0)
        text[6] = (mode & S_IXGRP) != 0 ? 's' : 'S';
    if ((mode & S_ISVTX) != 0)
        text[9] = (mode & S_IXOTH) != 0 ? 't' : 'T';
    text[10] = '\0';
}

static void print_name(const struct listing *listing, const char *name)
{
    for (; *name != '\0'; name++)
        putchar(listing->to_console && iscntrl((unsigned char)*name) ? '?' : *name);
}

static void print_target(const struct listing *listing, const char *path, const struct stat *status)
{
    size_t size = (size_t)status->st_size + 1;
    char *target = malloc(size);
    ssize_t len = target != NULL ? readlink(path, target, size) : -1;

    if (len >= 0 && (size_t)len < size) {
        target[len] = '\0';
        fputs(" -> ", stdout);
        print_name(listing, target);
    }
    free(target);
}

static bool print_entry(const struct listing *listing, const char *path, const char *name)
{
    char mode[MODE_TEXT], when[TIME_TEXT] = "?";
    struct stat status;
    struct tm parts;

    if (listing->is_long) {
        if (lstat(path, &status) != 0)
            return complain("ls", path);
        mode_text(mode, status.st_mode);
        const time_t modified = status.st_mtime;
        if (gmtime_r(&modified, &parts) != NULL)
            strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &parts);
        printf("%s %3lu %4u %4u %10" PRIu64 " %s ", mode, (unsigned long)status.st_nlink,
               (unsigned)status.st_uid, (unsigned)status.st_gid, (uint64_t)status.st_size, when);
    }
    print_name(listing, name);
    if (listing->is_long && S_ISLNK(status.st_mode))
        print_target(listing, path, &status);
    putchar('\n');
    return true;
}

static bool list_directory(const struct listing *listing, const char *directory)
{
    struct names names;
    bool well = true;

    if (!names_read(&names, directory))
        return complain("ls", directory);
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.list[i];
        if (name[0] == '.' && !listing->all)
            continue;
        char *path = path_join(directory, name);
        well = (path != NULL ? print_entry(listing, path, name) : complain("ls", name)) && well;
        free(path);
    }
    names_free(&names);
    return well;
}

/* A link to a directory is followed, but not with -l. */
static bool is_listed(const struct listing *listing, const char *path)
{
    struct stat status;

    return (listing->is_long ? lstat(path, &status) : stat(path, &status)) == 0 &&
           S_ISDIR(status.st_mode);
}

static bool list(const struct listing *listing, const char *path, bool titled)
{
    struct stat status;

    if (is_listed(listing, path) || path[strlen(path) - (*path != '\0')] == '/') {
        if (titled)
            printf("%s:\n", path);
        return list_directory(listing, path);
    }
    if (lstat(path, &status) != 0)
        return complain("ls", path);
    return print_entry(listing, path, path);
}

int main(int argc, char *argv[])
{
    struct listing listing = {.to_console = isatty(STDOUT_FILENO) != 0};
    bool well = true;
    int option;

    while ((option = getopt(argc, argv, "la")) != -1) {
        if (option == '?')
            return print_usage("ls [-l] [-a] [PATH...]");
        listing.is_long = listing.is_long || option == 'l';
        listing.all = listing.all || option == 'a';
    }
    if (optind == argc)
        well = list(&listing, ".", false);
    for (int i = optind; i < argc; i++)
        well = list(&listing, argv[i], argc - optind > 1) && well;
    return finish_output("ls", well ? EXIT_SUCCESS : EXIT_FAILURE);
}
