/*
 * From a message to a checked request. Both ways come here: a message of the service loop and a slot
 * of a channel. Every field is checked before anything is kept of it.
 */
#include "netdrv.h"

#include <libanole/anole.h>
#include <string.h>

enum way { EITHER_WAY, MESSAGE_ONLY, CHANNEL_ONLY };

/* Requests that wait are checked and enqueued; the others are answered at once. */
typedef int (*wait_check)(const struct net_session *session, const struct message *message);
typedef void (*wait_enqueue)(struct net_job *job);
typedef int (*call_handler)(const struct net_source *source, const struct message *request,
                            struct message *reply);

struct request_type {
    uint32_t flags;        /* allowed ones */
    uint8_t deadline_word; /* 0: it has none */
    enum way way;
    wait_check check;
    wait_enqueue enqueue;
    call_handler handler;
};

/* 0 if it is being canceled; the victim's own answer tells how it ended. */
static int cancel(const struct net_source *source, const struct message *request,
                  struct message *reply)
{
    (void)reply;
    struct net_session *session = net_session_of(source, request->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    uint64_t id = request->word[2];
    struct net_job *victim = id <= UINT32_MAX ? net_job_find(session, (uint32_t)id) : NULL;
    if (victim == NULL)
        return -ANOLE_ENOENT;
    if (victim->state == NET_JOB_WAITING)
        net_job_refuse(victim, -ANOLE_ECANCELED);
    return 0;
}

#define SEND_FLAGS (NET_TX_CSUM | NET_TX_TSO4 | NET_TX_TSO6 | NET_TX_ECN | NET_TX_TAGGED)
#define TYPE_INDEX(type) ((type)&0xffu)
#define TYPES (TYPE_INDEX(NET_CANCEL) + 1)

static const struct request_type request_types[TYPES] = {
    [TYPE_INDEX(NET_INFO)] = {.handler = net_info_tell},
    [TYPE_INDEX(NET_OPEN)] = {.way = MESSAGE_ONLY, .handler = net_session_open},
    [TYPE_INDEX(NET_CLOSE)] = {.way = MESSAGE_ONLY, .handler = net_session_close},
    [TYPE_INDEX(NET_ATTACH)] = {.way = MESSAGE_ONLY, .handler = net_attach},
    [TYPE_INDEX(NET_DETACH)] = {.way = MESSAGE_ONLY, .handler = net_detach},
    [TYPE_INDEX(NET_TX)] = {.flags = SEND_FLAGS | NET_TX_VECTOR,
                            .way = CHANNEL_ONLY,
                            .check = net_send_check,
                            .enqueue = net_send_enqueue},
    [TYPE_INDEX(
        NET_RX_POST)] = {.way = CHANNEL_ONLY, .check = net_post_check, .enqueue = net_post_enqueue},
    [TYPE_INDEX(NET_RX_MODE)] = {.flags = NET_MODE_FLAGS, .handler = net_rx_mode},
    [TYPE_INDEX(NET_VLAN)] = {.handler = net_vlan},
    [TYPE_INDEX(NET_MAC_SET)] = {.handler = net_mac_set},
    [TYPE_INDEX(NET_LINK)] = {.flags = NET_LINK_CHANGE, .handler = net_link_tell},
    [TYPE_INDEX(NET_STATS)] = {.handler = net_stats_tell},
    [TYPE_INDEX(NET_SEND)] = {.flags = SEND_FLAGS,
                              .deadline_word = 6,
                              .way = MESSAGE_ONLY,
                              .check = net_send_check,
                              .enqueue = net_send_enqueue},
    [TYPE_INDEX(NET_RECEIVE)] = {.deadline_word = 6,
                                 .way = MESSAGE_ONLY,
                                 .check = net_receive_check,
                                 .enqueue = net_post_enqueue},
    [TYPE_INDEX(NET_CANCEL)] = {.handler = cancel},
};

static const struct request_type *request_type(uint32_t type)
{
    uint32_t index = TYPE_INDEX(type);
    if (type != MESSAGE_TYPE(PROTO_NET, index) || index >= TYPES)
        return NULL;
    const struct request_type *known = &request_types[index];
    return known->check == NULL && known->handler == NULL ? NULL : known;
}

static int handle_waiting(const struct net_source *source, const struct request_type *known,
                          const struct message *message)
{
    struct net_session *session = net_session_of(source, message->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    if (session->detaching)
        return -ANOLE_EBUSY;
    int rc = known->check(session, message);
    if (rc < 0)
        return rc;
    uint64_t deadline = known->deadline_word != 0 ? message->word[known->deadline_word] : 0;
    if (deadline != 0 && deadline <= ticks_now())
        return -ANOLE_ETIMEDOUT;
    if (!net_job_may(session))
        return -ANOLE_EBUSY;
    known->enqueue(net_job_alloc(source, session, message));
    return SERVICE_NO_REPLY;
}

static int handle_known(const struct net_source *source, struct message *message)
{
    const struct request_type *known = request_type(message->type);
    bool by_channel = source->channel != NULL;
    if (known == NULL || (known->way == MESSAGE_ONLY && by_channel) ||
        (known->way == CHANNEL_ONLY && !by_channel))
        return -ANOLE_ENOSYS;
    if ((NET_FLAGS_OF(message->word[0]) & ~known->flags) != 0)
        return -ANOLE_EINVAL;
    if (known->check != NULL)
        return handle_waiting(source, known, message);
    struct message request = *message;
    memset(message->word, 0, sizeof(message->word));
    int status = known->handler(source, &request, message);
    message->word[0] = request.word[0];
    return status;
}

int net_handle(const struct net_source *source, struct message *message)
{
    int status = handle_known(source, message);
    if (status == SERVICE_NO_REPLY)
        return status;
    message->word[0] = NET_ID(NET_ID_OF(message->word[0]), 0);
    if (status < 0) {
        net_server.device->stats.refused++;
        memset(&message->word[1], 0, sizeof(message->word) - sizeof(message->word[0]));
    }
    return status;
}

static int serve(struct ipc_delivery *delivery)
{
    struct net_source source = {
        .endpoint = delivery->message.endpoint,
        .call_id = delivery->call_id,
        .delivery = delivery,
    };
    return net_handle(&source, &delivery->message);
}

const struct service_entry net_service_entries[] = {
    {NET_SEND, serve},   {NET_RECEIVE, serve}, {NET_INFO, serve},    {NET_OPEN, serve},
    {NET_CLOSE, serve},  {NET_ATTACH, serve},  {NET_DETACH, serve},  {NET_RX_MODE, serve},
    {NET_VLAN, serve},   {NET_MAC_SET, serve}, {NET_LINK, serve},    {NET_STATS, serve},
    {NET_CANCEL, serve}, {NET_TX, serve},      {NET_RX_POST, serve},
};
const unsigned net_service_entry_count = sizeof(net_service_entries) /
                                         sizeof(net_service_entries[0]);
