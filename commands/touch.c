/*
 * touch FILE...: makes files that aren't there, and sets the times of the others to now.
 */
#include "common/arguments.h"
#include "common/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0666);

    if (fd < 0)
        return complain("touch", path);
    bool well = futimens(fd, NULL) == 0 || complain("touch", path);
    close(fd);
    return well;
}

int main(int argc, char *argv[])
{
    bool well = true;

    if (getopt(argc, argv, "") != -1 || optind == argc)
        return print_usage("touch FILE...");
    for (int i = optind; i < argc; i++)
        well = touch(argv[i]) && well;
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
