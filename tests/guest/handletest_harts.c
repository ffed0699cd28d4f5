/*
 * handletest: the same objects from several threads at once, on all harts: of those who take one thing
 * back exactly one succeeds, and what remains is as if they had come one after the other.
 */
#include "chance.h"
#include "handletest.h"

#include <string.h>

#define WORKERS 6u
#define ROUNDS 200u

struct worker {
    unsigned number;
    struct chance chance;
    unsigned wrong;  /* answers that can't be */
    int first_wrong; /* the first of them */
    unsigned calls;
    _Atomic bool done;
};

static struct worker workers[WORKERS];

/* Starts all workers, each on a hart of its own as far as there are so many, and waits for their end. */
static void run_workers(void (*entry)(void *))
{
    uint64_t deadline = deadline_in_us(20 * PATIENCE_US);

    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.number = i, .chance = chance_make(1, i)};
        start_thread(entry, &workers[i], 1ul << i % info_page()->harts);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        while (!atomic_load_explicit(&workers[i].done, memory_order_acquire) &&
               ticks_now() < deadline)
            sleep_us(500);
        CHECK(atomic_load(&workers[i].done));
        check(workers[i].wrong == 0 && workers[i].calls > 0, __LINE__,
              "worker %u: %u of %u answers are wrong, the first one is %s", i, workers[i].wrong,
              workers[i].calls, anole_error_name(workers[i].first_wrong));
    }
}

/* ---- races for one object ---- */

enum race { RACE_REVOKE, RACE_CLOSE, RACE_UNPIN, RACE_UNMAP, RACE_MAP, RACES };

/* One thing that all workers take at the same time. */
static struct {
    _Atomic unsigned round; /* odd: go */
    _Atomic unsigned arrived;
    _Atomic unsigned winners;
    enum race race;
    uint64_t object, len;
} contest;

static int take_back(enum race race, uint64_t object, uint64_t len)
{
    struct message message = {.word = {object, len}};

    switch (race) {
    case RACE_REVOKE:
        message.word[1] = 0;
        return kcall(KCALL_REVOKE, &message);
    case RACE_CLOSE:
        return kcall(KCALL_CLOSE, &message);
    case RACE_UNPIN:
        return kcall(KCALL_DMA_UNMAP, &message);
    case RACE_UNMAP:
        return kcall(KCALL_UNMAP, &message);
    default:
        message = (struct message){.word = {len, READ_WRITE, object}};
        return kcall(KCALL_MAP, &message);
    }
}

static bool loser_status(enum race race, int status)
{
    return status == (race == RACE_UNMAP ? -ANOLE_EINVAL
                      : race == RACE_MAP ? -ANOLE_EEXIST
                                         : -ANOLE_EBADHANDLE);
}

static void race_run(void *argument)
{
    struct worker *worker = argument;

    for (unsigned round = 0; round < ROUNDS; round++) {
        while (atomic_load_explicit(&contest.round, memory_order_acquire) != 2 * round + 1)
            sleep_until(ticks_now() + 1);
        int status = take_back(contest.race, contest.object, contest.len);
        worker->calls++;
        if (status == 0)
            atomic_fetch_add(&contest.winners, 1);
        else if (!loser_status(contest.race, status) && worker->wrong++ == 0)
            worker->first_wrong = status;
        atomic_fetch_add_explicit(&contest.arrived, 1, memory_order_release);
    }
    atomic_store_explicit(&worker->done, true, memory_order_release);
}

/* Makes what is fought for in this round. */
static void race_prepare(unsigned round, uint64_t start, uint64_t len)
{
    static struct dma_segment segments[256];
    endpoint_t self = startup_page()->self;

    contest.race = (enum race)(round % RACES);
    contest.len = len;
    switch (contest.race) {
    case RACE_REVOKE:
        EXPECT(RAW(GRANT, self, start, len, GRANT_READ), 0);
        break;
    case RACE_CLOSE:
        EXPECT(RAW(REGION_CREATE, len, 0), 0);
        break;
    case RACE_UNPIN:
        EXPECT(RAW(DMA_MAP_OWN, start, len, 3, (uintptr_t)segments, 256), 0);
        break;
    case RACE_UNMAP:
        EXPECT(RAW(MAP, len, READ_WRITE, 0), 0);
        break;
    default:
        result[0] = USER_MAP_END - 2 * len;
        break;
    }
    contest.object = result[0];
}

static void race_judge(void *argument)
{
    uint64_t len = 3 * STEP_BYTES, start = (uintptr_t)map_memory(len);
    struct worker *judge = argument;

    for (unsigned round = 0; round < ROUNDS; round++) {
        race_prepare(round, start, len);
        atomic_store(&contest.arrived, 0);
        atomic_store(&contest.winners, 0);
        atomic_store_explicit(&contest.round, 2 * round + 1, memory_order_release);
        while (atomic_load_explicit(&contest.arrived, memory_order_acquire) < WORKERS)
            sleep_us(50);
        judge->wrong += atomic_load(&contest.winners) != 1;
        if (contest.race == RACE_MAP)
            judge->wrong += kcall_unmap((void *)contest.object, len) != 0;
    }
    judge->wrong += kcall_unmap((void *)start, len) != 0;
    atomic_store_explicit(&judge->done, true, memory_order_release);
}

void group_races(void)
{
    static struct worker judge;
    uint32_t handles = own_info().handles;

    start_thread(race_judge, &judge, 0);
    run_workers(race_run);
    for (unsigned i = 0; !atomic_load(&judge.done) && i < 10000; i++)
        sleep_us(500);
    CHECK(atomic_load(&judge.done));
    CHECK(judge.wrong == 0);
    CHECK(own_info().handles == handles);
    CHECK(own_info().pinned_frames == 0);
}

/* ---- everything at once ---- */

enum { SHARED = 16, LOAD_CALLS = 4000 };

static _Atomic handle_t shared_grants[SHARED], shared_regions[SHARED];
static unsigned char load_memory[2 * STEP_BYTES];
static endpoint_t load_child;

static int call_kernel(uint32_t call, const uint64_t words[MESSAGE_WORDS], uint64_t *first)
{
    struct message message;

    memcpy(message.word, words, sizeof(message.word));
    int status = kcall(call, &message);
    *first = message.word[0];
    return status;
}

#define CALL(call, first, ...)                                                                     \
    call_kernel(KCALL_##call, (const uint64_t[MESSAGE_WORDS]){__VA_ARGS__}, first)

/* 0 if the status is as promised, else what it is. */
static int unless(int status, int a, int b, int c)
{
    bool promised = status == -ANOLE_ENOMEM || status == a || status == b || status == c;

    return promised ? 0 : status;
}

/* Puts a new grant into a shared place and takes back what was there, whoever made it. */
static int load_grant(struct worker *worker, uint64_t choice)
{
    uint64_t start = (uintptr_t)load_memory, made, none;
    int status = CALL(GRANT, &made, startup_page()->self, start, STEP_BYTES + choice % 5000,
                      GRANT_READ | GRANT_WRITE);

    (void)worker;
    if (status != 0)
        return unless(status, 0, 0, 0);
    handle_t old = atomic_exchange(&shared_grants[choice / 5000 % SHARED], made);
    status = old != HANDLE_NONE ? CALL(REVOKE, &none, old, 0) : 0;
    while (status == -ANOLE_EBUSY) {
        sleep_us(100);
        status = CALL(REVOKE, &none, old, 0);
    }
    return status;
}

/* EPERM: a pin of another worker's keeps the grant that was revoked. */
static int load_copy(struct worker *worker, uint64_t choice)
{
    handle_t grant = atomic_load(&shared_grants[choice % SHARED]);
    uint64_t local = (uintptr_t)load_memory + STEP_BYTES, none;
    int status = CALL(COPY, &none, startup_page()->self, grant, choice / 16 % 5000, local,
                      choice / 65536 % STEP_BYTES, choice % 2);

    (void)worker;
    return unless(status, -ANOLE_EBADHANDLE, -ANOLE_ERANGE, -ANOLE_EPERM);
}

static int load_pin(struct worker *worker, uint64_t choice)
{
    struct dma_segment segments[256];
    handle_t grant = atomic_load(&shared_grants[choice % SHARED]);
    uint64_t pin, none;
    int status = CALL(DMA_MAP, &pin, startup_page()->self, grant, choice / 16 % 5000,
                      1 + choice / 65536 % STEP_BYTES, 1 + choice % 3, (uintptr_t)segments, 256);

    (void)worker;
    if (status == 0)
        return CALL(DMA_UNMAP, &none, pin);
    return unless(status, -ANOLE_EBADHANDLE, -ANOLE_ERANGE, -ANOLE_EPERM);
}

static int load_region(struct worker *worker, uint64_t choice)
{
    uint64_t made, none;
    int status = CALL(REGION_CREATE, &made, 1 + choice % (80 * PAGE_SIZE), 0);

    (void)worker;
    if (status != 0)
        return unless(status, 0, 0, 0);
    handle_t old = atomic_exchange(&shared_regions[choice / (80 * PAGE_SIZE) % SHARED], made);
    return old != HANDLE_NONE ? CALL(CLOSE, &none, old) : 0;
}

static int load_map(struct worker *worker, uint64_t choice)
{
    handle_t region = atomic_load(&shared_regions[choice % SHARED]);
    uint64_t len = 1 + choice / 16 % (70 * PAGE_SIZE), address, none;
    int status = CALL(REGION_MAP, &address, ENDPOINT_SELF, region, 0, len, READ_WRITE);

    if (status != 0)
        return unless(status, -ANOLE_EBADHANDLE, -ANOLE_EINVAL, 0);
    /* The region may be closed meanwhile: the mapping holds it. */
    *(volatile uint64_t *)address = worker->number;
    return CALL(UNMAP, &none, address, len);
}

static int load_peer(struct worker *worker, uint64_t choice)
{
    struct message message = {.word = {choice}};
    uint64_t bell, none;
    int status;

    (void)worker;
    if (choice % 4 == 0) {
        status = child_call(load_child, CHILD_ECHO, &message);
        return status == 0 && message.word[0] != choice + 1 ? -ANOLE_EPROTO : status;
    }
    status = CALL(DOORBELL, &bell, load_child, choice % NOTIFY_OWN_BITS);
    return status == 0 ? CALL(CLOSE, &none, bell) : unless(status, 0, 0, 0);
}

static void load_run(void *argument)
{
    static int (*const actions[])(struct worker *, uint64_t) = {
        load_grant, load_copy, load_pin, load_region, load_map, load_peer,
    };
    struct worker *worker = argument;

    for (unsigned i = 0; i < LOAD_CALLS / WORKERS; i++) {
        uint64_t choice = chance_next(&worker->chance);

        worker->calls++;
        int status = actions[choice % 6](worker, choice >> 8);
        if (status != 0 && worker->wrong++ == 0)
            worker->first_wrong = status;
    }
    atomic_store_explicit(&worker->done, true, memory_order_release);
}

void group_load(void)
{
    uint32_t handles = own_info().handles;

    load_child = child_start();
    run_workers(load_run);
    for (unsigned i = 0; i < SHARED; i++) {
        if (atomic_load(&shared_grants[i]) != HANDLE_NONE)
            EXPECT(kcall_revoke(atomic_load(&shared_grants[i]), -1), 0);
        if (atomic_load(&shared_regions[i]) != HANDLE_NONE)
            EXPECT(kcall_close(atomic_load(&shared_regions[i])), 0);
    }
    child_end(load_child);
    CHECK(own_info().handles == handles);
    CHECK(own_info().pinned_frames == 0);
}
