/*
 * One instance of a service, from its client's side. See peer.h.
 */
#include <libanole/anole.h>
#include <libpeer/peer.h>

#define BOTH (PROT_READ_BIT | PROT_WRITE_BIT)

bool peer_alive(endpoint_t service)
{
    return service != ENDPOINT_NONE && endpoint_is_alive(service);
}

uint32_t peer_ring_entries(uint32_t messages)
{
    uint32_t entries = CHANNEL_ENTRIES_MIN;
    while (entries < messages && entries < CHANNEL_ENTRIES_MAX)
        entries *= 2;
    return entries;
}

int peer_channel_open(struct peer_channel *channel, endpoint_t service, uint32_t entries,
                      unsigned bit)
{
    return peer_channel_open_with(channel, service, entries, bit, 0);
}

int peer_channel_open_with(struct peer_channel *channel, endpoint_t service, uint32_t entries,
                           unsigned bit, size_t more)
{
    *channel = (struct peer_channel){.service = service};
    size_t len = (channel_size(entries) + more + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);
    int error = kcall_region_create(len, 0, &channel->region);
    if (!error)
        error = kcall_region_map(ENDPOINT_SELF, channel->region, 0, len, BOTH, &channel->memory);
    if (error)
        return error;
    channel->len_bytes = len;
    error = channel_init(&channel->channel, CHANNEL_CLIENT, channel->memory, len, entries);
    if (!error)
        error = kcall_region_offer(channel->region, service, BOTH, &channel->offer);
    if (!error)
        error = kcall_doorbell(service, bit, &channel->doorbell);
    return error;
}

/* Handles of our own making; one that the kernel closed already is as good as closed. */
static void close_handle(handle_t handle)
{
    if (handle != HANDLE_NONE)
        (void)kcall_close(handle);
}

void peer_channel_close(struct peer_channel *channel)
{
    if (channel->len_bytes != 0)
        (void)kcall_unmap(channel->memory, channel->len_bytes);
    close_handle(channel->doorbell);
    close_handle(channel->offer);
    close_handle(channel->region);
    *channel = (struct peer_channel){.service = ENDPOINT_NONE};
}

int peer_channel_publish(struct peer_channel *channel)
{
    int published = channel_publish(&channel->channel);
    channel->ring_owed |= published == 1;
    return published < 0 ? published : 0;
}

int peer_channel_ring(struct peer_channel *channel)
{
    if (!channel->ring_owed)
        return 0;
    channel->ring_owed = false;
    return ipc_notify(channel->service, channel->service_doorbell);
}

int peer_revoke(handle_t *grant, unsigned bit)
{
    if (*grant != HANDLE_NONE && kcall_revoke(*grant, (int)bit) == -ANOLE_EBUSY)
        return -ANOLE_EBUSY;
    *grant = HANDLE_NONE;
    return 0;
}

void peer_complain(endpoint_t service, enum rs_complaint complaint, uint64_t deadline_ticks)
{
    struct message message = {.word = {service, complaint}};
    (void)anole_call(startup_page()->rs, RS_COMPLAIN, &message, deadline_ticks);
}

void peer_served(endpoint_t service, uint64_t deadline_ticks)
{
    struct message message = {.word = {service}};
    (void)anole_call(startup_page()->rs, RS_SERVED, &message, deadline_ticks);
}
