/*
 * Requests that wait. The caller waits inside its call, for as long as it pleases; what the server
 * holds of it is an entry here, of which each process has a bounded number.
 */
#include "inet.h"

static struct waiter waiters[WAITERS];
static struct waiter *free_waiters;
static unsigned used_count;
/* No deadline is earlier. Looking at all of them is for when it has passed. */
static uint64_t earliest = DEADLINE_NEVER;

void waiters_init(void)
{
    for (unsigned i = 0; i < WAITERS; i++) {
        waiters[i].next = free_waiters;
        free_waiters = &waiters[i];
    }
}

/* Those freed last are used first, so that few of them lie close to the end. */
static unsigned waiters_of(endpoint_t process)
{
    unsigned count = 0, seen = 0;

    for (unsigned i = WAITERS; i-- > 0 && seen < used_count;) {
        seen += waiters[i].used;
        count += waiters[i].used && waiters[i].process == process;
    }
    return count;
}

struct waiter *waiter_alone(endpoint_t process, const struct ipc_delivery *request,
                            uint64_t deadline_ticks)
{
    struct waiter *waiter = free_waiters;

    if (!waiter || waiters_of(process) >= WAITERS_A_PROCESS)
        return NULL;
    free_waiters = waiter->next;
    used_count++;
    *waiter = (struct waiter){
        .used = true,
        .what = WAITS_RESOLVE,
        .process = process,
        .deadline_ticks = deadline_ticks,
        .request = *request,
    };
    if (deadline_ticks < earliest)
        earliest = deadline_ticks;
    return waiter;
}

int waiter_add(struct socket *socket, enum waits_for what, const struct ipc_delivery *request)
{
    struct waiter_list *list = &socket->waiting[what];
    uint64_t deadline_ticks = request->message.word[6];
    struct waiter *waiter;

    if (deadline_ticks == 0)
        return -ANOLE_EAGAIN;
    waiter = waiter_alone(socket->owner, request, deadline_ticks);
    if (!waiter)
        return -ANOLE_ENOMEM;
    waiter->socket = socket;
    waiter->what = what;
    if (list->last)
        list->last->next = waiter;
    else
        list->first = waiter;
    list->last = waiter;
    return SERVICE_NO_REPLY;
}

struct waiter *waiter_first(const struct socket *socket, enum waits_for what)
{
    return socket->waiting[what].first;
}

static void waiter_free(struct waiter *waiter)
{
    if (waiter->socket) {
        struct waiter_list *list = &waiter->socket->waiting[waiter->what];
        struct waiter *before = NULL;

        for (struct waiter *at = list->first; at != waiter; at = at->next)
            before = at;
        if (before)
            before->next = waiter->next;
        else
            list->first = waiter->next;
        if (list->last == waiter)
            list->last = before;
    }
    waiter->used = false;
    used_count--;
    waiter->socket = NULL;
    waiter->next = free_waiters;
    free_waiters = waiter;
}

void waiter_answer(struct waiter *waiter, int status)
{
    struct ipc_delivery reply = waiter->request;

    waiter_free(waiter);
    service_reply(&reply, status);
}

void waiters_end(struct socket *socket, enum waits_for what, int status)
{
    while (waiter_first(socket, what))
        waiter_answer(waiter_first(socket, what), status);
}

void waiters_serve(struct socket *socket, enum waits_for what,
                   int (*attempt)(struct socket *socket, struct message *message))
{
    struct waiter *waiter;

    while ((waiter = waiter_first(socket, what)) != NULL) {
        int status = attempt(socket, &waiter->request.message);
        if (status == -ANOLE_EAGAIN)
            return;
        waiter_answer(waiter, status);
    }
}

uint64_t waiters_deadline(void)
{
    return earliest;
}

void waiters_expire(void)
{
    uint64_t now = ticks_now();

    if (earliest > now)
        return;
    earliest = DEADLINE_NEVER;
    for (unsigned i = 0; i < WAITERS; i++) {
        if (waiters[i].used && waiters[i].deadline_ticks <= now)
            waiter_answer(&waiters[i], -ANOLE_ETIMEDOUT);
        else if (waiters[i].used && waiters[i].deadline_ticks < earliest)
            earliest = waiters[i].deadline_ticks;
    }
}

void waiters_bury(endpoint_t process)
{
    for (unsigned i = 0; i < WAITERS; i++)
        if (waiters[i].used && waiters[i].process == process)
            waiter_free(&waiters[i]);
}
