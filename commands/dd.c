/*
 * dd [if=FILE] [of=FILE] [bs=N] [count=N] [skip=N] [seek=N] [conv=notrunc,fsync]
 *    [status=none|progress]: copies count blocks of bs bytes (512) from block skip of one file to
 * block seek of another, or until the first ends. Numbers may end in k, M or G. Without conv=notrunc
 * the output ends where the copy began, as elsewhere.
 */
#include "common/arguments.h"
#include "common/files.h"
#include "common/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_BLOCK 512u
#define BLOCK_MAX (64u << 20)
#define USAGE                                                                                      \
    "dd [if=FILE] [of=FILE] [bs=N] [count=N] [skip=N] [seek=N] [conv=notrunc,fsync] "              \
    "[status=none|progress]"

struct job {
    const char *input, *output; /* NULL: the standard streams */
    uint64_t block, count, skip, seek;
    bool keep_rest, sync, quiet;
    int from, to;
    uint64_t whole_in, partial_in, whole_out, partial_out, bytes;
};

/* A number with a unit; 0 to INT64_MAX. */
static bool parse_size(const char *text, uint64_t *value)
{
    static const char units[] = "kMG";
    size_t len = strlen(text);
    const char *unit = len > 0 ? strchr(units, text[len - 1]) : NULL;
    unsigned shift = unit != NULL ? 10u * (unsigned)(unit - units + 1) : 0;
    char digits[24];

    if (len >= sizeof(digits))
        return false;
    memcpy(digits, text, len + 1);
    if (unit != NULL)
        digits[len - 1] = '\0';
    if (!parse_number(digits, INT64_MAX >> shift, value))
        return false;
    *value <<= shift;
    return true;
}

static bool parse_conversions(struct job *job, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, ",");

        if (len == 7 && memcmp(text, "notrunc", len) == 0)
            job->keep_rest = true;
        else if (len == 5 && memcmp(text, "fsync", len) == 0)
            job->sync = true;
        else
            return false;
        text += len;
        text += *text == ',';
    }
    return true;
}

static bool parse_operand(struct job *job, const char *operand)
{
    const struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {{"bs=", &job->block},
                   {"count=", &job->count},
                   {"skip=", &job->skip},
                   {"seek=", &job->seek}};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        size_t len = strlen(numbers[i].name);
        if (strncmp(operand, numbers[i].name, len) == 0)
            return parse_size(operand + len, numbers[i].value);
    }
    if (strncmp(operand, "if=", 3) == 0)
        job->input = operand + 3;
    else if (strncmp(operand, "of=", 3) == 0)
        job->output = operand + 3;
    else if (strncmp(operand, "conv=", 5) == 0)
        return parse_conversions(job, operand + 5);
    else if (strcmp(operand, "status=none") == 0)
        job->quiet = true;
    else
        return strcmp(operand, "status=progress") == 0; /* which is so on a console anyway */
    return true;
}

static bool open_files(struct job *job)
{
    job->from = job->input != NULL ? open(job->input, O_RDONLY) : STDIN_FILENO;
    if (job->from < 0)
        return complain("dd", job->input);
    job->to = job->output != NULL ? open(job->output, O_WRONLY | O_CREAT, 0666) : STDOUT_FILENO;
    return job->to >= 0 || complain("dd", job->output);
}

/* Reads until the block is full or the input ends. < 0: an error. */
static ssize_t read_block(int fd, uint8_t *block, size_t len)
{
    size_t have = 0;

    while (have < len) {
        ssize_t count = read(fd, block + have, len - have);

        if (count < 0)
            return count;
        if (count == 0)
            break;
        have += (size_t)count;
    }
    return (ssize_t)have;
}

/* Puts both files where the copy begins. Standard input that can't be moved is read so far. */
static bool position(struct job *job, uint8_t *block)
{
    uint64_t start = job->seek * job->block;

    if (job->skip > 0 && lseek(job->from, (off_t)(job->skip * job->block), SEEK_SET) < 0) {
        if (errno != ESPIPE)
            return complain("dd", job->input != NULL ? job->input : "standard input");
        for (uint64_t i = 0; i < job->skip; i++) {
            ssize_t count = read_block(job->from, block, job->block);
            if (count <= 0)
                return count == 0 || complain("dd", "standard input");
        }
    }
    if (job->output == NULL && start == 0)
        return true;
    /* A device can't be shortened, and need not be. */
    if (!job->keep_rest && ftruncate(job->to, (off_t)start) != 0 && errno != EINVAL)
        return complain("dd", job->output != NULL ? job->output : "standard output");
    return lseek(job->to, (off_t)start, SEEK_SET) >= 0 ||
           complain("dd", job->output != NULL ? job->output : "standard output");
}

static bool copy(struct job *job, uint8_t *block, struct progress *progress)
{
    for (uint64_t i = 0; i < job->count; i++) {
        ssize_t count = read_block(job->from, block, job->block);

        if (count < 0)
            return complain("dd", job->input != NULL ? job->input : "standard input");
        if (count == 0)
            return true;
        bool whole = (uint64_t)count == job->block;
        job->whole_in += whole;
        job->partial_in += !whole;
        if (!write_all(job->to, block, (size_t)count))
            return complain("dd", job->output != NULL ? job->output : "standard output");
        job->whole_out += whole;
        job->partial_out += !whole;
        job->bytes += (uint64_t)count;
        progress_add(progress, (uint64_t)count);
    }
    return true;
}

static void report(const struct job *job, int64_t ms)
{
    char size[16], rate[16];

    fprintf(stderr,
            "%" PRIu64 "+%" PRIu64 " blocks in, %" PRIu64 "+%" PRIu64 " out; %" PRIu64
            " bytes (%s) in %" PRId64 ".%03u s, %s/s\n",
            job->whole_in, job->partial_in, job->whole_out, job->partial_out, job->bytes,
            bytes_text(size, job->bytes), ms / 1000, (unsigned)(ms % 1000),
            bytes_text(rate, bytes_rate(job->bytes, ms)));
}

static bool run(struct job *job, uint8_t *block)
{
    const char *name = job->output != NULL ? job->output : "standard output";
    struct progress progress;

    progress_begin(&progress, "dd",
                   job->count <= INT64_MAX / job->block ? job->count * job->block : 0);
    bool well = open_files(job) && position(job, block) && copy(job, block, &progress);
    if (well && job->sync && fsync(job->to) != 0)
        well = complain("dd", name);
    /* What was written may be refused as late as now. */
    if (job->output != NULL && job->to >= 0 && close(job->to) != 0)
        well = complain("dd", name);
    progress_end(&progress);
    int64_t now_ms = clock_ms();
    if (!job->quiet)
        report(job, now_ms > progress.started_ms ? now_ms - progress.started_ms : 0);
    return well;
}

int main(int argc, char *argv[])
{
    struct job job = {.block = DEFAULT_BLOCK, .count = UINT64_MAX, .from = -1, .to = -1};

    for (int i = 1; i < argc; i++) {
        if (!parse_operand(&job, argv[i])) {
            complain_text("dd", argv[i], "not understood");
            return print_usage(USAGE);
        }
    }
    if (job.block == 0 || job.block > BLOCK_MAX || job.skip > INT64_MAX / job.block ||
        job.seek > INT64_MAX / job.block) {
        complain_text("dd", "bs", "1 byte to 64 MiB, and positions up to 8 EiB");
        return EXIT_USAGE;
    }
    uint8_t *block = malloc(job.block);
    if (block == NULL) {
        complain_text("dd", "bs", strerror(ENOMEM));
        return EXIT_FAILURE;
    }
    bool well = run(&job, block);
    free(block);
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
