/*
 * writebench DISK SERVICE [--mib N] [--kill-every-ms N] [--rounds N]: writes that much to the disk and
 * flushes, several times in peace and several times while another thread has the driver killed again
 * and again; prints both rates side by side. A bench of what deaths cost a client, so both kinds of
 * rounds alternate. The second half of the disk is overwritten.
 */

#include <libanole/anole.h>
#include <libbench/bench.h>
#include <libblk/client.h>
#include <librs/rs_client.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT_BLK 4 /* first of libblk's two own bits */
#define DEPTH 8u
#define PIECE_BYTES 131072u
#define STACK_BYTES 16384u
#define ROUNDS_MAX 100u
#define SPELL_US 1000000ul /* one round goes on for so long, however fast the disk is */
#define PAUSE_US 1000u

static struct {
    const char *disk, *service;
    uint64_t mib, kill_every_ms, rounds;
} options = {.mib = 64, .kill_every_ms = 100, .rounds = 5};

/* What one round came to. */
struct round {
    uint64_t bytes, us;
};

static atomic_bool killing, killer_ends, killer_ended;
static atomic_uint kills;

static void must(int status, const char *what)
{
    if (status == 0)
        return;
    fprintf(stderr, "writebench: %s: %s\n", what, anole_error_text(status));
    exit(1);
}

/* ---- the thread that kills ---- */

static void kill_again_and_again(void *unused)
{
    uint64_t next = 0;

    (void)unused;
    while (!killer_ends) {
        if (!killing) {
            next = 0;
            sleep_us(PAUSE_US);
            continue;
        }
        if (next == 0)
            next = deadline_in_us(options.kill_every_ms * 1000);
        sleep_until(next);
        next += ticks_from_us(options.kill_every_ms * 1000);
        /* One that is on its way back already has died by an earlier order. */
        if (killing && rs_control(options.service, RS_KILL) == 0)
            kills++;
    }
    killer_ended = true;
}

/* ---- writing ---- */

/* The whole stretch once, and a flush. */
static void write_pass(struct blk_client *client, uint64_t first_sector, uint64_t bytes)
{
    uint32_t free_slots[DEPTH], free_count = DEPTH;
    struct blk_completion completions[DEPTH];
    uint64_t submitted = 0, completed = 0;

    for (uint32_t i = 0; i < DEPTH; i++)
        free_slots[i] = i;
    while (completed < bytes) {
        while (free_count > 0 && submitted < bytes) {
            uint32_t slot = free_slots[--free_count];
            struct blk_io io = {
                .op = BLK_OP_WRITE,
                .sector = first_sector + submitted / BLK_SECTOR_SIZE,
                .pool_offset = (size_t)slot * PIECE_BYTES,
                .len_bytes = PIECE_BYTES,
                .tag = slot,
            };
            must(blk_submit(client, &io), "submit");
            submitted += PIECE_BYTES;
        }
        int count = blk_reap(client, completions, DEPTH, 1);
        must(count < 0 ? count : 0, "reap");
        for (int i = 0; i < count; i++) {
            must(completions[i].status, "write");
            free_slots[free_count++] = (uint32_t)completions[i].tag;
            completed += PIECE_BYTES;
        }
    }
    must(blk_flush(client), "flush");
}

static void run_round(struct blk_client *client, struct round *round)
{
    const struct blk_info *info = blk_client_info(client);
    uint64_t bytes = options.mib << 20, room = info->capacity_sectors / 2 * BLK_SECTOR_SIZE;
    uint64_t start = ticks_now(), end = deadline_in_us(SPELL_US);

    if (bytes > room || info->max_request_bytes < PIECE_BYTES) {
        fprintf(stderr,
                "writebench: %s: expected a disk of at least %lu MiB and requests of %u KiB\n",
                options.disk, (unsigned long)options.mib * 2, PIECE_BYTES / 1024);
        exit(1);
    }
    *round = (struct round){0};
    do {
        write_pass(client, (info->capacity_sectors - bytes / BLK_SECTOR_SIZE) & ~7ul, bytes);
        round->bytes += bytes;
    } while (ticks_now() < end);
    round->us = ticks_to_us(ticks_now() - start);
}

static uint64_t rate(const struct round *round)
{
    return round->us == 0 ? 0 : round->bytes / round->us; /* bytes a microsecond: MB/s */
}

/* ---- the command line ---- */

static bool parse_option(const char *name, const char *text)
{
    char *end;
    uint64_t value = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value == 0)
        return false;
    if (strcmp(name, "--mib") == 0 && value <= 1024)
        options.mib = value;
    else if (strcmp(name, "--kill-every-ms") == 0 && value <= 60000)
        options.kill_every_ms = value;
    else if (strcmp(name, "--rounds") == 0 && value <= ROUNDS_MAX)
        options.rounds = value;
    else
        return false;
    return true;
}

static bool parse_options(int argc, char *argv[])
{
    if (argc < 3 || argc % 2 != 1)
        return false;
    options.disk = argv[1];
    options.service = argv[2];
    for (int i = 3; i < argc; i += 2) {
        if (!parse_option(argv[i], argv[i + 1]))
            return false;
    }
    return true;
}

static void print_result(uint64_t peace, uint64_t war, const struct blk_client_stats *stats)
{
    printf("%lu MiB written and flushed, medians of %lu rounds of at least %lu s\n",
           (unsigned long)options.mib, (unsigned long)options.rounds, SPELL_US / 1000000);
    printf("%-32s %8lu MB/s\n", "in peace", (unsigned long)peace);
    printf("with a death every %5lu ms      %8lu MB/s, %lu %%\n",
           (unsigned long)options.kill_every_ms, (unsigned long)war,
           (unsigned long)(peace == 0 ? 0 : war * 100 / peace));
    printf("%u deaths, %lu recoveries, %lu requests replayed, longest recovery %lu us\n", kills,
           (unsigned long)stats->recoveries, (unsigned long)stats->replayed,
           (unsigned long)ticks_to_us(stats->longest_recovery_ticks));
}

int main(int argc, char *argv[])
{
    static uint64_t peace[ROUNDS_MAX], war[ROUNDS_MAX];
    struct blk_client_options wanted = {.write = true,
                                        .depth = DEPTH,
                                        .pool_bytes = (size_t)DEPTH * PIECE_BYTES,
                                        .notify_bit = BIT_BLK};
    struct blk_client_stats stats;
    struct blk_client *client;
    struct round round;
    endpoint_t thread;
    size_t pool_len;

    if (!parse_options(argc, argv)) {
        fprintf(stderr, "usage: writebench DISK SERVICE [--mib N] [--kill-every-ms N] "
                        "[--rounds N]\n");
        return 2;
    }
    must(blk_open(&client, options.disk, &wanted), options.disk);
    uint8_t *pool = blk_client_pool(client, &pool_len);
    memset(pool, 0x5a, pool_len); /* pages are there, and no device optimizes zeroes */
    must(thread_start(kill_again_and_again, NULL, STACK_BYTES, 0, &thread), "thread");
    for (uint64_t i = 0; i < options.rounds; i++) {
        killing = false;
        run_round(client, &round);
        peace[i] = rate(&round);
        killing = true;
        run_round(client, &round);
        war[i] = rate(&round);
    }
    killing = false;
    killer_ends = true;
    blk_client_stats(client, &stats);
    must(blk_close(client), "close");
    while (!killer_ended)
        sleep_us(PAUSE_US);
    print_result(bench_median(peace, (unsigned)options.rounds),
                 bench_median(war, (unsigned)options.rounds), &stats);
    return 0;
}
