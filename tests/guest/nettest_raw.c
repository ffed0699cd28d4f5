/*
 * Sessions with a channel and a pool, with no safety net: what goes into the ring is the group's
 * business.
 */
#include "nettest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

endpoint_t driver;
struct net_info net;

/* ---- the driver ---- */

int net_call(enum net_request type, struct message *message)
{
    return anole_call(driver, type, message, deadline_in_us(PATIENCE_US));
}

void find_driver(void)
{
    int status = name_wait(test_subject, &driver, BIT_EVENT, deadline_in_us(PATIENCE_US));
    if (status == 0)
        status = read_info(&net);
    if (status != 0) {
        check_status(status, 0, __LINE__, "finding the driver");
        exit(1);
    }
}

handle_t grant(void *memory, size_t len, unsigned access)
{
    handle_t handle = HANDLE_NONE;
    if (!EXPECT(kcall_grant(driver, memory, len, access, &handle), 0))
        exit(1);
    return handle;
}

bool revoke(handle_t handle)
{
    struct ipc_delivery delivery;
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    int status;
    while ((status = kcall_revoke(handle, BIT_UNPINNED)) == -ANOLE_EBUSY)
        if (ipc_receive(&delivery, NOTIFY_BIT(BIT_UNPINNED), deadline, RECEIVE_NO_REQUESTS) != 0)
            return false;
    return status == 0;
}

int read_info(struct net_info *info)
{
    memset(info, 0xee, sizeof *info);
    struct message message = {.word = {1, 0, grant(info, sizeof *info, GRANT_WRITE), 0}};
    handle_t handle = message.word[2];
    int status = net_call(NET_INFO, &message);
    CHECK(revoke(handle));
    return status;
}

int read_stats(const struct port *port, struct net_stats *stats)
{
    memset(stats, 0xee, sizeof *stats);
    handle_t handle = grant(stats, sizeof *stats, GRANT_WRITE);
    struct message message = {.word = {1, port != NULL ? port->id : 0, handle, 0}};
    int status = net_call(NET_STATS, &message);
    CHECK(revoke(handle));
    return status;
}

/* ---- sessions ---- */

int port_open(struct port *port)
{
    struct message message = {.word = {NET_ID(7, 0)}};
    int status = net_call(NET_OPEN, &message);
    *port = (struct port){.id = message.word[1]};
    if (status == 0)
        CHECK(message.word[0] == 7);
    return status;
}

int port_close(struct port *port)
{
    struct message message = {.word = {8, port->id}};
    return net_call(NET_CLOSE, &message);
}

static int channel_make(struct port *port, uint32_t entries)
{
    const unsigned both = PROT_READ_BIT | PROT_WRITE_BIT;
    port->memory_len = (channel_size(entries) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    int status = kcall_region_create(port->memory_len, 0, &port->region);
    if (status == 0)
        status = kcall_region_map(ENDPOINT_SELF, port->region, 0, port->memory_len, both,
                                  &port->memory);
    if (status == 0)
        status = channel_init(&port->channel, CHANNEL_CLIENT, port->memory, port->memory_len,
                              entries);
    if (status == 0)
        status = kcall_region_offer(port->region, driver, both, &port->offer);
    if (status == 0)
        status = kcall_doorbell(driver, BIT_CHANNEL, &port->doorbell);
    return status;
}

static int pool_make(struct port *port)
{
    void *pool;
    int status = kcall_map(POOL_LEN, PROT_READ_BIT | PROT_WRITE_BIT, &pool);
    if (status != 0)
        return status;
    port->pool = pool;
    return kcall_grant(driver, pool, POOL_LEN, GRANT_READ | GRANT_WRITE, &port->pool_grant);
}

static void release(struct port *port)
{
    if (port->pool_grant != HANDLE_NONE)
        CHECK(revoke(port->pool_grant));
    if (port->pool != NULL)
        (void)kcall_unmap(port->pool, POOL_LEN);
    if (port->memory != NULL)
        (void)kcall_unmap(port->memory, port->memory_len);
    const handle_t handles[] = {port->doorbell, port->offer, port->region};
    for (unsigned i = 0; i < 3; i++)
        if (handles[i] != HANDLE_NONE)
            (void)kcall_close(handles[i]);
    *port = (struct port){.id = port->id, .last_request = port->last_request};
}

/* Makes a channel and a pool of POOL_LEN bytes, and attaches them. */
static int port_attach(struct port *port, uint32_t entries)
{
    int status = channel_make(port, entries);
    if (status == 0)
        status = pool_make(port);
    if (status == 0) {
        struct message message = {.word = {1, port->id, port->offer, port->doorbell,
                                           port->pool_grant, POOL_LEN, entries}};
        status = net_call(NET_ATTACH, &message);
        port->driver_doorbell = message.word[1];
    }
    port->attached = status == 0;
    if (status != 0)
        release(port);
    return status;
}

static int port_detach(struct port *port)
{
    struct message message = {.word = {2, port->id}};
    int status = net_call(NET_DETACH, &message);
    release(port);
    return status;
}

void port_start(struct port *port, uint32_t mode)
{
    if (!EXPECT(port_open(port), 0) || !EXPECT(port_attach(port, RING_ENTRIES), 0) ||
        !EXPECT(mode_set(port, mode, NULL, 0), 0))
        exit(1);
}

void port_end(struct port *port)
{
    if (port->attached)
        EXPECT(port_detach(port), 0);
    EXPECT(port_close(port), 0);
}

int mode_set(struct port *port, uint32_t flags, const uint8_t (*addresses)[NET_ADDRESS_BYTES],
             unsigned count)
{
    handle_t handle = HANDLE_NONE;
    if (count > 0)
        handle = grant((void *)(uintptr_t)addresses, count * (size_t)NET_ADDRESS_BYTES, GRANT_READ);
    struct message message = {.word = {NET_ID(3, flags), port->id, handle, 0, count}};
    int status = net_call(NET_RX_MODE, &message);
    if (count > 0)
        CHECK(revoke(handle));
    return status;
}

/* ---- traffic ---- */

uint32_t port_next(struct port *port)
{
    return ++port->last_request;
}

uint32_t port_put(struct port *port, uint32_t type, uint32_t flags, uint64_t w2, uint64_t w3,
                  uint64_t w4)
{
    uint32_t id = port_next(port);
    struct message message = {.type = type, .word = {NET_ID(id, flags), port->id, w2, w3, w4}};
    EXPECT(channel_put(&port->channel, &message), 0);
    return id;
}

int port_kick(struct port *port)
{
    int published = channel_publish(&port->channel);
    return published == 1 ? ipc_notify(driver, port->driver_doorbell) : published;
}

int port_reply(struct port *port, struct message *reply, uint64_t patience_us)
{
    uint64_t deadline = deadline_in_us(patience_us);
    struct ipc_delivery delivery;
    for (;;) {
        int taken = channel_take(&port->channel, reply);
        if (taken == 1)
            return 0;
        if (taken == 0)
            taken = channel_arm(&port->channel);
        if (taken < 0)
            return taken;
        if (taken == 0 &&
            ipc_receive(&delivery, NOTIFY_BIT(BIT_CHANNEL), deadline, RECEIVE_NO_REQUESTS) != 0)
            return -ANOLE_ETIMEDOUT;
    }
}

static uint64_t buffer_offset(unsigned index)
{
    return POOL_LEN - (index + 1) * (uint64_t)BUFFER_LEN;
}

void port_post(struct port *port, unsigned count, uint32_t *first)
{
    *first = port->last_request + 1;
    for (unsigned i = 0; i < count; i++)
        (void)port_put(port, NET_RX_POST, 0, buffer_offset(i), BUFFER_LEN, 0);
    EXPECT(port_kick(port), 0);
}

uint8_t *port_buffer(const struct port *port, uint32_t id, uint32_t first)
{
    return port->pool + buffer_offset(id - first);
}
