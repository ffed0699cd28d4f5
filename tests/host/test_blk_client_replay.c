/*
 * The replay rules of libblk's client against a model: a disk with a volatile cache behind a driver
 * that executes what is in flight in any order, piece by piece, answers in any order, and dies at any
 * point, after which every sector that was not flushed holds its cached or its durable value.
 *
 * Each write of a sector carries a version. Checked all the time: what is in flight never overlaps
 * (unless it only reads), reads return what was submitted before them, every request is answered
 * exactly once, answers of a dead driver are refused, and what a flush has confirmed never goes back
 * to an older version. Checked at the end: after a last flush and a last crash every sector holds
 * what was written last.
 */
#include <anole/error.h>
#include <libblk/client_replay.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECTORS 48u
#define REQUEST_SECTORS_MAX 6u
#define CHUNKS 12u
#define CHUNK_BYTES (REQUEST_SECTORS_MAX * BLK_SECTOR_SIZE)
#define FLIGHTS_MAX 64u
#define RUNS 1500u
#define STEPS 2000u

struct request { /* as the program sees it, one a chunk of the pool */
    bool busy;
    struct blk_io io;
    uint64_t expected[REQUEST_SECTORS_MAX]; /* READ: versions */
    uint64_t floor[SECTORS];                /* FLUSH: versions that it must have made durable */
};

struct flight { /* as the device sees it */
    struct replay_send send;
    uint64_t read[REQUEST_SECTORS_MAX];
    bool sector_done[REQUEST_SECTORS_MAX];
    bool done;
};

struct world {
    struct replay replay;
    uint8_t pool[CHUNKS * CHUNK_BYTES];
    uint8_t *copies;
    uint64_t cache[SECTORS];
    uint64_t durable[SECTORS];
    uint64_t submitted[SECTORS]; /* version that all submitted writes leave */
    uint64_t completed[SECTORS]; /* highest version of a completed write */
    uint64_t confirmed[SECTORS]; /* ... that a flush has confirmed */
    struct request request[CHUNKS];
    struct flight flight[FLIGHTS_MAX];
    unsigned flights;
    uint32_t dead_ids[FLIGHTS_MAX];
    unsigned dead_id_count;
    uint64_t version;
    uint64_t random;
    bool zeroes; /* the run has requests whose effect carries no version */
    bool caching;
    unsigned crashes;
    unsigned answered;
};

static uint32_t pick(struct world *world, uint32_t limit)
{
    world->random = world->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(world->random >> 33) % limit;
}

static uint64_t *pool_sector(struct world *world, size_t offset, unsigned index)
{
    return (uint64_t *)(void *)(world->pool + offset + (size_t)index * BLK_SECTOR_SIZE);
}

/* ---- the program ---- */

static enum blk_op pick_op(struct world *world)
{
    switch (pick(world, 12)) {
    case 0:
        return BLK_OP_FLUSH;
    case 1:
    case 2:
    case 3:
    case 4:
        return BLK_OP_READ;
    case 5:
        if (world->zeroes)
            return pick(world, 2) ? BLK_OP_DISCARD : BLK_OP_WRITE_ZEROES;
        return BLK_OP_WRITE;
    default:
        return BLK_OP_WRITE;
    }
}

static void submit_effect(struct world *world, struct request *request, unsigned sectors)
{
    struct blk_io *io = &request->io;
    if (io->op == BLK_OP_FLUSH)
        memcpy(request->floor, world->completed, sizeof request->floor);
    if (io->op != BLK_OP_READ && io->op != BLK_OP_FLUSH)
        world->version++;
    for (unsigned i = 0; i < sectors; i++) {
        uint64_t *version = &world->submitted[io->sector + i];
        switch (io->op) {
        case BLK_OP_READ:
            request->expected[i] = *version;
            *pool_sector(world, io->pool_offset, i) = ~(uint64_t)0;
            break;
        case BLK_OP_WRITE:
            *version = world->version;
            *pool_sector(world, io->pool_offset, i) = *version;
            break;
        default:
            *version = 0;
        }
    }
}

static void program_submit(struct world *world, enum blk_op op)
{
    unsigned chunk = pick(world, CHUNKS);
    struct request *request = &world->request[chunk];
    if (request->busy)
        return;

    unsigned sectors = op == BLK_OP_FLUSH ? 0 : 1 + pick(world, REQUEST_SECTORS_MAX);
    *request = (struct request){
        .io = {.op = op,
               .flags = op == BLK_OP_WRITE && pick(world, 4) == 0 ? BLK_FUA : 0,
               .sector = sectors ? pick(world, SECTORS - sectors + 1) : 0,
               .pool_offset = (size_t)chunk * CHUNK_BYTES,
               .len_bytes = (size_t)sectors * BLK_SECTOR_SIZE,
               .tag = chunk},
    };
    if (replay_submit(&world->replay, &request->io, REPLAY_PROGRAM) != 0)
        return; /* depth reached */
    request->busy = true;
    submit_effect(world, request, sectors);
}

static void program_complete(struct world *world, const struct blk_completion *completion)
{
    assert_true(completion->tag < CHUNKS);
    struct request *request = &world->request[completion->tag];
    assert_true(request->busy); /* no answer twice */
    assert_int_equal(completion->status, 0);
    request->busy = false;
    world->answered++;
    struct blk_io *io = &request->io;
    for (unsigned i = 0; i < io->len_bytes / BLK_SECTOR_SIZE; i++) {
        uint64_t version = *pool_sector(world, io->pool_offset, i);
        if (io->op == BLK_OP_READ)
            assert_int_equal(version, request->expected[i]);
        else if (io->op == BLK_OP_WRITE && world->completed[io->sector + i] < version)
            world->completed[io->sector + i] = version;
    }
    /* The buffer is the program's again: late use of it must show. */
    memset(world->pool + io->pool_offset, 0x5a, CHUNK_BYTES);
    for (unsigned i = 0; io->op == BLK_OP_FLUSH && i < SECTORS; i++)
        if (world->confirmed[i] < request->floor[i])
            world->confirmed[i] = request->floor[i];
}

static void program_take(struct world *world)
{
    struct blk_completion completion;
    while (replay_take(&world->replay, REPLAY_PROGRAM, &completion))
        program_complete(world, &completion);
}

/* ---- the driver and its device ---- */

static bool changes(enum blk_op op)
{
    return op != BLK_OP_READ && op != BLK_OP_FLUSH;
}

static void check_overlap(const struct world *world, const struct replay_send *send)
{
    for (unsigned i = 0; i < world->flights; i++) {
        const struct replay_send *other = &world->flight[i].send;
        assert_int_not_equal(other->id, send->id);
        if (send->op == BLK_OP_FLUSH || other->op == BLK_OP_FLUSH)
            continue;
        if (changes(send->op) || changes(other->op))
            assert_true(send->sector + send->len_bytes / BLK_SECTOR_SIZE <= other->sector ||
                        other->sector + other->len_bytes / BLK_SECTOR_SIZE <= send->sector);
    }
}

static void driver_send(struct world *world)
{
    struct replay_send send;
    if (world->flights == FLIGHTS_MAX || !replay_next(&world->replay, &send, world->version))
        return;
    check_overlap(world, &send);
    assert_true(world->caching || !send.from_copies);
    world->flight[world->flights++] = (struct flight){.send = send};
}

static void execute_sector(struct world *world, struct flight *flight, unsigned i)
{
    const struct replay_send *send = &flight->send;
    uint64_t *sector = &world->cache[send->sector + i];
    const uint8_t *memory = send->from_copies ? world->copies : world->pool;
    switch (send->op) {
    case BLK_OP_READ:
        flight->read[i] = *sector;
        break;
    case BLK_OP_WRITE:
        memcpy(sector, memory + send->offset + (size_t)i * BLK_SECTOR_SIZE, sizeof *sector);
        break;
    default:
        *sector = 0;
    }
    if ((send->flags & BLK_FUA) || !world->caching)
        world->durable[send->sector + i] = *sector;
}

static void device_execute(struct world *world)
{
    if (world->flights == 0)
        return;
    struct flight *flight = &world->flight[pick(world, world->flights)];
    unsigned sectors = (unsigned)(flight->send.len_bytes / BLK_SECTOR_SIZE);
    if (flight->done)
        return;
    if (flight->send.op == BLK_OP_FLUSH) {
        memcpy(world->durable, world->cache, sizeof world->durable);
        flight->done = true;
        return;
    }
    unsigned start = pick(world, sectors);
    for (unsigned n = 0; n < sectors; n++) {
        unsigned i = (start + n) % sectors;
        if (flight->sector_done[i])
            continue;
        execute_sector(world, flight, i);
        flight->sector_done[i] = true;
        if (pick(world, 3) == 0)
            return;
    }
    flight->done = true;
}

static void flight_remove(struct world *world, unsigned index)
{
    world->flight[index] = world->flight[--world->flights];
}

static void driver_answer(struct world *world)
{
    if (world->flights == 0)
        return;
    unsigned index = pick(world, world->flights);
    struct flight flight = world->flight[index];
    int status = 0;
    if (!flight.done) {
        /* Too busy for it, if it hasn't begun. */
        for (unsigned i = 0; i < REQUEST_SECTORS_MAX; i++)
            if (flight.sector_done[i])
                return;
        if (pick(world, 8) != 0)
            return;
        status = -ANOLE_EBUSY;
    }
    flight_remove(world, index);
    for (unsigned i = 0; status == 0 && flight.send.op == BLK_OP_READ &&
                         i < flight.send.len_bytes / BLK_SECTOR_SIZE;
         i++)
        *pool_sector(world, flight.send.offset, i) = flight.read[i];
    assert_int_equal(replay_answered(&world->replay, flight.send.id, status), 0);
    assert_int_equal(replay_answered(&world->replay, flight.send.id, status), -ANOLE_EPROTO);
}

static void device_write_back(struct world *world)
{
    unsigned sector = pick(world, SECTORS);
    world->durable[sector] = world->cache[sector];
}

static void driver_die(struct world *world)
{
    world->crashes++;
    world->dead_id_count = 0;
    for (unsigned i = 0; i < world->flights; i++)
        world->dead_ids[world->dead_id_count++] = world->flight[i].send.id;
    world->flights = 0;
    for (unsigned i = 0; i < SECTORS; i++) {
        if (pick(world, 2))
            world->cache[i] = world->durable[i];
        else
            world->durable[i] = world->cache[i];
    }
    replay_new_epoch(&world->replay);
    assert_int_equal(replay_in_flight(&world->replay), 0);
    for (unsigned i = 0; i < world->dead_id_count; i++)
        assert_int_equal(replay_answered(&world->replay, world->dead_ids[i], 0), -ANOLE_EPROTO);
}

static void check_confirmed(const struct world *world)
{
    for (unsigned i = 0; !world->zeroes && i < SECTORS; i++)
        assert_true(world->durable[i] >= world->confirmed[i]);
}

/* ---- runs ---- */

static void world_open(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    world->random = seed * 0x9e3779b97f4a7c15u + 1;
    world->zeroes = pick(world, 2);
    world->caching = pick(world, 8) != 0;
    size_t copies_bytes = (size_t)(1 + pick(world, 30)) * BLK_SECTOR_SIZE;
    world->copies = world->caching ? malloc(copies_bytes) : NULL;
    const struct replay_options options = {
        .depth = 1 + pick(world, CHUNKS),
        .pool = world->pool,
        .copies = world->copies,
        .copies_bytes = copies_bytes,
        .retained_max = 2 + pick(world, 30),
    };
    assert_int_equal(replay_init(&world->replay, &options), 0);
}

static void world_close(struct world *world)
{
    replay_free(&world->replay);
    free(world->copies);
}

static void one_step(struct world *world, unsigned death_odds)
{
    switch (pick(world, 8)) {
    case 0:
    case 1:
        program_submit(world, pick_op(world));
        break;
    case 2:
    case 3:
        driver_send(world);
        break;
    case 4:
    case 5:
        device_execute(world);
        break;
    case 6:
        driver_answer(world);
        break;
    default:
        program_take(world);
        device_write_back(world);
    }
    if (pick(world, death_odds) == 0)
        driver_die(world);
    check_confirmed(world);
}

static void drain(struct world *world)
{
    for (unsigned i = 0; replay_busy(&world->replay); i++) {
        assert_true(i < 1000000);
        driver_send(world);
        device_execute(world);
        driver_answer(world);
        program_take(world);
        check_confirmed(world);
    }
    program_take(world);
}

static void run_one(uint64_t seed, unsigned *crashes, unsigned *answered)
{
    static struct world world;
    world_open(&world, seed);
    unsigned death_odds = 20 + pick(&world, 800);
    for (unsigned step = 0; step < STEPS; step++)
        one_step(&world, death_odds);
    drain(&world);
    for (unsigned i = 0; i < CHUNKS; i++)
        assert_false(world.request[i].busy); /* nothing unanswered */
    program_submit(&world, BLK_OP_FLUSH);
    drain(&world);
    driver_die(&world);
    drain(&world);
    assert_memory_equal(world.durable, world.submitted, sizeof world.durable);
    *crashes += world.crashes;
    *answered += world.answered;
    world_close(&world);
}

static void test_random_runs(void **state)
{
    (void)state;
    unsigned crashes = 0;
    unsigned answered = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++)
        run_one(seed, &crashes, &answered);
    printf("%u runs, %u requests, %u deaths\n", RUNS, answered, crashes);
}

/* One fixed story, with the driver dying after each of its steps in turn. */
static void test_death_at_every_step(void **state)
{
    (void)state;
    for (unsigned death = 0; death < 400; death++) {
        static struct world world;
        world_open(&world, 77);
        for (unsigned step = 0; step < 400; step++) {
            one_step(&world, UINT32_MAX);
            if (step == death)
                driver_die(&world);
        }
        drain(&world);
        program_submit(&world, BLK_OP_FLUSH);
        drain(&world);
        driver_die(&world);
        assert_memory_equal(world.durable, world.submitted, sizeof world.durable);
        world_close(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_runs),
        cmocka_unit_test(test_death_at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
