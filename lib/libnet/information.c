/*
 * What anyone may ask: INFO, STATS, and the state of the LINK; and the news of its changes.
 */
#include "netdrv.h"

#include <libanole/anole.h>

int net_info_tell(const struct net_source *source, const struct message *request,
                  struct message *reply)
{
    (void)reply;
    return kcall_copy(source->endpoint, request->word[2], request->word[3],
                      &net_server.device->info, sizeof(struct net_info), COPY_TO_GRANT);
}

int net_stats_tell(const struct net_source *source, const struct message *request,
                   struct message *reply)
{
    struct net_stats stats = net_server.device->stats;
    (void)reply;
    stats.sessions_now = net_server.sessions_open;
    stats.channels_now = (uint64_t)__builtin_popcount(net_server.attached_mask);
    stats.receivers_now = (uint64_t)__builtin_popcount(net_server.receiver_mask);
    if (request->word[1] != 0) {
        const struct net_session *session = net_session_of(source, request->word[1]);
        if (session == NULL)
            return -ANOLE_EBADHANDLE;
        stats.session_tx_frames = session->tx_frames;
        stats.session_rx_frames = session->rx_frames;
        stats.session_rx_bytes = session->rx_bytes;
        stats.session_rx_dropped_frames = session->rx_dropped_frames;
        stats.session_rx_posted = (uint64_t)session->posts_waiting + session->device_posts;
    }
    return kcall_copy(source->endpoint, request->word[2], request->word[3], &stats, sizeof(stats),
                      COPY_TO_GRANT);
}

/* ---- the link ---- */

/* What a session is told; NULL: anyone. */
static void fill_link(struct net_session *session, struct message *answer)
{
    const struct net_info *info = &net_server.device->info;
    answer->word[1] = info->link;
    answer->word[2] = net_server.link_number;
    answer->word[3] = info->speed_mbits;
    if (session != NULL && session->announce_told != net_server.announce) {
        session->announce_told = net_server.announce;
        answer->word[1] |= NET_LINK_ANNOUNCE;
    }
}

int net_link_tell(const struct net_source *source, const struct message *request,
                  struct message *reply)
{
    bool waits = (NET_FLAGS_OF(request->word[0]) & NET_LINK_CHANGE) != 0;
    struct net_session *session = net_session_of(source, request->word[1]);
    if (waits && session == NULL)
        return -ANOLE_EBADHANDLE;
    if (waits && request->word[2] == net_server.link_number) {
        if (session->detaching || !net_job_may(session))
            return -ANOLE_EBUSY;
        net_list_push(&session->events, net_job_alloc(source, session, request));
        return SERVICE_NO_REPLY;
    }
    fill_link(session, reply);
    return 0;
}

static void tell_events(struct net_session *session)
{
    struct net_job *job;
    while ((job = net_list_pop(&session->events)) != NULL) {
        struct message answer = {.word = {0}};
        fill_link(session, &answer);
        net_job_finish(job, 0, 0, &answer);
    }
}

static void log_link(const struct net_device *device)
{
    if ((device->info.link & NET_LINK_UP) == 0)
        log_printf(LOG_INFO, "%s: link down", device->name);
    else if (device->info.speed_mbits == 0)
        log_printf(LOG_INFO, "%s: link up", device->name);
    else
        log_printf(LOG_INFO, "%s: link up, %u Mbit/s, %s duplex", device->name,
                   device->info.speed_mbits,
                   (device->info.link & NET_LINK_FULL_DUPLEX) != 0 ? "full" : "half");
}

void net_server_link(struct net_device *device, const struct net_link *link, bool announce)
{
    uint32_t state = (link->up ? NET_LINK_UP : 0) | (link->full_duplex ? NET_LINK_FULL_DUPLEX : 0);
    bool same = state == device->info.link && link->speed_mbits == device->info.speed_mbits;
    if (same && !announce)
        return;
    device->info.link = state;
    device->info.speed_mbits = link->speed_mbits;
    net_server.link_number++;
    net_server.announce += announce;
    device->stats.link_changes++;
    if (!same)
        log_link(device);
    for (unsigned i = 0; i < NET_SESSIONS; i++)
        if (net_server.session[i].state == NET_SESSION_OPEN)
            tell_events(&net_server.session[i]);
}
