/*
 * Names: a storm of them in deep and in wide directories, long ones, and all that are allowed.
 */
#include "fstest.h"

#include "chance.h"

#include "../../commands/common/copy.h"
#include "../../commands/common/files.h"
#include "../../commands/common/names.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRIDE 1999u /* a prime */
#define DEEP_LEVELS 60u
#define DEEP_FILES 8u
#define NAME_LONGEST 255u

static char *place(const struct fstest *test, const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/fstest-%s-%" PRIu64, test->directory, name, test->seed);
    return path_join("", path);
}

/* Makes a file with that text in it. */
static bool put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    bool well = fd >= 0 && write_all(fd, text, strlen(text));

    if (fd >= 0 && close(fd) != 0)
        well = false;
    return well;
}

/* Whether the file holds that text and no more. */
static bool holds(const char *path, const char *text)
{
    char found[512];
    int fd = open(path, O_RDONLY);
    ssize_t count = fd >= 0 ? read(fd, found, sizeof(found)) : -1;

    if (fd >= 0)
        close(fd);
    return count == (ssize_t)strlen(text) && memcmp(found, text, (size_t)count) == 0;
}

static bool has_names(const char *directory, size_t count)
{
    struct names names;

    if (!names_read(&names, directory))
        return false;
    bool well = names.count == count;
    names_free(&names);
    return well;
}

/* How many files there are in one directory: no multiple of the stride, by which all are visited. */
static unsigned wide_files(const struct fstest *test)
{
    unsigned files = test->operations / 3 + 1;

    return files % STRIDE != 0 ? files : files + 1;
}

/* Every third file goes, the others get other names; what is left is as it was made. */
static bool storm_wide(const struct fstest *test, const char *directory)
{
    struct chance chance = chance_make(test->seed, 1);
    unsigned left = 0, files = wide_files(test);
    char path[512], other[512], text[32];

    for (unsigned i = 0; i < files; i++) {
        snprintf(path, sizeof(path), "%s/file-%u", directory, i);
        snprintf(text, sizeof(text), "%u", i);
        if (!put(path, text))
            return group_failed("storm", "%s can't be made", path);
    }
    for (unsigned n = 0; n < files; n++) {
        /* In an order of its own. */
        unsigned i = (unsigned)(((uint64_t)n * STRIDE + test->seed % 7) % files);
        snprintf(path, sizeof(path), "%s/file-%u", directory, i);
        snprintf(other, sizeof(other), "%s/%0*u", directory, 10 + (int)(i % 200), i);
        if (i % 3 == 0 ? unlink(path) != 0 : rename(path, other) != 0)
            return group_failed("storm", "%s can't be removed or renamed", path);
        left += i % 3 != 0;
    }
    if (!has_names(directory, left))
        return group_failed("storm", "%s has not the %u names that are left", directory, left);
    for (unsigned n = 0; n < files / 4; n++) {
        unsigned i = (unsigned)chance_below(&chance, files);
        snprintf(other, sizeof(other), "%s/%0*u", directory, 10 + (int)(i % 200), i);
        snprintf(text, sizeof(text), "%u", i);
        if (i % 3 == 0 ? access(other, F_OK) == 0 : !holds(other, text))
            return group_failed("storm", "%s is not as it was made", other);
    }
    return true;
}

/* A tower of directories with files on each level, moved as a whole into another place. */
static bool storm_deep(const char *directory)
{
    char *path = path_join(directory, "tower"), file[32];

    for (unsigned level = 0; path != NULL && level < DEEP_LEVELS; level++) {
        if (mkdir(path, 0755) != 0) {
            free(path);
            return group_failed("storm", "level %u can't be made", level);
        }
        for (unsigned i = 0; i < DEEP_FILES; i++) {
            snprintf(file, sizeof(file), "%u", i);
            char *whole = path_join(path, file);
            bool well = whole != NULL && put(whole, file);
            free(whole);
            if (!well) {
                free(path);
                return group_failed("storm", "level %u, file %u can't be made", level, i);
            }
        }
        char *below = path_join(path, "down");
        free(path);
        path = below;
    }
    if (path == NULL)
        return group_failed("storm", "no memory");
    /* The last one was never made. */
    bool well = access(path, F_OK) != 0;
    free(path);
    return well;
}

static bool storm_move(const char *directory)
{
    char from[512], to[512], whole[4096];
    size_t len;

    snprintf(from, sizeof(from), "%s/tower", directory);
    snprintf(to, sizeof(to), "%s/yard", directory);
    if (mkdir(to, 0755) != 0)
        return group_failed("storm", "%s can't be made", to);
    snprintf(to, sizeof(to), "%s/yard/moved", directory);
    if (rename(from, to) != 0)
        return group_failed("storm", "the tower can't be moved");
    len = (size_t)snprintf(whole, sizeof(whole), "%s", to);
    for (unsigned level = 0; level < DEEP_LEVELS; level++) {
        snprintf(whole + len, sizeof(whole) - len, "/%u", level % DEEP_FILES);
        char text[8];
        snprintf(text, sizeof(text), "%u", level % DEEP_FILES);
        if (!holds(whole, text))
            return group_failed("storm", "after the move, level %u is not as it was", level);
        len += (size_t)snprintf(whole + len, sizeof(whole) - len, "/down");
    }
    return true;
}

bool group_storm(const struct fstest *test)
{
    char *directory = place(test, "storm");
    bool well = directory != NULL &&
                (mkdir(directory, 0755) == 0 || group_failed("storm", "mkdir"));

    if (well)
        well = storm_wide(test, directory) && storm_deep(directory) && storm_move(directory);
    if (directory != NULL)
        well = remove_tree("fstest", directory) && well;
    free(directory);
    if (well)
        printf("storm: ok: %u files in one directory, %u directories deep\n", wide_files(test),
               DEEP_LEVELS);
    return well;
}

static bool refused(const char *path, int error)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0644);

    if (fd >= 0)
        close(fd);
    return fd < 0 && errno == error;
}

/* A name of each byte, and names of each length up to the longest. */
static bool names_put(const char *directory, unsigned *made)
{
    char name[NAME_LONGEST + 2];

    for (unsigned i = 1; i <= NAME_LONGEST + 255u; i++) {
        bool is_byte = i > NAME_LONGEST;
        if (is_byte && i - NAME_LONGEST == '/')
            continue;
        if (is_byte)
            snprintf(name, sizeof(name), "byte%c", (int)(i - NAME_LONGEST));
        else
            snprintf(name, sizeof(name), "%0*u", (int)i, 0u);
        char *path = path_join(directory, name);
        bool well = path != NULL && put(path, name) && holds(path, name);
        free(path);
        if (!well)
            return group_failed("names", "name number %u", i);
        (*made)++;
    }
    return true;
}

static bool names_check(const char *directory, unsigned made)
{
    struct names names;
    bool well = names_read(&names, directory);

    if (!well)
        return group_failed("names", "the directory can't be listed");
    for (size_t i = 0; i < names.count && well; i++) {
        char *path = path_join(directory, names.list[i]);
        well = path != NULL && holds(path, names.list[i]);
        free(path);
    }
    if (names.count != made)
        well = group_failed("names", "%zu names, expected %u", names.count, made);
    else if (!well)
        group_failed("names", "a name leads to another's file");
    names_free(&names);
    return well;
}

bool group_names(const struct fstest *test)
{
    char *directory = place(test, "names"), longest[NAME_LONGEST + 2];
    unsigned made = 0;
    bool well = directory != NULL &&
                (mkdir(directory, 0755) == 0 || group_failed("names", "mkdir"));

    well = well && names_put(directory, &made) && names_check(directory, made);
    if (well) {
        memset(longest, 'x', NAME_LONGEST + 1);
        longest[NAME_LONGEST + 1] = '\0';
        char *path = path_join(directory, longest);
        if (path == NULL || !refused(path, ENAMETOOLONG))
            well = group_failed("names", "256 bytes are not refused");
        free(path);
    }
    if (directory != NULL)
        well = remove_tree("fstest", directory) && well;
    free(directory);
    if (well)
        printf("names: ok: %u names, of every byte and of every length\n", made);
    return well;
}
