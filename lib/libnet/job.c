/*
 * Requests that wait: for the device, for a frame, for the link to change. Each is on one list of its
 * session or in the device, and is answered exactly once.
 */
#include "netdrv.h"

#include <libanole/anole.h>

void net_jobs_init(void)
{
    for (unsigned i = 0; i < NET_JOBS; i++)
        net_server.job[i].next = (uint16_t)(i + 1 < NET_JOBS ? i + 1 : NET_NONE);
    net_server.free_jobs = NET_JOBS;
}

bool net_job_may(const struct net_session *session)
{
    /* Beyond its share a session only gets what the others' shares leave. */
    return session->slots < NET_SHARE ? net_server.free_jobs > 0
                                      : net_server.free_jobs > NET_SHARE * net_server.sessions_open;
}

struct net_job *net_job_alloc(const struct net_source *source, struct net_session *session,
                              const struct message *message)
{
    struct net_job *job = &net_server.job[net_server.free_job];
    net_server.free_job = job->next;
    net_server.free_jobs--;
    *job = (struct net_job){
        .next = NET_NONE,
        .state = NET_JOB_WAITING,
        .session = (uint8_t)net_session_index(session),
        .type = message->type,
        .id = NET_ID_OF(message->word[0]),
        .flags = NET_FLAGS_OF(message->word[0]),
        .caller = source->endpoint,
        .call_id = source->call_id,
        .mapping = HANDLE_NONE,
    };
    for (unsigned i = 0; i < MESSAGE_WORDS - 2; i++)
        job->word[i] = message->word[i + 2];
    session->slots++;
    if (source->channel != NULL)
        session->channel_slots++;
    return job;
}

/* ---- lists ---- */

void net_list_push(struct net_list *list, struct net_job *job)
{
    job->next = NET_NONE;
    if (list->first == NET_NONE)
        list->first = net_job_index(job);
    else
        net_server.job[list->last].next = net_job_index(job);
    list->last = net_job_index(job);
}

void net_list_push_front(struct net_list *list, struct net_job *job)
{
    job->next = list->first;
    list->first = net_job_index(job);
    if (list->last == NET_NONE)
        list->last = net_job_index(job);
}

struct net_job *net_list_first(const struct net_list *list)
{
    return list->first == NET_NONE ? NULL : &net_server.job[list->first];
}

struct net_job *net_list_pop(struct net_list *list)
{
    struct net_job *job = net_list_first(list);
    if (job != NULL) {
        list->first = job->next;
        if (list->first == NET_NONE)
            list->last = NET_NONE;
    }
    return job;
}

static void net_list_remove(struct net_list *list, struct net_job *job)
{
    uint16_t before = NET_NONE;
    for (uint16_t at = list->first; at != net_job_index(job); at = net_server.job[at].next)
        before = at;
    if (before == NET_NONE)
        list->first = job->next;
    else
        net_server.job[before].next = job->next;
    if (list->last == net_job_index(job))
        list->last = before;
}

static struct net_list *list_of(const struct net_job *job)
{
    struct net_session *session = net_job_session(job);
    switch (job->type) {
    case NET_TX:
    case NET_SEND:
        return &session->sends;
    case NET_LINK:
        return &session->events;
    default:
        return &session->posts;
    }
}

struct net_job *net_job_find(const struct net_session *session, uint32_t id)
{
    unsigned left = session->slots;
    for (unsigned i = 0; i < NET_JOBS && left > 0; i++) {
        struct net_job *job = &net_server.job[i];
        if (job->state == NET_JOB_FREE || job->session != net_session_index(session))
            continue;
        if (job->id == id)
            return job;
        left--;
    }
    return NULL;
}

/* ---- the end of a request ---- */

static void answer_it(const struct net_job *job, int status, uint32_t flags,
                      const struct message *answer)
{
    struct net_session *session = net_job_session(job);
    if (session->state != NET_SESSION_OPEN)
        return;
    struct ipc_delivery delivery = {.message = *answer, .call_id = job->call_id};
    delivery.message.word[0] = NET_ID(job->id, flags);
    if (net_job_by_channel(job)) {
        delivery.message.endpoint = 0;
        delivery.message.type = (uint32_t)status;
        net_channel_reply(session, &delivery.message);
    } else {
        delivery.message.endpoint = job->caller;
        service_reply(&delivery, status);
    }
}

void net_job_finish(struct net_job *job, int status, uint32_t flags, const struct message *answer)
{
    struct net_session *session = net_job_session(job);
    if (job->mapping != HANDLE_NONE)
        (void)kcall_dma_unmap(job->mapping);
    answer_it(job, status, flags, answer);
    session->slots--;
    if (net_job_by_channel(job))
        session->channel_slots--;
    job->state = NET_JOB_FREE;
    job->next = net_server.free_job;
    net_server.free_job = net_job_index(job);
    net_server.free_jobs++;
    if (session->detaching || session->state == NET_SESSION_ENDING)
        net_session_settle(session);
}

void net_job_refuse(struct net_job *job, int status)
{
    static const struct message nothing;
    struct net_stats *stats = &net_server.device->stats;
    struct net_session *session = net_job_session(job);
    net_list_remove(list_of(job), job);
    if (session->sends.first == NET_NONE)
        net_server.send_mask &= ~net_session_bit(session);
    if (job->type == NET_RX_POST || job->type == NET_RECEIVE)
        session->posts_waiting--;
    if (job->type != NET_RX_POST && job->type != NET_LINK)
        net_server.waiting--;
    if (status == -ANOLE_ECANCELED)
        stats->canceled++;
    else if (status == -ANOLE_ETIMEDOUT)
        stats->timeouts++;
    net_job_finish(job, status, 0, &nothing);
}

static void cancel_list(const struct net_list *list, bool channel_only)
{
    uint16_t at = list->first;
    while (at != NET_NONE) {
        struct net_job *job = &net_server.job[at];
        at = job->next;
        /* The session itself may end with its last request, and be none to look at any more. */
        if (!channel_only || net_job_by_channel(job))
            net_job_refuse(job, -ANOLE_ECANCELED);
    }
}

void net_jobs_cancel(struct net_session *session, bool channel_only)
{
    cancel_list(&session->sends, channel_only);
    cancel_list(&session->posts, channel_only);
    cancel_list(&session->events, channel_only);
}
