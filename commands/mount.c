/*
 * mount [-r] [-t TYPE] SOURCE DIRECTORY: mounts a disk's file system; -r read-only. Without arguments:
 * what is mounted.
 */
#include "common/arguments.h"
#include "common/files.h"
#include "common/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define USAGE "mount [-r] [-t TYPE] SOURCE DIRECTORY"

static int list(void)
{
    struct mounts mounts;

    if (!mounts_read(&mounts)) {
        complain("mount", "the list of mounts");
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < mounts.count; i++) {
        const struct mount_entry *entry = &mounts.list[i];

        printf("%s on %s type %s (%s)\n", entry->source[0] != '\0' ? entry->source : entry->type,
               entry->path, entry->type, entry->read_only ? "ro" : "rw");
    }
    mounts_free(&mounts);
    return finish_output("mount", EXIT_SUCCESS);
}

/* What is wrong with which of the words. */
static int refused(const char *source, const char *directory, const char *type)
{
    int error = errno;
    struct stat status;

    if (stat(directory, &status) != 0)
        complain("mount", directory);
    else if (!S_ISDIR(status.st_mode))
        complain_text("mount", directory, strerror(ENOTDIR));
    else if (error == ENODEV && type != NULL)
        complain_text("mount", type, "no such type of file systems");
    else if (error == EINVAL)
        complain_text("mount", source, "no file system that can be mounted (the log may say why)");
    else
        complain_text("mount", source, strerror(error));
    return EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
    const char *type = NULL;
    unsigned long flags = 0;
    int option;

    if (argc == 1)
        return list();
    while ((option = getopt(argc, argv, "rt:")) != -1) {
        if (option == '?')
            return print_usage(USAGE);
        flags |= option == 'r' ? MS_RDONLY : 0;
        type = option == 't' ? optarg : type;
    }
    if (argc - optind != 2)
        return print_usage(USAGE);
    if (mount(argv[optind], argv[optind + 1], type, flags, NULL) == 0)
        return EXIT_SUCCESS;
    return refused(argv[optind], argv[optind + 1], type);
}
