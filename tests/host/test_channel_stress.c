/*
 * Channels under two real threads: a client that keeps the request ring busy and a server that
 * answers each message, both sleeping on a doorbell whenever channel_arm allows it. A lost wake-up
 * shows as a time-out, a torn or stale message as a wrong content. Built with the thread sanitizer.
 */
#include <anole/error.h>
#include <libchan/channel.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WAKE_SECONDS 20

struct doorbell {
    pthread_mutex_t mutex;
    pthread_cond_t rung;
    bool pending;
    unsigned rings;
};

struct stress {
    struct channel client;
    struct channel server;
    struct doorbell to_client;
    struct doorbell to_server;
    unsigned messages;
};

static void doorbell_ring(struct doorbell *bell)
{
    pthread_mutex_lock(&bell->mutex);
    bell->pending = true;
    bell->rings++;
    pthread_cond_signal(&bell->rung);
    pthread_mutex_unlock(&bell->mutex);
}

/* False: nobody rang for WAKE_SECONDS. */
static bool doorbell_wait(struct doorbell *bell)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += WAKE_SECONDS;
    int error = 0;
    pthread_mutex_lock(&bell->mutex);
    while (!bell->pending && error == 0)
        error = pthread_cond_timedwait(&bell->rung, &bell->mutex, &deadline);
    bool rung = bell->pending;
    bell->pending = false;
    pthread_mutex_unlock(&bell->mutex);
    return rung;
}

static void publish(struct channel *channel, struct doorbell *peer)
{
    if (channel_publish(channel) == 1)
        doorbell_ring(peer);
}

static bool sleep_if_allowed(struct channel *channel, struct doorbell *mine)
{
    int armed = channel_arm(channel);
    return armed == 1 || (armed == 0 && doorbell_wait(mine));
}

static void *serve(void *argument)
{
    struct stress *stress = argument;
    unsigned served = 0;
    while (served < stress->messages) {
        struct message message;
        int taken = channel_take(&stress->server, &message);
        if (taken < 0)
            return "server: broken channel";
        if (taken == 1) {
            message.word[1] = message.word[0] ^ message.word[6];
            if (channel_put(&stress->server, &message) != 0)
                return "server: reply ring full";
            served++;
            if (served % 7 == 0)
                publish(&stress->server, &stress->to_client);
            continue;
        }
        publish(&stress->server, &stress->to_client);
        if (!sleep_if_allowed(&stress->server, &stress->to_server))
            return "server: lost wake-up";
    }
    publish(&stress->server, &stress->to_client);
    return NULL;
}

static const char *take_answers(struct stress *stress, unsigned *answered, unsigned sent)
{
    struct message message;
    int taken;
    while ((taken = channel_take(&stress->client, &message)) == 1) {
        if (message.word[0] != *answered || message.word[6] != ~(uint64_t)*answered ||
            message.word[1] != ~(uint64_t)0)
            return "client: wrong answer";
        ++*answered;
    }
    return taken < 0 || *answered > sent ? "client: broken channel" : NULL;
}

static const char *drive(struct stress *stress, unsigned depth)
{
    unsigned sent = 0;
    unsigned answered = 0;
    while (answered < stress->messages) {
        unsigned batch = 1 + sent % depth;
        while (sent < stress->messages && sent - answered < depth && batch-- > 0) {
            struct message message = {.word = {sent}};
            message.word[6] = ~(uint64_t)sent;
            if (channel_put(&stress->client, &message) != 0)
                return "client: request ring full";
            sent++;
        }
        publish(&stress->client, &stress->to_server);
        const char *error = take_answers(stress, &answered, sent);
        if (error)
            return error;
        bool waits = sent == stress->messages || sent - answered == depth;
        if (answered < sent && waits && !sleep_if_allowed(&stress->client, &stress->to_client))
            return "client: lost wake-up";
    }
    return NULL;
}

static void run(uint32_t entries, unsigned depth, unsigned messages)
{
    struct stress stress = {
        .to_client = {.mutex = PTHREAD_MUTEX_INITIALIZER, .rung = PTHREAD_COND_INITIALIZER},
        .to_server = {.mutex = PTHREAD_MUTEX_INITIALIZER, .rung = PTHREAD_COND_INITIALIZER},
        .messages = messages,
    };
    size_t len = channel_size(entries);
    void *memory = aligned_alloc(64, len);
    assert_non_null(memory);
    memset(memory, 0, len);
    assert_int_equal(channel_init(&stress.client, CHANNEL_CLIENT, memory, len, entries), 0);
    assert_int_equal(channel_init(&stress.server, CHANNEL_SERVER, memory, len, entries), 0);

    pthread_t server;
    assert_int_equal(pthread_create(&server, NULL, serve, &stress), 0);
    const char *client_error = drive(&stress, depth);
    void *server_error = NULL;
    pthread_join(server, &server_error);
    free(memory);
    if (client_error || server_error)
        fail_msg("%s; %s", client_error ? client_error : "client: well",
                 server_error ? (const char *)server_error : "server: well");
    printf("entries %u, depth %u: %u messages, %u + %u rings\n", entries, depth, messages,
           stress.to_server.rings, stress.to_client.rings);
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    run(4, 1, 30000);
}

static void test_small_ring(void **state)
{
    (void)state;
    run(4, 4, 60000);
}

static void test_large_ring(void **state)
{
    (void)state;
    run(256, 200, 300000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_small_ring),
        cmocka_unit_test(test_large_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
