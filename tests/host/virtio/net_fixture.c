/*
 * The fixture of net_fixture.h.
 */
#include "net_fixture.h"

#include "fake_memory.h"

#include <anole/error.h>
#include <libanole/anole.h>
#include <proto/rs.h>
#include <stdlib.h>
#include <string.h>

#define COPIES_LEN (64u * 2048u)
#define CLIENT_DOORBELL 0x7777u

struct nic_model model;
struct nic nic;
unsigned died;
struct client a, b;
uint64_t net_last_call;
const unsigned char net_own[6] = {2, 0, 0, 0, 0, 1};
unsigned char net_frame[NIC_MODEL_FRAME];
static struct virtio_mmio mmio;
struct startup_page fake_startup_page;

void nic_die(struct nic *dying, enum nic_evidence evidence)
{
    CHECK(dying == &nic);
    if (died == 0)
        died = evidence;
}

void net_make(const unsigned char *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        net_frame[i] = (unsigned char)(i * 31 + i / 256 + len);
    memcpy(net_frame, to, 6);
    net_frame[12] = 8;
    net_frame[13] = 0;
}

/* What an earlier instance kept at RS. */
static uint64_t kept_word;

int anole_call(endpoint_t endpoint, uint32_t type, struct message *message, uint64_t deadline_ticks)
{
    (void)endpoint;
    (void)deadline_ticks;
    CHECK(type == RS_KEEP || type == RS_KEPT);
    if (type == RS_KEEP)
        kept_word = message->word[0];
    message->word[0] = kept_word;
    return 0;
}

int kcall_random(uint64_t words[4])
{
    words[0] = 0x123456789abcdef1ull;
    return 0;
}

void net_device(uint64_t features)
{
    nic_model_free(&model);
    fake_kernel_reset();
    nic_model_init(&model, features);
    fake_thread(CLIENT_A, CLIENT_A);
    fake_thread(CLIENT_B, CLIENT_B);
    died = 0;
}

int net_driver(void)
{
    CHECK(virtio_mmio_probe(&mmio, &model.platform, NIC_MODEL_BASE, NIC_MODEL_WINDOW) == 0);
    int rc = nic_open(&nic, &mmio.transport, "eth0");
    if (rc < 0)
        return rc;
    uint64_t address;
    void *copies = fake_memory_alloc(nic.pairs * COPIES_LEN, &address);
    net_server_start(&nic.net, copies, address, nic.pairs * COPIES_LEN);
    nic_link_read(&nic);
    fake_kernel_enter(net_server_run);
    CHECK(fake_kernel.service != NULL);
    return 0;
}

void net_start(uint64_t features)
{
    net_device(features);
    CHECK(net_driver() == 0);
}

int net_set_up(void **state)
{
    (void)state;
    net_start(NET_USUAL);
    return 0;
}

static void client_free(struct client *client)
{
    free(client->memory);
    free(client->pool);
    *client = (struct client){0};
}

int net_tear_down(void **state)
{
    (void)state;
    if (died == 0)
        CHECK(fake_kernel_held() == 0);
    client_free(&a);
    client_free(&b);
    nic_model_free(&model);
    fake_kernel_reset();
    return 0;
}

static void run_driver(void)
{
    const struct service *service = fake_kernel.service;
    service->before_wait();
    for (unsigned i = 0; service->deadline() == DEADLINE_POLL && died == 0; i++) {
        CHECK(i < 1000);
        service->timeout();
        service->before_wait();
    }
}

void net_work(void)
{
    unsigned rounds = 0;
    run_driver();
    nic_model_work(&model);
    while (vdev_mmio_line(&model.mmio) && died == 0) {
        CHECK(rounds++ < 1000);
        fake_kernel.service->notified(NOTIFY_BIT(NET_DEVICE_BIT));
        run_driver();
        nic_model_work(&model);
    }
}

void net_pass(uint64_t microseconds)
{
    const struct service *service = fake_kernel.service;
    uint64_t end = fake_kernel.now_ticks + microseconds * FAKE_TICKS_PER_US;
    while (died == 0 && service->deadline() <= end) {
        CHECK(service->deadline() > fake_kernel.now_ticks); /* it would never sleep */
        fake_kernel.now_ticks = service->deadline();
        service->timeout();
        net_work();
    }
    fake_kernel.now_ticks = end;
}

/* ---- requests ---- */

int net_call_as(const struct client *client, uint32_t type, struct message *message)
{
    const struct service *service = fake_kernel.service;
    struct ipc_delivery delivery = {.message = *message, .call_id = ++net_last_call};
    delivery.message.endpoint = client->process;
    delivery.message.type = type;
    for (unsigned i = 0; i < service->entry_count; i++) {
        if (service->entries[i].type != type)
            continue;
        int status = service->entries[i].handler(&delivery);
        *message = delivery.message;
        return status;
    }
    fail_msg("type %#x has no handler", type);
    return 0;
}

void client_open(struct client *client, endpoint_t process)
{
    client_free(client);
    client->process = process;
    struct message message = {.word = {1}};
    CHECK(net_call_as(client, NET_OPEN, &message) == 0);
    client->session = message.word[1];
}

int client_attach(struct client *client)
{
    size_t len = (channel_size(ENTRIES) + 4095) / 4096 * 4096;
    client->memory = aligned_alloc(4096, len);
    memset(client->memory, 0, len);
    client->pool = aligned_alloc(4096, POOL_BYTES);
    memset(client->pool, 0xee, POOL_BYTES);
    client->grant = fake_grant(client->process, client->pool, POOL_BYTES, GRANT_READ | GRANT_WRITE);
    CHECK(channel_init(&client->channel, CHANNEL_CLIENT, client->memory, len, ENTRIES) == 0);
    handle_t region = fake_region(client->process, client->memory, len, 3);
    struct message message = {
        .word = {2, client->session, region, CLIENT_DOORBELL, client->grant, POOL_BYTES, ENTRIES}};
    int status = net_call_as(client, NET_ATTACH, &message);
    client->attached = status == 0;
    return status;
}

int client_mode(const struct client *client, uint32_t mode)
{
    struct message message = {.word = {NET_ID(3, mode), client->session}};
    return net_call_as(client, NET_RX_MODE, &message);
}

void client_start(struct client *client, endpoint_t process, uint32_t mode)
{
    client_open(client, process);
    CHECK(client_attach(client) == 0);
    CHECK(client_mode(client, mode) == 0);
}

void client_end(struct client *client)
{
    struct message message = {.word = {4, client->session}};
    if (client->attached) {
        CHECK(net_call_as(client, NET_DETACH, &message) == SERVICE_NO_REPLY);
        uint64_t call = net_last_call;
        net_work();
        CHECK(fake_reply_to(call) != NULL && fake_reply_to(call)->status == 0);
        CHECK(fake_grant_pins(client->grant) == 0);
        client->attached = false;
    }
    message = (struct message){.word = {5, client->session}};
    CHECK(net_call_as(client, NET_CLOSE, &message) == 0);
}

uint32_t client_put(struct client *client, uint32_t type, uint32_t flags, uint64_t w2, uint64_t w3,
                    uint64_t w4)
{
    uint32_t id = ++client->last_id;
    struct message message = {.type = type,
                              .word = {NET_ID(id, flags), client->session, w2, w3, w4}};
    CHECK(channel_put(&client->channel, &message) == 0);
    return id;
}

void client_go(struct client *client)
{
    int rc = channel_publish(&client->channel);
    CHECK(rc >= 0);
    if (rc > 0)
        fake_kernel.service->notified(NOTIFY_BIT(0));
    net_work();
}

int client_answer(struct client *client, struct message *answer)
{
    int rc = channel_take(&client->channel, answer);
    CHECK(rc >= 0);
    return rc;
}

uint32_t client_post(struct client *client, unsigned count)
{
    uint32_t first = client->last_id + 1;
    for (unsigned i = 0; i < count; i++)
        (void)client_put(client, NET_RX_POST, 0, i * (uint64_t)BUFFER_BYTES, BUFFER_BYTES, 0);
    client_go(client);
    return first;
}

void net_statistics(struct net_stats *stats)
{
    handle_t grant = fake_grant(CLIENT_A, stats, sizeof(*stats), GRANT_WRITE);
    struct client asker = {.process = CLIENT_A};
    struct message message = {.word = {1, 0, grant}};
    CHECK(net_call_as(&asker, NET_STATS, &message) == 0);
    CHECK(stats->rx_frames == stats->rx_direct_frames + stats->rx_copied_frames +
                                  stats->rx_unwanted_frames + stats->rx_dropped_frames);
}
