/*
 * Channels under every schedule: the real ring code, with each access to a shared index made a step
 * of a scheduler that tries all interleavings of a producer and a consumer on weakly ordered memory.
 *
 * Memory model: each side has a store buffer. A plain store may leave it in any order against other
 * addresses, a release store only after all that is older; a full fence empties it. Loads see the own
 * buffer first. That is weaker than any order RISC-V harts show for this code but for loads, which
 * are taken in program order (the code's loads are acquire or follow a fence).
 *
 * Found must be: no lost wake-up and no wrong message with the code as it is, and a lost wake-up as
 * soon as either fence is left out, which shows that the search can see one.
 *
 * A run is repeated from its start for each new schedule; a state that was seen (memory, buffers,
 * all that each side has observed) is not followed twice.
 */
#include <libchan/channel.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <cmocka.h>

static uint64_t model_load(const void *address, size_t size);
static void model_store(void *address, uint64_t value, size_t size, bool release);
static void model_fence(void);

/* The code under test goes through the model instead of through the compiler's atomics. */
#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_thread_fence
#define atomic_load_explicit(address, order) (uint32_t) model_load(address, sizeof(uint32_t))
#define atomic_store_explicit(address, value, order)                                               \
    model_store(address, value, sizeof(uint32_t), (order) == memory_order_release)
#define atomic_thread_fence(order) model_fence()
#define __atomic_load_n(address, order) model_load(address, sizeof(uint64_t))
#define __atomic_store_n(address, value, order) model_store(address, value, sizeof(uint64_t), false)
#include <libchan/channel.c>

#define ENTRIES 4u
#define SIDES 2
#define STACK_BYTES (64 * 1024)
#define BUFFER_MAX 64
#define DEPTH_MAX 512
#define SEEN_SLOTS (1u << 22)

enum { PRODUCER, CONSUMER };

struct buffered_store {
    void *address;
    uint64_t value;
    size_t size;
    bool release;
};

struct side {
    ucontext_t context;
    struct buffered_store buffer[BUFFER_MAX];
    unsigned buffered;
    uint64_t history; /* hash of all that it has observed */
    bool asleep;
    bool finished;
};

static struct {
    _Alignas(
        64) uint8_t memory[sizeof(struct channel_shared) + 2 * ENTRIES * sizeof(struct message)];
    struct side side[SIDES];
    _Alignas(16) uint8_t stack[SIDES][STACK_BYTES];
    ucontext_t scheduler;
    int running;
    bool doorbell;
    const unsigned *batches; /* what the producer publishes, ended by 0 */
    bool without_fence[SIDES];
    bool wrong_message;
    unsigned taken;
    /* The schedule: at step n choice[n] of options[n]. */
    unsigned choice[DEPTH_MAX];
    unsigned options[DEPTH_MAX];
    unsigned depth;
    unsigned prefix; /* steps that repeat an earlier run */
    uint64_t *seen;
    unsigned long runs;
    unsigned long states;
} model;

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash + 0x9e3779b97f4a7c15u) ^ value;
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
    return hash ^ (hash >> 27);
}

static struct side *self(void)
{
    return &model.side[model.running];
}

static void yield_to_scheduler(void)
{
    struct side *side = self();
    side->history = mix(side->history, 0); /* one step further: no two positions look alike */
    swapcontext(&side->context, &model.scheduler);
}

/* Message words are ordered by the indices around them: they go through the buffer, but only the
 * indices are points where the scheduler may choose. */
static bool is_index(const void *address)
{
    return (const uint8_t *)address < model.memory + sizeof(struct channel_shared);
}

static uint64_t model_load(const void *address, size_t size)
{
    if (is_index(address))
        yield_to_scheduler();
    struct side *side = self();
    uint64_t value = 0;
    memcpy(&value, address, size);
    for (unsigned i = 0; i < side->buffered; i++)
        if (side->buffer[i].address == address)
            value = side->buffer[i].value;
    side->history = mix(side->history, value);
    return value;
}

static void model_store(void *address, uint64_t value, size_t size, bool release)
{
    struct side *side = self();
    assert_true(side->buffered < BUFFER_MAX);
    side->buffer[side->buffered++] = (struct buffered_store){address, value, size, release};
    side->history = mix(side->history, value + 1);
}

/* May the store at position i leave the buffer now? */
static bool store_may_leave(const struct side *side, unsigned i)
{
    if (side->buffer[i].release)
        return i == 0;
    for (unsigned earlier = 0; earlier < i; earlier++)
        if (side->buffer[earlier].address == side->buffer[i].address)
            return false;
    return true;
}

static void store_leave(struct side *side, unsigned i)
{
    memcpy(side->buffer[i].address, &side->buffer[i].value, side->buffer[i].size);
    memmove(&side->buffer[i], &side->buffer[i + 1],
            (side->buffered - i - 1) * sizeof side->buffer[0]);
    side->buffered--;
}

static void buffer_drain(struct side *side)
{
    while (side->buffered > 0)
        store_leave(side, 0);
}

static void model_fence(void)
{
    if (!model.without_fence[model.running])
        buffer_drain(self());
}

/* ---- the two sides ---- */

static void producer_main(void)
{
    struct channel channel;
    channel_init(&channel, CHANNEL_CLIENT, model.memory, sizeof model.memory, ENTRIES);
    uint64_t number = 0;
    for (const unsigned *batch = model.batches; *batch > 0; batch++) {
        for (unsigned i = 0; i < *batch; i++) {
            struct message message = {.word = {[6] = ++number}};
            if (channel_put(&channel, &message) != 0)
                model.wrong_message = true; /* all batches together fit into the ring */
        }
        if (channel_publish(&channel) == 1) {
            buffer_drain(self()); /* the kernel's lock, taken by the doorbell call */
            model.doorbell = true;
        }
    }
    self()->finished = true;
    while (true)
        yield_to_scheduler();
}

static void consumer_main(void)
{
    struct channel channel;
    channel_init(&channel, CHANNEL_SERVER, model.memory, sizeof model.memory, ENTRIES);
    uint64_t expected = 0;
    for (const unsigned *batch = model.batches; *batch > 0; batch++)
        expected += *batch;
    while (model.taken < expected) {
        struct message message;
        int taken = channel_take(&channel, &message);
        if (taken < 0 || (taken == 1 && message.word[6] != model.taken + 1))
            model.wrong_message = true;
        if (taken == 1) {
            model.taken++;
        } else if (channel_arm(&channel) == 0) {
            self()->asleep = true;
            yield_to_scheduler();
            self()->asleep = false;
            model.doorbell = false;
        }
    }
    self()->finished = true;
    while (true)
        yield_to_scheduler();
}

/* ---- the scheduler ---- */

static bool side_may_run(int which)
{
    const struct side *side = &model.side[which];
    return !side->finished && (!side->asleep || model.doorbell);
}

static uint64_t state_hash(void)
{
    uint64_t hash = model.doorbell;
    for (size_t i = 0; i < sizeof model.memory; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, model.memory + i, sizeof word);
        hash = mix(hash, word);
    }
    for (int which = 0; which < SIDES; which++) {
        const struct side *side = &model.side[which];
        hash = mix(hash, side->history);
        hash = mix(hash, (uint64_t)side->asleep << 1 | side->finished);
        for (unsigned i = 0; i < side->buffered; i++)
            hash = mix(mix(hash, (uintptr_t)side->buffer[i].address), side->buffer[i].value);
    }
    return hash | 1;
}

/* True if the state was there before; remembers it. */
static bool seen_before(uint64_t hash)
{
    for (uint32_t slot = (uint32_t)(hash >> 8) % SEEN_SLOTS;; slot = (slot + 1) % SEEN_SLOTS) {
        if (model.seen[slot] == hash)
            return true;
        if (model.seen[slot] == 0) {
            model.seen[slot] = hash;
            assert_true(++model.states < SEEN_SLOTS / 2);
            return false;
        }
    }
}

/* What can happen next: a side runs to its next access, or one store leaves a buffer. Does option
 * number `wanted` if it is >= 0; returns how many there are. */
static unsigned step(int wanted)
{
    int count = 0;
    for (int which = 0; which < SIDES; which++) {
        if (side_may_run(which) && count++ == wanted) {
            model.running = which;
            swapcontext(&model.scheduler, &model.side[which].context);
            return 0;
        }
        struct side *side = &model.side[which];
        for (unsigned i = 0; i < side->buffered; i++) {
            if (store_may_leave(side, i) && count++ == wanted) {
                store_leave(side, i);
                return 0;
            }
        }
    }
    return (unsigned)count;
}

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
/* Runs are abandoned in the middle: their stacks' red zones must not outlive them. */
static void stacks_forget(void)
{
    ASAN_UNPOISON_MEMORY_REGION(model.stack, sizeof model.stack);
}
#else
static void stacks_forget(void)
{
}
#endif

static void run_begin(void)
{
    void (*const entry[SIDES])(void) = {producer_main, consumer_main};
    stacks_forget();
    memset(model.memory, 0, sizeof model.memory);
    model.doorbell = false;
    model.wrong_message = false;
    model.taken = 0;
    model.depth = 0;
    for (int which = 0; which < SIDES; which++) {
        struct side *side = &model.side[which];
        memset(side, 0, sizeof *side);
        getcontext(&side->context);
        side->context.uc_stack.ss_sp = model.stack[which];
        side->context.uc_stack.ss_size = STACK_BYTES;
        makecontext(&side->context, entry[which], 0);
    }
}

enum outcome { RUN_WELL, RUN_SEEN, RUN_LOST_WAKEUP, RUN_WRONG_MESSAGE };

static enum outcome run_one(void)
{
    run_begin();
    while (true) {
        unsigned options = step(-1);
        if (model.wrong_message)
            return RUN_WRONG_MESSAGE;
        if (options == 0)
            return model.side[CONSUMER].finished ? RUN_WELL : RUN_LOST_WAKEUP;
        if (model.depth >= model.prefix) {
            if (seen_before(state_hash()))
                return RUN_SEEN;
            model.choice[model.depth] = 0;
        }
        assert_true(model.depth < DEPTH_MAX);
        model.options[model.depth] = options;
        step((int)model.choice[model.depth++]);
    }
}

/* Makes the next schedule: the last step that has another option takes it. */
static bool schedule_next(void)
{
    while (model.depth > 0) {
        unsigned last = model.depth - 1;
        if (++model.choice[last] < model.options[last]) {
            model.prefix = model.depth;
            return true;
        }
        model.depth--;
    }
    return false;
}

/* RUN_WELL if every schedule ends well, else the first outcome that doesn't. */
static enum outcome explore(const unsigned *batches, bool producer_fence, bool consumer_fence)
{
    model.batches = batches;
    model.without_fence[PRODUCER] = !producer_fence;
    model.without_fence[CONSUMER] = !consumer_fence;
    model.prefix = 0;
    model.runs = 0;
    model.states = 0;
    memset(model.seen, 0, SEEN_SLOTS * sizeof model.seen[0]);
    enum outcome found = RUN_WELL;
    do {
        enum outcome outcome = run_one();
        model.runs++;
        if (outcome != RUN_SEEN)
            found = outcome;
    } while (found == RUN_WELL && schedule_next());
    printf("%lu runs, %lu states\n", model.runs, model.states);
    return found;
}

static const unsigned twice[] = {1, 1, 0};
static const unsigned one_by_one[] = {1, 1, 1, 0};
static const unsigned in_batches[] = {2, 1, 1, 0};

static void test_no_wakeup_is_lost(void **state)
{
    (void)state;
    assert_int_equal(explore(one_by_one, true, true), RUN_WELL);
    assert_int_equal(explore(in_batches, true, true), RUN_WELL);
}

static void test_fences_are_needed(void **state)
{
    (void)state;
    assert_int_equal(explore(twice, false, true), RUN_LOST_WAKEUP);
    assert_int_equal(explore(twice, true, false), RUN_LOST_WAKEUP);
}

static int seen_allocate(void **state)
{
    (void)state;
    model.seen = malloc(SEEN_SLOTS * sizeof model.seen[0]);
    return model.seen ? 0 : -1;
}

static int seen_free(void **state)
{
    (void)state;
    free(model.seen);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_wakeup_is_lost),
        cmocka_unit_test(test_fences_are_needed),
    };
    return cmocka_run_group_tests(tests, seen_allocate, seen_free);
}
