/*
 * The channels to vfs: one for each type. vfs is above us: we call it to be served, and believe what
 * it says, but for what would lead out of our own memory.
 */
#include "internal.h"

#include <libpeer/peer.h>
#include <proto/vfs.h>
#include <stdlib.h>
#include <string.h>

#define BIT_CHANNEL (fs_state.first_bit + 1)

static struct fs_channel channels[FS_TYPES];
static unsigned channel_count;
static handle_t subscription;

static void channel_close(struct fs_channel *channel)
{
    if (channel->memory)
        (void)kcall_unmap(channel->memory, channel->len);
    if (channel->doorbell != HANDLE_NONE)
        (void)kcall_close(channel->doorbell);
    channel->memory = NULL;
    channel->doorbell = HANDLE_NONE;
    channel->epoch++;
}

/* Maps what vfs offers: the rings, and the slots behind them. */
static int channel_map(struct fs_channel *channel, const struct message *answer)
{
    uint32_t entries = (uint32_t)answer->word[2];
    uint64_t slots = answer->word[3];
    unsigned prot;
    int error = kcall_region_info(channel->vfs, answer->word[0], &channel->len, &prot);

    if (!error &&
        (slots < channel_size(entries) || slots % _Alignof(struct fs_slot) != 0 ||
         slots > channel->len || FS_SLOTS * sizeof(struct fs_slot) > channel->len - slots))
        error = -ANOLE_EPROTO;
    if (!error)
        error = kcall_region_map(channel->vfs, answer->word[0], 0, channel->len,
                                 PROT_READ_BIT | PROT_WRITE_BIT, &channel->memory);
    if (!error)
        error = channel_init(&channel->channel, CHANNEL_SERVER, channel->memory, slots, entries);
    channel->slots = error ? NULL : (struct fs_slot *)(void *)((char *)channel->memory + slots);
    channel->vfs_doorbell = answer->word[1];
    return error;
}

/* One of its sides broke it: vfs lives, and asks again through the next one. */
static void channel_lose(struct fs_channel *channel)
{
    log_printf(LOG_ERROR, "the channel of type %s to vfs broke", channel->type);
    channel_close(channel);
    channel->lost = true;
}

static void channel_open(struct fs_channel *channel, endpoint_t vfs)
{
    struct message message = {0};

    channel_close(channel);
    channel->lost = false;
    channel->vfs = vfs;
    int error = kcall_doorbell(vfs, BIT_CHANNEL, &channel->doorbell);
    if (!error) {
        rs_name_pack(message.word, channel->type);
        message.word[2] = channel->doorbell;
        rs_name_pack(&message.word[3], startup_page()->name);
        error = anole_call(vfs, VFS_SERVE, &message, DEADLINE_NEVER);
    }
    if (!error)
        error = channel_map(channel, &message);
    if (error) {
        channel_close(channel);
        if (error != -ANOLE_EDEADENDPOINT) /* the next vfs rings */
            log_printf(LOG_ERROR, "vfs doesn't take files of type %s: %s", channel->type,
                       anole_error_text(error));
    }
}

void channels_init(void)
{
    for (const struct fs_ops *const *ops = fs_state.types; *ops; ops++) {
        if (channel_count == FS_TYPES)
            panic("more than %u types of files", FS_TYPES);
        channels[channel_count++] = (struct fs_channel){.type = (*ops)->type};
    }
    int error = name_subscribe("vfs", fs_state.first_bit, &subscription);
    if (error)
        log_printf(LOG_ERROR, "can't learn of vfs: %s", anole_error_text(error));
}

void channels_vfs_published(void)
{
    endpoint_t vfs;

    if (name_lookup("vfs", &vfs))
        return; /* it will be published */
    for (unsigned i = 0; i < channel_count; i++)
        if (!channels[i].memory || channels[i].vfs != vfs)
            channel_open(&channels[i], vfs);
}

/* ---- requests ---- */

static int texts_in(struct request *request, const struct fs_channel *channel)
{
    const struct message *message = &request->message;
    size_t first = message->word[4] & UINT32_MAX, second = message->word[4] >> 32;

    if (message->word[3] >= FS_SLOTS || first > FS_PATH_MAX || second > FS_PATH_MAX)
        return -ANOLE_EINVAL;
    request->texts = malloc(2 * FS_PATH_MAX);
    if (!request->texts)
        return -ANOLE_ENOMEM;
    const struct fs_slot *slot = &channel->slots[message->word[3]];
    request->origin = slot->origin;
    request->number = slot->number;
    request->first_len = first;
    request->second_len = second;
    memcpy(first_text(request), slot->first, first);
    memcpy(second_text(request), slot->second, second);
    return 0;
}

void channel_answer(struct request *request)
{
    struct fs_channel *channel = request->channel;
    struct message *message = &request->message;

    if (!channel->memory || channel->epoch != request->channel_epoch)
        return; /* whoever asked is dead; his successor asks again */
    if (request->texts) {
        struct fs_slot *slot = &channel->slots[message->word[3]];
        memcpy(slot->first, first_text(request), request->first_out);
        memcpy(slot->second, second_text(request), request->second_out);
    }
}

static void run_of_vfs(void *argument)
{
    struct request *request = argument;
    struct fs_channel *channel = request->channel;
    uint64_t slot = request->message.word[3];

    request_of_vfs(request);
    struct message reply = request->message;
    reply.type = (uint32_t)request->status;
    if (request->status == 0 && reply.word[6] != 0)
        reply.word[4] = request->second_out;
    request->message.word[3] = slot;
    if (channel->memory && channel->epoch == request->channel_epoch) {
        channel_answer(request);
        int error = channel_put(&channel->channel, &reply);
        if (!error)
            error = channel_publish(&channel->channel);
        if (error == 1)
            (void)ipc_notify(channel->vfs, channel->vfs_doorbell);
        if (error < 0)
            channel_lose(channel);
    }
    request_end(request);
}

static void refuse(struct fs_channel *channel, const struct message *message, int error)
{
    struct message reply = *message;

    reply.type = (uint32_t)error;
    reply.word[6] = 0;
    if (channel_put(&channel->channel, &reply) == 0 && channel_publish(&channel->channel) == 1)
        (void)ipc_notify(channel->vfs, channel->vfs_doorbell);
}

static void message_take(struct fs_channel *channel, const struct message *message)
{
    struct request *request;
    int error = request_begin(ENDPOINT_NONE, &request);

    if (!error) {
        request->message = *message;
        request->channel = channel;
        request->channel_epoch = channel->epoch;
        error = texts_in(request, channel);
        if (!error)
            error = coro_start(run_of_vfs, request);
        if (error)
            request_end(request);
    }
    if (error)
        refuse(channel, message, error);
}

static void channel_step(struct fs_channel *channel)
{
    struct message message;
    int got = 0;

    do {
        while (channel->memory && (got = channel_take(&channel->channel, &message)) > 0)
            message_take(channel, &message);
    } while (channel->memory && got == 0 && (got = channel_arm(&channel->channel)) > 0);
    if (channel->memory && got < 0)
        channel_lose(channel);
    if (channel->lost)
        channel_open(channel, channel->vfs);
}

void channels_step(void)
{
    for (unsigned i = 0; i < channel_count; i++)
        channel_step(&channels[i]);
}
