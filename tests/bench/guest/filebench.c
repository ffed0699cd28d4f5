/*
 * filebench DIRECTORY DISK PART...: what files cost on a disk that is mounted there. Next to each rate
 * stand the kernel's and the driver's exact counts for an operation.
 *
 *   write   64 MiB in pieces of 4 KiB, 64 KiB and 1 MiB, and fsync
 *   read    the same files; if the disk was mounted since, the first time is from a cold cache
 *   random  4 KiB here and there in one of them
 *   names   create, stat and unlink of 10,000 files
 *   remove  the files
 */
#include <errno.h>
#include <fcntl.h>
#include <libanole/anole.h>
#include <libbench/bench.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES (64ul << 20)
#define PIECE_MAX (1ul << 20)
#define RANDOM_BYTES 4096ul
#define RANDOM_COUNT 4096u
#define NAMES 10000u

static const size_t pieces[] = {4096, 65536, PIECE_MAX};
#define PIECES (sizeof(pieces) / sizeof(pieces[0]))

static const char *directory, *disk;
static uint8_t buffer[PIECE_MAX];

struct sample {
    uint64_t start_ticks;
    struct counters counters;
    struct blk_stats stats;
};

static _Noreturn void fail(const char *what, const char *path)
{
    fprintf(stderr, "filebench: %s %s: %s\n", what, path, strerror(errno));
    exit(EXIT_FAILURE);
}

static void begin(struct sample *sample)
{
    bench_disk_stats(disk, &sample->stats);
    bench_counters(&sample->counters);
    sample->start_ticks = ticks_now();
}

/* bytes: moved in all, 0 if that means nothing. */
static void end(const struct sample *before, const char *title, uint64_t operations, uint64_t bytes)
{
    uint64_t ns = bench_ns(ticks_now() - before->start_ticks) + 1;
    struct sample after;
    char columns[3][24];

    bench_counters(&after.counters);
    bench_disk_stats(disk, &after.stats);
    uint64_t requests = after.stats.reads + after.stats.writes + after.stats.flushes -
                        before->stats.reads - before->stats.writes - before->stats.flushes;
    printf("%-34s %8lu/s", title, (unsigned long)(operations * 1000000000ul / ns));
    if (bytes > 0)
        printf(" %6lu MB/s", (unsigned long)(bytes * 1000 / ns));
    else
        printf(" %11s", "");
    printf(" %8s switches %8s kicks %8s requests %10lu bytes copied\n",
           bench_per_op(columns[0], 24,
                        after.counters.space_switches - before->counters.space_switches,
                        operations),
           bench_per_op(columns[1], 24, after.stats.kicks - before->stats.kicks, operations),
           bench_per_op(columns[2], 24, requests, operations),
           (unsigned long)((after.counters.copied_bytes - before->counters.copied_bytes) /
                           operations));
    fflush(stdout);
}

static const char *file_path(size_t piece)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/filebench-%zu", directory, piece);
    return path;
}

static const char *name_path(unsigned number)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/filebench-names/%u", directory, number);
    return path;
}

static int must_open(const char *path, int flags)
{
    int fd = open(path, flags, 0644);

    if (fd < 0)
        fail("opening", path);
    return fd;
}

static const char *piece_title(const char *what, size_t piece, const char *when)
{
    static char title[64];

    snprintf(title, sizeof(title), "%s, %zu KiB at a time%s", what, piece / 1024, when);
    return title;
}

static void run_write(void)
{
    struct sample sample;

    memset(buffer, 0x5a, sizeof(buffer));
    for (unsigned i = 0; i < PIECES; i++) {
        const char *path = file_path(pieces[i]);
        int fd = must_open(path, O_WRONLY | O_CREAT | O_TRUNC);

        begin(&sample);
        for (uint64_t at = 0; at < FILE_BYTES; at += pieces[i]) {
            if (write(fd, buffer, pieces[i]) != (ssize_t)pieces[i])
                fail("writing", path);
        }
        if (fsync(fd) != 0)
            fail("syncing", path);
        end(&sample, piece_title("write", pieces[i], ""), FILE_BYTES / pieces[i], FILE_BYTES);
        close(fd);
    }
}

static void read_once(size_t piece, const char *when)
{
    const char *path = file_path(piece);
    int fd = must_open(path, O_RDONLY);
    struct sample sample;

    begin(&sample);
    for (uint64_t at = 0; at < FILE_BYTES; at += piece) {
        if (read(fd, buffer, piece) != (ssize_t)piece)
            fail("reading", path);
    }
    end(&sample, piece_title("read", piece, when), FILE_BYTES / piece, FILE_BYTES);
    close(fd);
}

static void run_read(void)
{
    for (unsigned i = 0; i < PIECES; i++) {
        read_once(pieces[i], ", first");
        read_once(pieces[i], ", again");
    }
}

static off_t random_position(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (off_t)(*state % (FILE_BYTES / RANDOM_BYTES) * RANDOM_BYTES);
}

static void run_random(void)
{
    const char *path = file_path(pieces[0]);
    int fd = must_open(path, O_RDWR);
    uint64_t state = 0x9e3779b97f4a7c15ul;
    struct sample sample;

    begin(&sample);
    for (unsigned i = 0; i < RANDOM_COUNT; i++) {
        if (pread(fd, buffer, RANDOM_BYTES, random_position(&state)) != (ssize_t)RANDOM_BYTES)
            fail("reading", path);
    }
    end(&sample, "read at random, 4 KiB", RANDOM_COUNT, RANDOM_COUNT * RANDOM_BYTES);
    begin(&sample);
    for (unsigned i = 0; i < RANDOM_COUNT; i++) {
        if (pwrite(fd, buffer, RANDOM_BYTES, random_position(&state)) != (ssize_t)RANDOM_BYTES)
            fail("writing", path);
    }
    if (fsync(fd) != 0)
        fail("syncing", path);
    end(&sample, "write at random, 4 KiB, and fsync", RANDOM_COUNT, RANDOM_COUNT * RANDOM_BYTES);
    close(fd);
}

static void run_names(void)
{
    char path[256];
    struct sample sample;
    struct stat status;

    snprintf(path, sizeof(path), "%s/filebench-names", directory);
    if (mkdir(path, 0755) != 0)
        fail("making", path);
    begin(&sample);
    for (unsigned i = 0; i < NAMES; i++)
        close(must_open(name_path(i), O_WRONLY | O_CREAT | O_EXCL));
    end(&sample, "create and close", NAMES, 0);
    begin(&sample);
    for (unsigned i = 0; i < NAMES; i++) {
        if (stat(name_path(i), &status) != 0)
            fail("asking about", name_path(i));
    }
    end(&sample, "stat", NAMES, 0);
    begin(&sample);
    for (unsigned i = 0; i < NAMES; i++) {
        if (unlink(name_path(i)) != 0)
            fail("removing", name_path(i));
    }
    end(&sample, "unlink", NAMES, 0);
    if (rmdir(path) != 0)
        fail("removing", path);
}

static void run_remove(void)
{
    for (unsigned i = 0; i < PIECES; i++) {
        if (unlink(file_path(pieces[i])) != 0)
            fail("removing", file_path(pieces[i]));
    }
}

static const struct part {
    const char *name;
    void (*run)(void);
} parts[] = {{"write", run_write},
             {"read", run_read},
             {"random", run_random},
             {"names", run_names},
             {"remove", run_remove}};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static const struct part *find_part(const char *name)
{
    for (unsigned i = 0; i < PARTS; i++) {
        if (strcmp(parts[i].name, name) == 0)
            return &parts[i];
    }
    return NULL;
}

int main(int argc, char *argv[])
{
    bool known = argc > 3;

    for (int i = 3; i < argc; i++)
        known = known && find_part(argv[i]) != NULL;
    if (!known) {
        fprintf(stderr, "usage: filebench DIRECTORY DISK write|read|random|names|remove...\n");
        return 2;
    }
    directory = argv[1];
    disk = argv[2];
    for (int i = 3; i < argc; i++)
        find_part(argv[i])->run();
    return 0;
}
