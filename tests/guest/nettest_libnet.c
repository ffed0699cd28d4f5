/*
 * Groups: libnet's client, and deaths under it.
 */
#include "nettest.h"

#include <libnet/client.h>
#include <librs/rs_client.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 400u
#define AT_A_TIME 40u
#define FRAME_LEN 600u
#define KILLS 3u

static struct net_client *client;
static uint8_t *pool;
static bool sent[FRAMES];
static unsigned sent_count, echo_count, bad_count, up_count, down_count;

static void start(void)
{
    size_t len;
    const struct net_client_options options = {.notify_bit = BIT_LIBNET, .tx_depth = AT_A_TIME};
    if (!EXPECT(net_open(&client, test_subject, &options), 0))
        exit(1);
    pool = net_client_pool(client, &len);
    CHECK(len >= AT_A_TIME * 1024);
    sent_count = echo_count = bad_count = up_count = down_count = 0;
    memset(sent, 0, sizeof sent);
    EXPECT(net_mode(client, NET_MODE_UNICAST, NULL, 0), 0);
}

/* An echo of a frame from this group: its number is in the pattern's seed. */
static bool echo_valid(const struct net_event *event)
{
    uint8_t made[FRAME_LEN], whole[FRAME_LEN] = {0};
    size_t at = 0;
    if (event->bytes != FRAME_LEN)
        return false;
    for (unsigned i = 0; i < event->part_count; i++) {
        memcpy(whole + at, event->part[i].data, event->part[i].bytes);
        at += event->part[i].bytes;
    }
    frame_make(made, sizeof made, &(struct wish){.kind = 'E'},
               (uint8_t)(whole[FRAME_LEN - 1] - (FRAME_LEN - 1) * 7));
    return at == FRAME_LEN && frame_is(whole, FRAME_LEN, made);
}

static void take(const struct net_event *event)
{
    switch (event->kind) {
    case NET_EVENT_SENT:
        EXPECT(event->status, 0);
        CHECK(event->tag < FRAMES && !sent[event->tag]);
        sent[event->tag % FRAMES] = true;
        sent_count++;
        break;
    case NET_EVENT_FRAME:
        echo_count++;
        bad_count += !echo_valid(event);
        for (unsigned i = 0; i < event->part_count; i++)
            net_give_back(client, event->part[i].buffer);
        break;
    case NET_EVENT_UP:
        up_count++;
        break;
    case NET_EVENT_DOWN:
        down_count++;
        break;
    default:
        break;
    }
}

static void take_all(void)
{
    struct net_event event;
    while (net_next(client, &event))
        take(&event);
}

static int send_one(unsigned number)
{
    uint8_t *at = pool + number % AT_A_TIME * 1024;
    frame_make(at, FRAME_LEN, &(struct wish){.kind = 'E'}, (uint8_t)number);
    /* Now in one piece, now in two, now in many. */
    struct net_frame frame = {.tag = number};
    uint32_t step = number % 3 == 0 ? FRAME_LEN : number % 3 == 1 ? FRAME_LEN / 2 : FRAME_LEN / 10;
    for (uint32_t done = 0; done < FRAME_LEN; done += step) {
        frame.piece[frame.piece_count] = at + done;
        frame.piece_bytes[frame.piece_count++] = step;
    }
    return net_send(client, &frame);
}

/* Sends all frames, with the driver killed after every FRAMES / (kills + 1) of them. */
static void send_all(const char *service, unsigned kills)
{
    uint64_t deadline = deadline_in_us(20 * PATIENCE_US);
    unsigned queued = 0, killed = 0;
    while (sent_count < FRAMES && ticks_now() < deadline) {
        while (queued < FRAMES && queued < sent_count + AT_A_TIME && send_one(queued) == 0)
            queued++;
        /* With frames under way. */
        if (killed < kills && queued > (killed + 1) * FRAMES / (kills + 1)) {
            net_step(client);
            EXPECT(rs_control(service, RS_KILL), 0);
            killed++;
        }
        (void)net_wait(client, deadline_in_us(100000));
        take_all();
    }
    while (net_wait(client, deadline_in_us(300000)) == 0)
        take_all();
    CHECK(killed == kills);
}

void group_client(void)
{
    find_driver();
    need_peer();
    start();
    send_all(NULL, 0);
    CHECK(sent_count == FRAMES && echo_count == FRAMES && bad_count == 0);
    CHECK(up_count == 1 && down_count == 0);
    CHECK(memcmp(net_client_info(client)->address, net.address, NET_ADDRESS_BYTES) == 0);
    /* What isn't in the pool can't be sent; more than the depth at a time neither. */
    struct net_frame bad = {.piece_count = 1, .piece = {&bad}, .piece_bytes = {64}};
    EXPECT(net_send(client, &bad), -ANOLE_EINVAL);
    bad = (struct net_frame){.piece_count = 0};
    EXPECT(net_send(client, &bad), -ANOLE_EINVAL);
    EXPECT(net_mode(client, 0x100, NULL, 0), -ANOLE_EINVAL);
    EXPECT(net_vlan(client, NET_VLANS, true), -ANOLE_EINVAL);
    net_close(client);
}

void group_recovery(void)
{
    char service[RS_NAME_LEN];
    struct net_client_stats stats;
    find_driver();
    need_peer();
    service_of_driver(service);
    start();
    EXPECT(net_vlan(client, 5, true), 0);
    send_all(service, KILLS);
    net_client_stats(client, &stats);
    CHECK(sent_count == FRAMES && bad_count == 0);
    CHECK(up_count == KILLS + 1 && down_count == KILLS && stats.epochs == KILLS + 1);
    /* What came while there was nobody to take it is lost, and nothing else. */
    check(echo_count + KILLS * AT_A_TIME >= FRAMES, __LINE__, "%u echoes", echo_count);
    net_close(client);
}
