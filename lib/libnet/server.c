/*
 * The frame of a network driver: start, the work before each wait, notifications, the poll timer, and
 * stopping. It is driven by libanole's service loop, which hands requests to message.c.
 */
#include "netdrv.h"

#include <libanole/anole.h>
#include <string.h>

/* Rounds of work before the loop looks for messages again. */
#define ROUNDS_MAX 4u
#define STOP_TIMEOUT_US 100000u
/* Frames received in one round. A round that finds as many makes the next one's budget larger, and the
 * device isn't asked for interrupts meanwhile; one that finds few makes it smaller again, so that a
 * trickle of frames is answered frame by frame. */
#define BUDGET_MIN 16u
#define BUDGET_MAX 256u

struct net_server net_server;

void net_server_start(struct net_device *device, void *memory, uint64_t device_address, size_t len)
{
    struct net_server *server = &net_server;
    memset(server, 0, sizeof(*server));
    server->device = device;
    server->timer_ticks = DEADLINE_NEVER;
    server->budget = BUDGET_MIN;
    server->tx_lanes = 1;
    net_jobs_init();
    net_receive_init(memory, device_address, len);
    net_receivers_changed();
    net_filter_restore(); /* a device without a filter lets everything through */
}

/* ---- the work ---- */

static bool somebody_receives(void)
{
    return net_server.receiver_mask != 0;
}

static bool busy(void)
{
    return net_server.sending > 0 || net_server.waiting > 0 || net_server.awake_mask != 0;
}

static void adapt_budget(unsigned received)
{
    unsigned budget = net_server.budget;
    if (received >= budget && budget < BUDGET_MAX)
        budget *= 2;
    else if (received < budget / 4 && budget > BUDGET_MIN)
        budget /= 2;
    net_server.budget = (uint16_t)budget;
}

/* One round: finish what is finished, take what is there, fill the device, tell everyone. True: there
 * is more to do, or more came meanwhile. */
static bool work_round(bool *submitted)
{
    struct net_device *device = net_server.device;
    unsigned budget = net_server.budget;
    unsigned received = device->ops->reap(device, budget);
    adapt_budget(received);
    if (net_server.narrowing)
        net_receivers_changed();
    if (net_server.awake_mask != 0)
        net_channels_take();
    net_dispatch();
    net_fill();
    if (net_server.unkicked) {
        net_server.unkicked = false;
        *submitted = true;
        device->ops->kick(device);
    }
    if (net_server.reply_mask != 0)
        net_channels_publish();
    if (received >= budget)
        return true; /* under load: polled, not interrupted */
    bool more = device->ops->arm(device, net_server.sending > 0);
    if (net_server.awake_mask != 0)
        more |= net_channels_arm();
    return more;
}

static void set_timer(void)
{
    uint64_t next = DEADLINE_NEVER;
    if (busy())
        next = net_server.now_ticks + ticks_from_us(NET_POLL_US);
    else if (somebody_receives())
        next = net_server.now_ticks + ticks_from_us(NET_IDLE_POLL_US);
    /* What is set already comes earlier, unless it was for idle times. */
    if (net_server.timer_ticks > next)
        net_server.timer_ticks = next;
}

static void work(void)
{
    bool submitted = false;
    unsigned round = 0;
    net_server.now_ticks = ticks_now();
    while (work_round(&submitted) && ++round < ROUNDS_MAX)
        continue;
    net_server.again = round == ROUNDS_MAX;
    net_server.device->stats.batches += submitted;
    set_timer();
}

static void notified(uint64_t bits)
{
    if ((bits & NOTIFY_BIT(NET_BIT_CHANNEL)) != 0) {
        for (uint32_t mask = net_server.attached_mask; mask != 0; mask &= mask - 1) {
            const struct net_session *session = &net_server.session[__builtin_ctz(mask)];
            if (session->state == NET_SESSION_OPEN && !session->detaching && !session->broken)
                net_server.awake_mask |= net_session_bit(session);
        }
    }
    if ((bits & NOTIFY_BIT(NET_BIT_WATCH)) != 0)
        net_session_bury();
    bits &= ~(NOTIFY_BIT(NET_DEVICE_BIT) - 1);
    if (bits != 0)
        net_server.device->ops->notified(net_server.device, bits);
}

/* ---- the poll timer ---- */

static uint64_t deadline(void)
{
    return net_server.again ? DEADLINE_POLL : net_server.timer_ticks;
}

/* SEND's and RECEIVE's; a TX has none. */
static uint64_t deadline_of(const struct net_job *job)
{
    return job->type == NET_SEND || job->type == NET_RECEIVE ? job->word[4] : 0;
}

static void look_at_deadlines(uint64_t now)
{
    struct net_device *device = net_server.device;
    uint64_t patience = ticks_from_us(NET_STUCK_US);
    for (unsigned i = 0; i < NET_JOBS; i++) {
        struct net_job *job = &net_server.job[i];
        uint64_t until = deadline_of(job);
        if (job->state == NET_JOB_WAITING && until != 0 && until <= now) {
            net_job_refuse(job, -ANOLE_ETIMEDOUT);
        } else if (job->state == NET_JOB_DEVICE && job->type != NET_RX_POST &&
                   now - job->since_ticks >= patience) {
            device->stats.timeouts++;
            log_printf(LOG_ERROR, "%s: frame %u, %u bytes, is not sent", device->name, job->id,
                       job->bytes);
            device->ops->stuck(device);
            return;
        }
    }
}

static void timeout(void)
{
    struct net_device *device = net_server.device;
    uint64_t now = ticks_now();
    if (now < net_server.timer_ticks)
        return;                              /* only another round was wanted */
    net_server.timer_ticks = DEADLINE_NEVER; /* set again by the work that follows */
    device->ops->check(device);
    if (busy())
        look_at_deadlines(now);
}

/* ---- stop ---- */

static void stop(void)
{
    struct net_device *device = net_server.device;
    uint64_t until = deadline_in_us(STOP_TIMEOUT_US);
    while (net_server.sending > 0 && ticks_now() < until)
        (void)device->ops->reap(device, BUDGET_MAX);
    net_channels_publish();
    device->ops->quiesce(device);
}

_Noreturn void net_server_run(void)
{
    static struct service service = {
        .entries = net_service_entries,
        .notified = notified,
        .before_wait = work,
        .stop = stop,
        .deadline = deadline,
        .timeout = timeout,
    };
    service.name = net_server.device->name;
    service.entry_count = net_service_entry_count;
    service_run(&service);
}
