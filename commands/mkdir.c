/*
 * mkdir [-p] DIRECTORY...: makes directories; -p those above it, too, and none that is there is wrong.
 */
#include "common/arguments.h"
#include "common/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0777u

/* path is changed and restored meanwhile. */
static bool make_all(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool well = mkdir(path, MODE) == 0 || is_directory(path) || complain("mkdir", path);
        *slash = '/';
        if (!well)
            return false;
    }
    return mkdir(path, MODE) == 0 || (errno == EEXIST && is_directory(path)) ||
           complain("mkdir", path);
}

int main(int argc, char *argv[])
{
    bool all = false, well = true;
    int option;

    while ((option = getopt(argc, argv, "p")) != -1) {
        if (option == '?')
            return print_usage("mkdir [-p] DIRECTORY...");
        all = true;
    }
    if (optind == argc)
        return print_usage("mkdir [-p] DIRECTORY...");
    for (int i = optind; i < argc; i++) {
        if (argv[i][0] != '\0' && all)
            well = make_all(argv[i]) && well;
        else
            well = (mkdir(argv[i], MODE) == 0 || complain("mkdir", argv[i])) && well;
    }
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
