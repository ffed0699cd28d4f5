/*
 * Files that are synced, and a journal of that on the same disk, for tests/powercut: whoever cuts the
 * power looks at the journal afterwards, and each file it names must be as it says.
 *
 *   keep NAME SIZE SHA256   NAME was synced, and is not touched until `drop NAME`
 *   drop NAME               from here on nothing is said of NAME
 *
 * A line is padded to a sector of its own, so that it can be found in what went to the disk; it is
 * synced before the next one is written. Nothing is removed in the end.
 */
#include "fstest.h"

#include "chance.h"
#include "fstest_operation.h"

#include "../../commands/common/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libsha256/sha256.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE 512u
#define FILES 24u
#define DIRECTORIES 4u

struct promises {
    const struct fstest *test;
    struct chance chance;
    int journal;
    unsigned lines;
    bool kept[FILES];
    uint8_t bytes[OPERATION_DATA_MAX];
};

static void name_of(unsigned file, char name[32])
{
    snprintf(name, 32, "d%u/file-%u", file % DIRECTORIES, file);
}

static void path_of(const struct promises *promises, const char *name, char path[300])
{
    snprintf(path, 300, "%s/promises/%s", promises->test->directory, name);
}

static bool note(struct promises *promises, const char *text)
{
    char line[LINE];

    memset(line, ' ', sizeof(line));
    int len = snprintf(line, sizeof(line), "promise %u %s", promises->lines++, text);
    line[len] = ' ';
    line[LINE - 1] = '\n';
    return (write_all(promises->journal, line, sizeof(line)) && fsync(promises->journal) == 0) ||
           group_failed("promises", "the journal");
}

static bool drop(struct promises *promises, unsigned file)
{
    char name[32], text[64];

    if (!promises->kept[file])
        return true;
    promises->kept[file] = false;
    name_of(file, name);
    snprintf(text, sizeof(text), "drop %s", name);
    return note(promises, text);
}

/* Reads the file back for its digest: what is promised is what a program sees. */
static bool keep(struct promises *promises, unsigned file, int fd)
{
    char name[32], text[160], hex[SHA256_TEXT];
    struct sha256 sha;
    uint64_t size = 0;
    ssize_t count;

    sha256_begin(&sha);
    while ((count = pread(fd, promises->bytes, sizeof(promises->bytes), (off_t)size)) > 0) {
        sha256_add(&sha, promises->bytes, (size_t)count);
        size += (uint64_t)count;
    }
    sha256_end(&sha, hex);
    if (count < 0 || fsync(fd) != 0)
        return group_failed("promises", "read or fsync");
    name_of(file, name);
    snprintf(text, sizeof(text), "keep %s %" PRIu64 " %s", name, size, hex);
    promises->kept[file] = true;
    return note(promises, text);
}

/* Writes somewhere in the file, or makes it longer or shorter. */
static bool change(struct promises *promises, int fd)
{
    uint64_t position = chance_below(&promises->chance, 100000);
    size_t len = (size_t)chance_below(&promises->chance, 60000);

    if (chance_one_in(&promises->chance, 4) && ftruncate(fd, (off_t)position) != 0)
        return group_failed("promises", "truncate");
    operation_bytes(chance_next(&promises->chance), promises->bytes, len);
    return pwrite(fd, promises->bytes, len, (off_t)position) == (ssize_t)len ||
           group_failed("promises", "write");
}

static bool step(struct promises *promises)
{
    unsigned file = (unsigned)chance_below(&promises->chance, FILES);
    unsigned other = (unsigned)chance_below(&promises->chance, FILES);
    char name[32], path[300], target[300];

    if (!drop(promises, file))
        return false;
    name_of(file, name);
    path_of(promises, name, path);
    if (chance_one_in(&promises->chance, 6))
        return unlink(path) == 0 || errno == ENOENT || group_failed("promises", "unlink");
    int fd = open(path, O_RDWR | O_CREAT, 0644);
    if (fd < 0)
        return group_failed("promises", "open");
    bool well = change(promises, fd);
    if (well && other != file && chance_one_in(&promises->chance, 4)) {
        well = drop(promises, other);
        name_of(other, name);
        path_of(promises, name, target);
        well = well && (rename(path, target) == 0 || group_failed("promises", "rename"));
        file = other;
    }
    /* What isn't synced may come or not. */
    if (well && !chance_one_in(&promises->chance, 4))
        well = keep(promises, file, fd);
    return (close(fd) == 0 || group_failed("promises", "close")) && well;
}

static bool prepare(struct promises *promises)
{
    char name[32], path[300];

    snprintf(path, sizeof(path), "%s/promises", promises->test->directory);
    if (mkdir(path, 0755) != 0)
        return group_failed("promises", "mkdir %s", path);
    for (unsigned i = 0; i < DIRECTORIES; i++) {
        snprintf(name, sizeof(name), "d%u", i);
        path_of(promises, name, path);
        if (mkdir(path, 0755) != 0)
            return group_failed("promises", "mkdir %s", path);
    }
    path_of(promises, "journal", path);
    promises->journal = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    return promises->journal >= 0 || group_failed("promises", "open %s", path);
}

bool group_promises(const struct fstest *test)
{
    static struct promises promises;
    bool well;

    promises = (struct promises){.test = test, .chance = chance_make(test->seed, 2), .journal = -1};
    well = prepare(&promises);
    for (uint32_t i = 0; i < test->operations && well; i++)
        well = step(&promises);
    if (promises.journal >= 0 && close(promises.journal) != 0)
        well = group_failed("promises", "close");
    if (well)
        printf("promises: ok: %u lines in the journal\n", promises.lines);
    return well;
}
