/*
 * umount DIRECTORY...: ends mounts; all that was written is durable then.
 */
#include "common/arguments.h"
#include "common/files.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

static bool end(const char *path)
{
    if (umount(path) == 0)
        return true;
    return errno == EINVAL ? complain_text("umount", path, "is not mounted")
                           : complain("umount", path);
}

int main(int argc, char *argv[])
{
    bool well = true;

    if (getopt(argc, argv, "") != -1 || optind == argc)
        return print_usage("umount DIRECTORY...");
    for (int i = optind; i < argc; i++)
        well = end(argv[i]) && well;
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
