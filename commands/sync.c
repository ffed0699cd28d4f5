/*
 * sync [FILE...]: waits until all that was written is durable, or what was written to these files.
 */
#include "common/arguments.h"
#include "common/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static bool sync_file(const char *path)
{
    int fd = open(path, O_RDONLY);

    if (fd < 0)
        return complain("sync", path);
    bool well = fsync(fd) == 0 || complain("sync", path);
    close(fd);
    return well;
}

int main(int argc, char *argv[])
{
    bool well = true;

    if (getopt(argc, argv, "") != -1)
        return print_usage("sync [FILE...]");
    if (optind == argc)
        sync();
    for (int i = optind; i < argc; i++)
        well = sync_file(argv[i]) && well;
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
