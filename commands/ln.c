/*
 * ln [-s] TARGET NAME: another name for a file; -s a symbolic link. If NAME is a directory, the link is
 * made in it.
 */
#include "common/arguments.h"
#include "common/files.h"

#include <stdlib.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
    bool symbolic = false;
    int option;

    while ((option = getopt(argc, argv, "s")) != -1) {
        if (option == '?')
            return print_usage("ln [-s] TARGET NAME");
        symbolic = true;
    }
    if (argc - optind != 2)
        return print_usage("ln [-s] TARGET NAME");
    const char *target = argv[optind];
    char *name = path_into(argv[optind + 1], target);
    bool well = name != NULL && (symbolic ? symlink(target, name) : link(target, name)) == 0;
    if (!well)
        complain("ln", name != NULL ? name : argv[optind + 1]);
    free(name);
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
