/*
 * rm [-r] [-f] PATH...: removes files; -r directories with all that is in them; -f nothing is said of
 * what isn't there.
 */
#include "common/arguments.h"
#include "common/copy.h"
#include "common/files.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <stdlib.h>
#include <unistd.h>

static bool is_dot(const char *path)
{
    size_t len;
    const char *last = path_last(path, &len);

    return (len == 1 && (last[0] == '.' || last[0] == '/')) ||
           (len == 2 && memcmp(last, "..", 2) == 0);
}

static bool remove_path(const char *path, bool trees, bool force)
{
    struct stat status;

    if (is_dot(path))
        return complain_text("rm", path, "is not removed");
    if (lstat(path, &status) != 0)
        return (force && errno == ENOENT) || complain("rm", path);
    if (S_ISDIR(status.st_mode))
        return trees ? remove_tree("rm", path)
                     : complain_text("rm", path, "is a directory (-r removes it)");
    return unlink(path) == 0 || complain("rm", path);
}

int main(int argc, char *argv[])
{
    bool trees = false, force = false, well = true;
    int option;

    while ((option = getopt(argc, argv, "rf")) != -1) {
        if (option == '?')
            return print_usage("rm [-r] [-f] PATH...");
        trees = trees || option == 'r';
        force = force || option == 'f';
    }
    if (optind == argc && !force)
        return print_usage("rm [-r] [-f] PATH...");
    for (int i = optind; i < argc; i++)
        well = remove_path(argv[i], trees, force) && well;
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
