/*
 * truncate -s BYTES FILE...: makes files that long; what is added reads as zeroes and takes no room.
 */
#include "common/arguments.h"
#include "common/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static bool set_size(const char *path, uint64_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0666);

    if (fd < 0)
        return complain("truncate", path);
    bool well = ftruncate(fd, (off_t)size) == 0 || complain("truncate", path);
    close(fd);
    return well;
}

int main(int argc, char *argv[])
{
    uint64_t size = 0;
    bool well = true, given = false;
    int option;

    while ((option = getopt(argc, argv, "s:")) != -1) {
        given = option == 's' && parse_number(optarg, INT64_MAX, &size);
        if (!given)
            break;
    }
    if (!given || optind == argc)
        return print_usage("truncate -s BYTES FILE...");
    for (int i = optind; i < argc; i++)
        well = set_size(argv[i], size) && well;
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
