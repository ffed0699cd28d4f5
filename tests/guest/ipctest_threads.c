/*
 * ipctest: threads, harts, and many callers at once.
 */
#include "ipctest.h"

#define WAIT_US 200ul

/* A thread that counts and ends. */
struct counting {
    _Atomic unsigned runs;
    uint64_t hart_mask; /* to pin itself to; 0: not */
    _Atomic int status;
};

static void count_once(void *argument)
{
    struct counting *counting = argument;

    if (counting->hart_mask != 0)
        atomic_store(&counting->status, kcall_thread_pin(counting->hart_mask));
    atomic_fetch_add(&counting->runs, 1);
}

static bool wait_for_runs(struct counting *counting, unsigned runs)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);

    while (atomic_load(&counting->runs) < runs) {
        if (ticks_now() > deadline)
            return false;
        sleep_us(WAIT_US);
    }
    return true;
}

/* Waits until a thread that is about to end has ended. */
static bool wait_for_end(endpoint_t thread)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    endpoint_t process;
    unsigned id;

    while (kcall_endpoint_info(thread, &process, &id) == 0) {
        if (ticks_now() > deadline)
            return false;
        sleep_us(WAIT_US);
    }
    return true;
}

static void serve_for_ever(void *argument)
{
    struct ipc_delivery delivery;

    (void)argument;
    while (ipc_receive(&delivery, 0, DEADLINE_NEVER, 0) == 0 && delivery.message.type != 99)
        (void)ipc_reply(&delivery.message, delivery.call_id);
    /* Ends with its last caller unanswered. */
}

void group_threads(void)
{
    struct counting counting = {0};
    endpoint_t self = startup_page()->self, process = ENDPOINT_NONE, server, last = ENDPOINT_NONE;
    unsigned id;

    server = start_thread(serve_for_ever, NULL, 0);
    EXPECT(kcall_endpoint_info(server, &process, &id), 0);
    CHECK(server != self && process == self);

    /* A thread is called by its own endpoint; when it ends, only its callers notice. */
    struct message message = {.type = 5, .word = {3}};
    message.endpoint = server;
    EXPECT(ipc_call(&message, deadline_in_us(PATIENCE_US)), 0);
    CHECK(message.endpoint == server && message.word[0] == 3);
    message = (struct message){.endpoint = server, .type = 99};
    EXPECT(ipc_call(&message, deadline_in_us(PATIENCE_US)), -ANOLE_EDEADENDPOINT);
    CHECK(wait_for_end(server));

    for (unsigned i = 0; i < 20; i++) {
        endpoint_t thread = start_thread(count_once, &counting, 0);

        CHECK(thread != last && thread != self);
        last = thread;
        CHECK(wait_for_runs(&counting, i + 1));
        CHECK(wait_for_end(thread));
    }

    /* The quota of threads ends with an error, not before at least one was to be had. */
    static struct caller waiting[32];
    unsigned started = 0;
    int status = 0;
    for (; started < 32; started++) {
        status = thread_start(serve_for_ever, NULL, PAGE_SIZE, 0, &waiting[started].thread);
        if (status != 0)
            break;
    }
    EXPECT(status, -ANOLE_ENOMEM);
    CHECK(started > 0);
    for (unsigned i = 0; i < started; i++) {
        message = (struct message){.endpoint = waiting[i].thread, .type = 99};
        EXPECT(ipc_call(&message, deadline_in_us(PATIENCE_US)), -ANOLE_EDEADENDPOINT);
    }

    uint64_t none = 1ul << 40;
    EXPECT(kcall_thread_pin(none), -ANOLE_EINVAL);
    EXPECT(kcall_thread_pin(1), 0);
    EXPECT(kcall_thread_pin(0), 0);
    endpoint_t thread;
    EXPECT(thread_start(count_once, &counting, PAGE_SIZE, none, &thread), -ANOLE_EINVAL);
}

/* A thread on each hart, at the same time. */
void group_harts(void)
{
    unsigned harts = info_page()->harts;
    struct counting counting = {0};

    if (harts == 1)
        skip("the machine has one hart");
    for (unsigned hart = 0; hart < harts; hart++) {
        counting.hart_mask = 1ul << hart;
        start_thread(count_once, &counting, 1ul << hart);
        CHECK(wait_for_runs(&counting, hart + 1));
        EXPECT(atomic_load(&counting.status), 0);
    }
}

enum { CLIENTS = 3, ROUNDS = 300 };

struct client {
    endpoint_t server;
    uint64_t number;
    unsigned answered;
    _Atomic bool done;
};

static void client_run(void *argument)
{
    struct client *client = argument;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct message message = {.word = {client->number << 32 | i}};

        if (child_call(client->server, CHILD_ECHO, &message) == 0 &&
            message.word[0] == (client->number << 32 | i) + 1)
            client->answered++;
    }
    atomic_store_explicit(&client->done, true, memory_order_release);
}

/* Several threads call one server at once: each gets its own answers, all of them. */
void group_load(void)
{
    static struct client clients[CLIENTS];
    endpoint_t child = child_start();
    uint64_t deadline = deadline_in_us(4 * PATIENCE_US);

    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.server = child, .number = i + 1};
        start_thread(client_run, &clients[i], 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        while (!atomic_load_explicit(&clients[i].done, memory_order_acquire) &&
               ticks_now() < deadline)
            sleep_us(WAIT_US);
        CHECK(atomic_load(&clients[i].done));
        CHECK(clients[i].answered == ROUNDS);
    }
    child_end(child);
}
