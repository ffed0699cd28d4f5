/*
 * The load: a client of a disk, through libblk, that always has requests in flight when something is
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

static struct blk_client *client; /* NULL: no load */
static bool writes, victims;
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

bool load_submit(void)
{
    if (!client)
        return true;
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

bool load_finish(void)
{
    if (!client)
        return true;
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

bool load_round(void)
{
    return load_submit() && load_finish();
}

/* ---- opening ---- */

/* The disk that the process publishes, or else the first there is; whether there is one. */
static bool look_for_disk(endpoint_t process, char name[4])
{
    endpoint_t endpoint;
    bool found = false;
    victims = false;
    for (char letter = 'z'; letter >= 'a' && !victims; letter--) {
        char candidate[4] = {'v', 'd', letter};
        if (name_lookup(candidate, &endpoint) != 0)
            continue;
        victims = endpoint == process;
        memcpy(name, candidate, sizeof candidate);
        found = true;
    }
    return found;
}

/* A disk's driver is up before it has published the disk's name: that is waited for. */
static bool find_disk(const char *service, char name[4])
{
    struct rs_service_info info;
    uint64_t until = deadline_in_us(TIMEOUT_US);
    if (service_settle(service, &info) != 0)
        return false;
    bool drives_disk = strncmp(info.device, "virtio,2@", 9) == 0;
    bool found = look_for_disk(info.endpoint, name);
    while (drives_disk && !victims && ticks_now() < until) {
        sleep_us(1000);
        found = look_for_disk(info.endpoint, name);
    }
    return found;
}

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

bool load_open(const char *service, bool write)
{
    const struct blk_client_options wanted = {
        .write = write,
        .pool_bytes = 2 * PIECES * PIECE_BYTES,
        .retain_bytes = 4 * PIECES * PIECE_BYTES,
        .notify_bit = BIT_LIBBLK,
        .timeout_us = TIMEOUT_US,
    };
    char name[4];
    size_t len;
    if (!find_disk(service, name)) {
        printf("note no disk: there is no load\n");
        return true;
    }
    int status = blk_open(&client, name, &wanted);
    if (status != 0)
        return complain(name, status);
    if (blk_client_info(client)->capacity_sectors < FIRST_SECTOR + PIECES * PIECE_SECTORS ||
        blk_client_info(client)->logical_block_bytes > PIECE_BYTES) {
        printf("note %s is too small: there is no load\n", name);
        (void)blk_close(client); /* nothing was written */
        client = NULL;
        return true;
    }
    writes = write;
    pool = blk_client_pool(client, &len);
    return read_first();
}

bool load_is_victims(void)
{
    return client && victims;
}

bool load_writes(void)
{
    return client && writes;
}

uint64_t load_sessions(void)
{
    struct blk_client_stats stats = {0};
    if (client)
        blk_client_stats(client, &stats);
    return stats.epochs;
}

bool load_close(void)
{
    int status = client ? blk_close(client) : 0;
    client = NULL;
    return status == 0 || complain("closing", status);
}
