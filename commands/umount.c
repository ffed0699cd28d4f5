/*
 * umount DIRECTORY...: ends mounts; all that was written is durable then.
 */
#include "common/arguments.h"
#include "common/files.h"

#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
    bool well = true;

    if (getopt(argc, argv, "") != -1 || optind == argc)
        return print_usage("umount DIRECTORY...");
    for (int i = optind; i < argc; i++)
        well = (umount(argv[i]) == 0 || complain("umount", argv[i])) && well;
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
