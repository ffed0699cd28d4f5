/*
 * cat [FILE...]: writes files one after another; "-" or none: standard input.
 */
#include "common/arguments.h"
#include "common/files.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* It would never end. */
static bool is_output(int fd)
{
    struct stat from, to;

    return fstat(fd, &from) == 0 && fstat(STDOUT_FILENO, &to) == 0 && S_ISREG(from.st_mode) &&
           from.st_size > 0 && is_same_file(&from, &to);
}

static bool copy_out(int fd, const char *name)
{
    static uint8_t buffer[COPY_BYTES];
    ssize_t count;

    if (is_output(fd))
        return complain_text("cat", name, "is where the output goes");
    while ((count = read(fd, buffer, sizeof(buffer))) > 0) {
        if (!write_all(STDOUT_FILENO, buffer, (size_t)count))
            return complain("cat", "standard output");
    }
    return count == 0 || complain("cat", name);
}

static bool cat(const char *name)
{
    if (strcmp(name, "-") == 0)
        return copy_out(STDIN_FILENO, "standard input");
    int fd = open(name, O_RDONLY);
    if (fd < 0)
        return complain("cat", name);
    bool well = copy_out(fd, name);
    close(fd);
    return well;
}

int main(int argc, char *argv[])
{
    bool well = true;

    if (getopt(argc, argv, "") != -1)
        return print_usage("cat [FILE...]");
    if (optind == argc)
        return cat("-") ? EXIT_SUCCESS : EXIT_FAILURE;
    for (int i = optind; i < argc; i++)
        well = cat(argv[i]) && well;
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
