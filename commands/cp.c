/*
 * cp [-r] [-p] SOURCE... TARGET: copies files; -r directories, too, and links as links; -p keeps modes
 * and times. Shows how far it is on a console.
 */
#include "common/arguments.h"
#include "common/copy.h"
#include "common/files.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
    struct copy copy = {.program = "cp"};
    bool well = true;
    int option;

    while ((option = getopt(argc, argv, "rp")) != -1) {
        if (option == '?')
            return print_usage("cp [-r] [-p] SOURCE... TARGET");
        copy.trees = copy.trees || option == 'r';
        copy.keep = copy.keep || option == 'p';
    }
    if (argc - optind < 2)
        return print_usage("cp [-r] [-p] SOURCE... TARGET");
    const char *last = argv[argc - 1];
    if (argc - optind > 2 && !is_directory(last)) {
        complain_text("cp", last, "is no directory, and there are several sources");
        return EXIT_FAILURE;
    }
    for (int i = optind; i < argc - 1; i++) {
        char *target = path_into(last, argv[i]);

        well = (target != NULL ? copy_path(&copy, argv[i], target) : complain("cp", last)) && well;
        free(target);
    }
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
