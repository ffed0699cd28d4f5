/*
 * hexdump DEV OFFSET LEN: shows bytes of a disk or partition, sixteen a line, with their offset and
 * their text. OFFSET and LEN are in bytes, decimal or 0x...; lines that repeat are shown as one "*".
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <libanole/anole.h>
#include <libblk/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 16u
#define CHUNK_BYTES 65536u /* at least the largest logical block */

enum exit_status { EXIT_WELL = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct dump {
    uint8_t last[LINE_BYTES];
    bool have_last;
    bool starred;
};

/* A whole number, decimal or hexadecimal; no sign, no blanks, nothing behind it. */
static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
    errno = 0;
    *number = strtoull(text, &end, base);
    return errno == 0 && *end == '\0';
}

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

static int show(struct blk_client *client, uint64_t offset, uint64_t len)
{
    static uint8_t chunk[CHUNK_BYTES];
    struct dump dump = {0};
    uint32_t block = blk_client_info(client)->logical_block_bytes;
    uint64_t end = offset + len;
    while (offset < end) {
        uint64_t start = offset - offset % block;
        uint64_t bytes = CHUNK_BYTES;
        uint64_t needed = (end - start + block - 1) / block * block;
        if (bytes > needed)
            bytes = needed;
        int error = blk_read(client, start / BLK_SECTOR_SIZE, chunk, bytes);
        if (error)
            return error;
        uint64_t stop = start + bytes < end ? start + bytes : end;
        while (offset < stop) {
            size_t count = stop - offset < LINE_BYTES ? stop - offset : LINE_BYTES;
            dump_line(&dump, offset, chunk + (offset - start), count, offset + count == end);
            offset += count;
        }
    }
    return 0;
}

static int dump_range(struct blk_client *client, const char *device, uint64_t offset, uint64_t len)
{
    uint64_t size = blk_client_info(client)->capacity_sectors * BLK_SECTOR_SIZE;
    if (offset > size || len > size - offset) {
        fprintf(stderr,
                "hexdump: %s: %" PRIu64 " bytes at %" PRIu64 " are beyond its end at %" PRIu64 "\n",
                device, len, offset, size);
        return EXIT_FAILED;
    }
    int error = show(client, offset, len);
    if (error)
        fprintf(stderr, "hexdump: %s: reading: %s\n", device, anole_error_text(error));
    return error ? EXIT_FAILED : EXIT_WELL;
}

static int usage(const char *what, const char *found)
{
    if (what)
        fprintf(stderr, "hexdump: %s: expected a number of bytes, found '%s'\n", what, found);
    fputs("usage: hexdump DEV OFFSET LEN\n", stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    uint64_t offset;
    uint64_t len;
    if (argc != 4)
        return usage(NULL, NULL);
    if (!parse_number(argv[2], &offset))
        return usage("OFFSET", argv[2]);
    if (!parse_number(argv[3], &len))
        return usage("LEN", argv[3]);

    struct blk_client *client;
    const struct blk_client_options options = {.depth = 4, .pool_bytes = PAGE_SIZE};
    int error = blk_open(&client, argv[1], &options);
    if (error == -ANOLE_ENOENT) {
        fprintf(stderr, "hexdump: %s: no such device\n", argv[1]);
        return EXIT_FAILED;
    }
    if (error) {
        fprintf(stderr, "hexdump: %s: opening: %s\n", argv[1], anole_error_text(error));
        return EXIT_FAILED;
    }
    int status = dump_range(client, argv[1], offset, len);
    (void)blk_close(client); /* opened for reading: there is nothing to flush */
    return status;
}
