/*
 * ipcbench [ROUNDS]: what a system call, a kernel call, a round trip by message and one by doorbells
 * cost: medians of several samples of ROUNDS operations, with the kernel's exact counts beside them.
 */

#include <libanole/anole.h>
#include <libbench/bench.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 11u
#define ROUNDS_DEFAULT 1000u
#define ROUNDS_MAX 1000000u
#define STACK_BYTES 8192u
#define BIT_PONG 1 /* own bit: the peer rang back */
#define BIT_PING 2 /* the peer's bit that is rung */

#define BENCH_ECHO MESSAGE_TYPE(PROTO_TEST, 1)
#define BENCH_BELL MESSAGE_TYPE(PROTO_TEST, 2) /* w0 doorbell to ring back -> w0 doorbell to ring */
#define BENCH_END MESSAGE_TYPE(PROTO_TEST, 3)

/* ---- the other side: a process (--server) or a thread ---- */

static void serve(void *argument)
{
    endpoint_t client = ENDPOINT_NONE;
    handle_t back = HANDLE_NONE;
    struct ipc_delivery delivery;

    (void)argument;
    int status = ipc_receive(&delivery, NOTIFY_ALL, DEADLINE_NEVER, 0);
    for (;;) {
        if (status != 0 || delivery.message.type == BENCH_END)
            return;
        if (delivery.message.type == MESSAGE_NOTIFICATIONS) {
            if (ipc_notify(client, back) != 0)
                return;
            status = ipc_receive(&delivery, NOTIFY_ALL, DEADLINE_NEVER, 0);
            continue;
        }
        if (delivery.message.type == BENCH_BELL) {
            client = delivery.message.endpoint;
            back = delivery.message.word[0];
            delivery.message.type = (uint32_t)kcall_doorbell(client, BIT_PING,
                                                             &delivery.message.word[0]);
        } else {
            delivery.message.type = 0;
        }
        status = ipc_reply_receive(&delivery, NOTIFY_ALL, DEADLINE_NEVER);
    }
}

/* ---- what is measured ---- */

struct peer {
    endpoint_t endpoint;
    handle_t bell;
};

static void must(int status, const char *what)
{
    if (status == 0)
        return;
    fprintf(stderr, "ipcbench: %s: %s\n", what, anole_error_text(status));
    exit(1);
}

static void null_call(const struct peer *peer)
{
    struct ipc_delivery delivery;

    (void)peer;
    if (ipc_receive(&delivery, 0, DEADLINE_POLL, RECEIVE_NO_REQUESTS) != -ANOLE_ETIMEDOUT)
        must(-ANOLE_EPROTO, "a poll without anything to take");
}

static void kernel_call(const struct peer *peer)
{
    endpoint_t process;
    unsigned id;

    (void)peer;
    must(kcall_endpoint_info(ENDPOINT_SELF, &process, &id), "kernel call");
}

static void round_trip(const struct peer *peer)
{
    struct message message = {.endpoint = peer->endpoint, .type = BENCH_ECHO};

    must(ipc_call(&message, DEADLINE_NEVER), "round trip");
}

static void ping_pong(const struct peer *peer)
{
    struct ipc_delivery delivery;

    must(ipc_notify(peer->endpoint, peer->bell), "ping");
    must(ipc_receive(&delivery, NOTIFY_BIT(BIT_PONG), DEADLINE_NEVER, RECEIVE_NO_REQUESTS), "pong");
}

static void measure(const char *name, void (*operation)(const struct peer *),
                    const struct peer *peer, unsigned rounds)
{
    uint64_t samples[SAMPLES], operations = (uint64_t)rounds * SAMPLES;
    struct counters before, after;
    char columns[4][24];

    for (unsigned i = 0; i < rounds / 10 + 1; i++)
        operation(peer);
    bench_counters(&before);
    for (unsigned sample = 0; sample < SAMPLES; sample++) {
        uint64_t start = ticks_now();
        for (unsigned i = 0; i < rounds; i++)
            operation(peer);
        samples[sample] = bench_ns(ticks_now() - start);
    }
    bench_counters(&after);
    printf("%-24s %10s ns %8s traps %8s switches %8s ipis\n", name,
           bench_per_op(columns[0], 24, bench_median(samples, SAMPLES), rounds),
           bench_per_op(columns[1], 24, after.traps - before.traps, operations),
           bench_per_op(columns[2], 24, after.space_switches - before.space_switches, operations),
           bench_per_op(columns[3], 24, after.ipis - before.ipis, operations));
    fflush(stdout);
}

/* Exchanges doorbells with the peer. */
static void connect_bells(struct peer *peer)
{
    struct message message = {0};

    must(kcall_doorbell(peer->endpoint, BIT_PONG, &message.word[0]), "doorbell");
    must(anole_call(peer->endpoint, BENCH_BELL, &message, DEADLINE_NEVER), "the peer's doorbell");
    peer->bell = message.word[0];
}

static void measure_peer(const char *kind, struct peer *peer, unsigned rounds)
{
    char name[40];

    snprintf(name, sizeof(name), "round trip, %s", kind);
    measure(name, round_trip, peer, rounds);
    connect_bells(peer);
    snprintf(name, sizeof(name), "doorbells, %s", kind);
    measure(name, ping_pong, peer, rounds);

    struct message end = {.endpoint = peer->endpoint, .type = BENCH_END};
    if (ipc_call(&end, DEADLINE_NEVER) != -ANOLE_EDEADENDPOINT)
        must(-ANOLE_EPROTO, "the peer's end");
}

int main(int argc, char *argv[])
{
    static const char *const server[] = {"ipcbench", "--server", NULL};
    unsigned long rounds = ROUNDS_DEFAULT;
    struct peer process = {0}, thread = {0};
    char *end = NULL;

    if (argc == 2 && strcmp(argv[1], "--server") == 0) {
        serve(NULL);
        return 0;
    }
    if (argc == 2)
        rounds = strtoul(argv[1], &end, 10);
    if (argc > 2 || (end != NULL && *end != '\0') || rounds == 0 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: ipcbench [ROUNDS]    1 to %u, default %u\n", ROUNDS_MAX,
                ROUNDS_DEFAULT);
        return 2;
    }
    printf("ipcbench: medians of %u samples of %lu, %u hart%s; per operation\n", SAMPLES, rounds,
           info_page()->harts, info_page()->harts == 1 ? "" : "s");
    measure("null system call", null_call, NULL, (unsigned)rounds);
    measure("kernel call", kernel_call, NULL, (unsigned)rounds);
    must(program_spawn(server, false, &process.endpoint), "start of the server");
    measure_peer("2 processes", &process, (unsigned)rounds);
    must(thread_start(serve, NULL, STACK_BYTES, 0, &thread.endpoint), "start of the thread");
    measure_peer("2 threads", &thread, (unsigned)rounds);
    return 0;
}
