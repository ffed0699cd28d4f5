/*
 * The load of a disk: a client, through libblk, that always has requests in flight when something is
 * ordered. With --rw it writes new data and reads it again, else it reads what was there at the start.
 */
#include "faulttest.h"

#include <inttypes.h>
#include <libblk/client.h>
#include <stdio.h>
#include <string.h>

#define PIECES 8u
#define PIECE_BYTES 4096u
#define PIECE_SECTORS (PIECE_BYTES / BLK_SECTOR_SIZE)
#define PIECE_WORDS (PIECE_BYTES / sizeof(uint64_t))
#define FIRST_SECTOR 2048u /* behind partition tables */
#define ROUNDS_A_FLUSH 4u
#define TIMEOUT_US 1000000u /* after so long libblk complains about the driver */

/* Each piece has two places in the pool: what is written, and what is read. */
#define TAG_READ 0x100u
#define TAG_FLUSH 0x200u

static struct blk_client *client;
static bool writes;
static uint8_t *pool;
static uint64_t generation; /* of what the pieces hold */
static uint64_t first_sum[PIECES];
static unsigned in_flight;
static bool wrong; /* since the last load_finish() */

static bool complain(const char *what, int status)
{
    printf("FAIL load: %s: %s\n", what, anole_error_text(status));
    return false;
}

/* ---- data ---- */

static uint64_t *written_piece(unsigned piece)
{
    return (uint64_t *)(void *)(pool + (size_t)piece * PIECE_BYTES);
}

static const uint64_t *read_piece(unsigned piece)
{
    return written_piece(PIECES + piece);
}

static uint64_t expected_word(unsigned piece, unsigned index)
{
    uint64_t word = generation * 0x9e3779b97f4a7c15u + (uint64_t)piece * PIECE_WORDS + index;
    return (word ^ word >> 29) * 0xbf58476d1ce4e5b9u;
}

static uint64_t sum_of(const uint64_t *words)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < PIECE_WORDS; i++)
        sum = (sum ^ words[i]) * 0xff51afd7ed558ccdu + i;
    return sum;
}

static void judge_read(unsigned piece)
{
    const uint64_t *words = read_piece(piece);
    if (!writes) {
        if (sum_of(words) != first_sum[piece]) {
            printf("FAIL load: sector %u: not what was there at the start\n",
                   FIRST_SECTOR + piece * PIECE_SECTORS);
            wrong = true;
        }
        return;
    }
    for (unsigned i = 0; i < PIECE_WORDS; i++) {
        if (words[i] != expected_word(piece, i)) {
            printf("FAIL load: piece %u, word %u: expected %#" PRIx64 ", found %#" PRIx64 "\n",
                   piece, i, expected_word(piece, i), words[i]);
            wrong = true;
            return;
        }
    }
}

/* ---- requests ---- */

static void take(const struct blk_completion *completion)
{
    in_flight--;
    if (completion->status != 0) {
        wrong = true;
        complain("a request failed", completion->status);
    } else if (completion->tag & TAG_READ) {
        judge_read(completion->tag % PIECES);
    }
}

static void reap(unsigned min)
{
    struct blk_completion completions[2 * PIECES + 1];
    int count = blk_reap(client, completions, 2 * PIECES + 1, min);
    for (int i = 0; i < count; i++)
        take(&completions[i]);
}

static void submit(enum blk_op op, unsigned piece, uint64_t tag)
{
    struct blk_io io = {
        .op = op,
        .sector = FIRST_SECTOR + piece * PIECE_SECTORS,
        .pool_offset = (size_t)(op == BLK_OP_READ ? PIECES + piece : piece) * PIECE_BYTES,
        .len_bytes = PIECE_BYTES,
        .tag = piece | tag,
    };
    int status = blk_submit(client, &io);
    if (status == 0) {
        in_flight++;
    } else {
        wrong = true;
        complain("a request is refused", status);
    }
}

static bool disk_submit(void)
{
    generation++;
    for (unsigned piece = 0; piece < PIECES && !wrong; piece++) {
        if (writes) {
            for (unsigned i = 0; i < PIECE_WORDS; i++)
                written_piece(piece)[i] = expected_word(piece, i);
            submit(BLK_OP_WRITE, piece, 0);
        }
        memset(written_piece(PIECES + piece), 0, PIECE_BYTES);
        submit(BLK_OP_READ, piece, TAG_READ);
    }
    if (writes && generation % ROUNDS_A_FLUSH == 0)
        submit(BLK_OP_FLUSH, 0, TAG_FLUSH);
    reap(0);
    return !wrong;
}

static bool disk_finish(void)
{
    while (in_flight > 0) {
        unsigned before = in_flight;
        reap(in_flight);
        if (in_flight == before) {
            printf("FAIL load: %u requests are never answered\n", before);
            return false;
        }
    }
    bool right = !wrong;
    wrong = false;
    return right;
}

/* ---- opening ---- */

static bool read_first(void)
{
    for (unsigned piece = 0; piece < PIECES; piece++) {
        uint64_t *words = written_piece(PIECES + piece);
        int status = blk_read(client, FIRST_SECTOR + piece * PIECE_SECTORS, words, PIECE_BYTES);
        if (status != 0)
            return complain("reading the disk", status);
        first_sum[piece] = sum_of(words);
    }
    return true;
}

static enum load_state disk_open(const char name[RS_NAME_LEN], bool write)
{
    const struct blk_client_options wanted = {
        .write = write,
        .pool_bytes = 2 * PIECES * PIECE_BYTES,
        .retain_bytes = 4 * PIECES * PIECE_BYTES,
        .notify_bit = BIT_LOAD,
        .timeout_us = TIMEOUT_US,
    };
    size_t len;
    int status = blk_open(&client, name, &wanted);
    if (status != 0) {
        complain(name, status);
        return LOAD_FAILED;
    }
    if (blk_client_info(client)->capacity_sectors < FIRST_SECTOR + PIECES * PIECE_SECTORS ||
        blk_client_info(client)->logical_block_bytes > PIECE_BYTES) {
        printf("note %s is too small: there is no load\n", name);
        (void)blk_close(client); /* nothing was written */
        return LOAD_NONE;
    }
    writes = write;
    pool = blk_client_pool(client, &len);
    return read_first() ? LOAD_OPEN : LOAD_FAILED;
}

static uint64_t disk_sessions(void)
{
    struct blk_client_stats stats;
    blk_client_stats(client, &stats);
    return stats.epochs;
}

/* Others' sessions are others' disks: a driver has one for each. */
static bool disk_alone(void)
{
    return true;
}

static bool disk_close(void)
{
    int status = blk_close(client);
    return status == 0 || complain("closing", status);
}

const struct load load_disk = {
    .device = "virtio,2@",
    .prefix = "vd",
    .lettered = true,
    .open = disk_open,
    .submit = disk_submit,
    .finish = disk_finish,
    .sessions = disk_sessions,
    .alone = disk_alone,
    .close = disk_close,
};
