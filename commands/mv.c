/*
 * mv SOURCE... TARGET: renames; across mounts it copies and then removes the source.
 */
#include "common/arguments.h"
#include "common/copy.h"
#include "common/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool move(const char *source, const char *target)
{
    const struct copy copy = {.program = "mv", .trees = true, .keep = true};

    if (rename(source, target) == 0)
        return true;
    if (errno == EINVAL)
        return complain_text("mv", source, "a directory can't be moved into itself");
    if (errno != EXDEV)
        return complain("mv", source);
    return copy_path(&copy, source, target) && remove_tree("mv", source);
}

int main(int argc, char *argv[])
{
    bool well = true;

    if (getopt(argc, argv, "") != -1 || argc - optind < 2)
        return print_usage("mv SOURCE... TARGET");
    const char *last = argv[argc - 1];
    if (argc - optind > 2 && !is_directory(last)) {
        complain_text("mv", last, "is no directory, and there are several sources");
        return EXIT_FAILURE;
    }
    for (int i = optind; i < argc - 1; i++) {
        char *target = path_into(last, argv[i]);

        well = (target != NULL ? move(argv[i], target) : complain("mv", last)) && well;
        free(target);
    }
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
