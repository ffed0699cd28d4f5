/*
 * hexdump FILE|DEV [OFFSET [LEN]]: shows bytes of a file, or of a disk or partition, sixteen a line,
 * with their offset and their text. OFFSET and LEN are in bytes, decimal or 0x...; lines that repeat are
 * shown as one "*". A name without a slash is a disk's if there is such a disk.
 */
#include "common/arguments.h"
#include "common/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libanole/anole.h>
#include <libblk/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 16u
#define CHUNK_BYTES 65536u /* at least the largest logical block */

/* Where the bytes are. */
struct source {
    const char *name;
    struct blk_client *client; /* NULL: a file */
    int fd;
    uint64_t size;
    uint32_t block; /* positions and lengths of reads are multiples of that */
};

struct dump {
    uint8_t last[LINE_BYTES];
    bool have_last;
    bool starred;
};

static void print_line(uint64_t offset, const uint8_t *bytes, size_t count)
{
    printf("%012" PRIx64 " ", offset);
    for (size_t i = 0; i < LINE_BYTES; i++) {
        if (i % 8 == 0)
            putchar(' ');
        if (i < count)
            printf("%02x ", bytes[i]);
        else
            fputs("   ", stdout);
    }
    fputs(" |", stdout);
    for (size_t i = 0; i < count; i++)
        putchar(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.');
    puts("|");
}

static void dump_line(struct dump *dump, uint64_t offset, const uint8_t *bytes, size_t count,
                      bool last)
{
    bool same = dump->have_last && count == LINE_BYTES && !last &&
                memcmp(dump->last, bytes, LINE_BYTES) == 0;
    if (same) {
        if (!dump->starred)
            puts("*");
        dump->starred = true;
        return;
    }
    print_line(offset, bytes, count);
    dump->starred = false;
    dump->have_last = count == LINE_BYTES;
    memcpy(dump->last, bytes, count);
}

/* The number of bytes read, at most len, 0 at the end; -1 with errno. */
static ssize_t source_read(const struct source *source, uint64_t position, uint8_t *bytes,
                           size_t len)
{
    if (source->client == NULL)
        return pread(source->fd, bytes, len, (off_t)position);
    int error = blk_read(source->client, position / BLK_SECTOR_SIZE, bytes, len);
    errno = error != 0 ? EIO : errno;
    return error != 0 ? -1 : (ssize_t)len;
}

static bool show(const struct source *source, uint64_t offset, uint64_t end)
{
    static uint8_t chunk[CHUNK_BYTES];
    struct dump dump = {0};

    while (offset < end) {
        uint64_t start = offset - offset % source->block;
        uint64_t bytes = (end - start + source->block - 1) / source->block * source->block;
        ssize_t count = source_read(source, start, chunk,
                                    bytes < CHUNK_BYTES ? bytes : CHUNK_BYTES);

        if (count <= 0) {
            errno = count == 0 ? EIO : errno;
            return complain("hexdump", source->name);
        }
        uint64_t stop = start + (uint64_t)count < end ? start + (uint64_t)count : end;
        while (offset < stop) {
            size_t line = stop - offset < LINE_BYTES ? stop - offset : LINE_BYTES;
            dump_line(&dump, offset, chunk + (offset - start), line, offset + line == end);
            offset += line;
        }
    }
    return true;
}

static bool dump_range(const struct source *source, uint64_t offset, uint64_t len, bool all)
{
    uint64_t left = offset <= source->size ? source->size - offset : 0;

    if (offset > source->size || (!all && len > left)) {
        fprintf(stderr,
                "hexdump: %s: %" PRIu64 " bytes at %" PRIu64 " are beyond its end at %" PRIu64 "\n",
                source->name, len, offset, source->size);
        return false;
    }
    return show(source, offset, offset + (all ? left : len));
}

static bool open_file(struct source *source)
{
    struct stat status;

    source->fd = open(source->name, O_RDONLY);
    if (source->fd < 0 && errno == ENOENT && strchr(source->name, '/') == NULL)
        return complain_text("hexdump", source->name, "no such file or device");
    if (source->fd < 0 || fstat(source->fd, &status) != 0)
        return complain("hexdump", source->name);
    if (S_ISDIR(status.st_mode))
        return complain_text("hexdump", source->name, strerror(EISDIR));
    source->size = (uint64_t)status.st_size;
    source->block = 1;
    return true;
}

static bool open_source(struct source *source)
{
    const struct blk_client_options options = {.depth = 4, .pool_bytes = PAGE_SIZE};

    if (strchr(source->name, '/') != NULL)
        return open_file(source);
    int error = blk_open(&source->client, source->name, &options);
    if (error == -ANOLE_ENOENT) {
        source->client = NULL;
        return open_file(source);
    }
    if (error != 0)
        return complain_text("hexdump", source->name, anole_error_text(error));
    source->size = blk_client_info(source->client)->capacity_sectors * BLK_SECTOR_SIZE;
    source->block = blk_client_info(source->client)->logical_block_bytes;
    return true;
}

static int usage(const char *what, const char *found)
{
    if (what)
        fprintf(stderr, "hexdump: %s: expected a number of bytes, found '%s'\n", what, found);
    return print_usage("hexdump FILE|DEV [OFFSET [LEN]]");
}

int main(int argc, char **argv)
{
    uint64_t offset = 0, len = 0;

    if (argc < 2 || argc > 4 || getopt(argc, argv, "") != -1)
        return usage(NULL, NULL);
    if (argc > 2 && !parse_number(argv[2], UINT64_MAX, &offset))
        return usage("OFFSET", argv[2]);
    if (argc > 3 && !parse_number(argv[3], UINT64_MAX, &len))
        return usage("LEN", argv[3]);

    struct source source = {.name = argv[1], .fd = -1};
    bool well = open_source(&source) && dump_range(&source, offset, len, argc < 4);
    if (source.client != NULL)
        (void)blk_close(source.client); /* opened for reading: there is nothing to flush */
    if (source.fd >= 0)
        close(source.fd);
    return finish_output("hexdump", well ? EXIT_SUCCESS : EXIT_FAILURE);
}
