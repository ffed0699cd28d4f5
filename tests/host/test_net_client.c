/*
 * libnet's client: when receive buffers go back to the driver. It isn't woken for each of them, and never
 * left without: this file plays the driver at the other end of the channel.
 */
#include <libnet/client_internal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BUFFERS 100u
#define DRIVER ((endpoint_t)7)

static struct channel driver;
static void *region;
static unsigned rings;
static uint32_t posted[BUFFERS]; /* ids of buffers that the driver has, oldest first */
static unsigned posted_count, sends;

/* ---- what the client stands on ---- */

uint64_t ticks_now(void)
{
    return 1000;
}

uint64_t ticks_from_us(uint64_t microseconds)
{
    return microseconds * 10;
}

uint64_t deadline_in_us(uint64_t microseconds)
{
    return ticks_now() + ticks_from_us(microseconds);
}

int kcall_map(size_t len, unsigned prot, void **address)
{
    (void)prot;
    *address = calloc(1, len);
    return *address ? 0 : -ANOLE_ENOMEM;
}

int kcall_unmap(void *address, size_t len)
{
    (void)len;
    free(address);
    return 0;
}

int ipc_receive(struct ipc_delivery *delivery, uint64_t mask, uint64_t deadline_ticks,
                uint64_t flags)
{
    (void)delivery;
    (void)mask;
    (void)deadline_ticks;
    (void)flags;
    return -ANOLE_ETIMEDOUT;
}

void panic(const char *format, ...)
{
    (void)format;
    abort();
}

bool peer_alive(endpoint_t service)
{
    return service == DRIVER;
}

void peer_served(endpoint_t service, uint64_t deadline_ticks)
{
    (void)service;
    (void)deadline_ticks;
}

int peer_channel_publish(struct peer_channel *channel)
{
    int status = channel_publish(&channel->channel);

    channel->ring_owed |= status == 1;
    return status < 0 ? status : 0;
}

int peer_channel_ring(struct peer_channel *channel)
{
    rings += channel->ring_owed;
    channel->ring_owed = false;
    return 0;
}

/* A driver is there at once. */
void net_client_recover(struct net_client *client)
{
    size_t len = channel_size(512);

    region = calloc(1, len);
    assert_int_equal(channel_init(&client->channel.channel, CHANNEL_CLIENT, region, len, 512), 0);
    assert_int_equal(channel_init(&driver, CHANNEL_SERVER, region, len, 512), 0);
    client->driver = DRIVER;
    client->state = NET_CLIENT_UP;
    path_begin(client);
}

void net_client_leave(struct net_client *client)
{
    (void)client;
    fail();
}

void net_client_quit(struct net_client *client)
{
    (void)client;
    free(region);
}

void net_client_complain(struct net_client *client, enum rs_complaint complaint)
{
    (void)client;
    (void)complaint;
    fail();
}

int net_client_tell_mode(struct net_client *client)
{
    (void)client;
    return 0;
}

int net_client_tell_vlan(struct net_client *client, unsigned vlan, bool wanted)
{
    (void)client;
    (void)vlan;
    (void)wanted;
    return 0;
}

/* ---- the driver ---- */

/* Takes all requests, and asks to be rung for the next one. */
static void driver_takes(void)
{
    struct message request;

    do {
        while (channel_take(&driver, &request) == 1) {
            if (request.type == NET_RX_POST) {
                assert_true(posted_count < BUFFERS);
                posted[posted_count++] = NET_ID_OF(request.word[0]);
            }
            sends += request.type == NET_TX;
        }
    } while (channel_arm(&driver) == 1);
}

/* A frame came into the oldest buffer. */
static void driver_receives(void)
{
    struct message answer = {.word = {NET_ID(posted[0], 0), 60, 0, 60}};

    assert_true(posted_count > 0);
    memmove(posted, posted + 1, --posted_count * sizeof(posted[0]));
    assert_int_equal(channel_put(&driver, &answer), 0);
    assert_in_range(channel_publish(&driver), 0, 1);
}

/* ---- tests ---- */

static struct net_client *begin(void)
{
    const struct net_client_options options = {.rx_buffers = BUFFERS, .tx_depth = 4};
    struct net_client *client;

    posted_count = sends = 0;
    assert_int_equal(net_open(&client, "eth0", &options), 0);
    net_step(client);
    driver_takes();
    assert_int_equal(posted_count, BUFFERS);
    rings = 0;
    return client;
}

/* The next event, which must be a frame: its buffer. */
static uint16_t frame(struct net_client *client)
{
    struct net_event event;

    net_step(client);
    assert_true(net_next(client, &event));
    assert_int_equal(event.kind, NET_EVENT_FRAME);
    assert_int_equal(event.part_count, 1);
    return event.part[0].buffer;
}

/* One frame after the other, each given back at once: the driver is rung for a fifth of the buffers at a
 * time, and the client sleeps in between. */
static void test_few_rings(void **state)
{
    struct net_client *client = begin();
    unsigned least = BUFFERS;

    (void)state;
    for (unsigned i = 0; i < 10 * BUFFERS; i++) {
        driver_receives();
        net_give_back(client, frame(client));
        net_step(client);
        assert_false(net_arm(client));
        driver_takes();
        least = posted_count < least ? posted_count : least;
    }
    assert_in_range(rings, 1, 10 * 5);
    assert_true(least >= BUFFERS * 3 / 4);
    net_close(client);
}

/* Whatever the program keeps, the driver gets a buffer as soon as it has none. */
static void test_many_held(void **state)
{
    struct net_client *client = begin();
    uint16_t held[BUFFERS];

    (void)state;
    for (unsigned i = 0; i < BUFFERS; i++) {
        driver_receives();
        held[i] = frame(client);
    }
    assert_int_equal(posted_count, 0);
    for (unsigned i = 0; i < BUFFERS; i++) {
        net_give_back(client, held[i]);
        net_step(client);
        assert_false(net_arm(client));
        driver_takes();
        assert_true(posted_count * 5 >= (i + 1) * 4);
    }
    net_close(client);
}

/* Who is woken for a frame to be sent gets the buffers as well. */
static void test_with_a_send(void **state)
{
    struct net_client *client = begin();
    size_t len;
    const struct net_frame out = {
        .piece_count = 1, .piece = {net_client_pool(client, &len)}, .piece_bytes = {60}};

    (void)state;
    driver_receives();
    net_give_back(client, frame(client));
    net_step(client);
    driver_takes();
    assert_int_equal(posted_count, BUFFERS - 1);
    assert_int_equal(net_send(client, &out), 0);
    assert_true(net_arm(client));
    net_step(client);
    driver_takes();
    assert_int_equal(posted_count, BUFFERS);
    assert_int_equal(sends, 1);
    assert_int_equal(rings, 1);
    net_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_rings),
        cmocka_unit_test(test_many_held),
        cmocka_unit_test(test_with_a_send),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
