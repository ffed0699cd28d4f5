/*
 * Everything that RS does because time has passed: the liveness round, and states that lasted too
 * long. Complaints are taken here, too, since they only make RS look.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <string.h>

#define COMPLAINTS_PER_CALLER 8u
#define COMPLAINT_WINDOW_MS 10000u
#define COMPLAINT_LOG_MS 1000u
#define COMPLAINERS 32u

static struct liveness threads[ENDPOINT_SLOTS];
static uint64_t round_due; /* ticks */

static uint64_t ticks_per_ms(void)
{
    return info_page()->ticks_per_second / 1000;
}

/* ---- the liveness round ---- */

static void judge(struct rs_service *service, unsigned thread_count, uint64_t now_ms)
{
    struct liveness_facts facts = {0};
    for (unsigned i = 0; i < thread_count; i++) {
        if (threads[i].process == service->endpoint) {
            liveness_add(&facts, &threads[i], ticks_per_ms());
        }
    }
    switch (liveness_judge(&service->config->liveness, &facts, &service->liveness, now_ms)) {
    case LIVENESS_FINE:
        break;
    case LIVENESS_PING:
        service_notify(service, NOTIFY_PING);
        break;
    case LIVENESS_SPINS:
    case LIVENESS_SILENT:
        service_kill(service, DEATH_NO_PROGRESS, 0);
        break;
    case LIVENESS_CORROBORATED:
        service_kill(service, DEATH_COMPLAINT, 0);
        break;
    }
}

static void liveness_round(uint64_t now_ms)
{
    struct message message = {.word = {(uintptr_t)threads, ENDPOINT_SLOTS}};
    if (kcall(KCALL_LIVENESS, &message)) {
        return;
    }
    unsigned count = message.word[0] < ENDPOINT_SLOTS ? (unsigned)message.word[0] : ENDPOINT_SLOTS;
    for (unsigned i = 0; i < rs.service_count; i++) {
        struct rs_service *service = &rs.services[i];
        if (service->state == RS_STATE_UP && !service_is_rs(service)) {
            judge(service, count, now_ms);
        }
    }
}

/* ---- states that lasted too long ---- */

static void overdue(struct rs_service *service)
{
    struct rs_service *devman;
    service->timer = DEADLINE_NEVER;
    if (shutdown_begun() && service->endpoint == ENDPOINT_NONE) {
        return; /* nothing starts any more */
    }
    switch (service->state) {
    case RS_STATE_STARTING: /* no RS_READY */
        service_kill(service, DEATH_NO_PROGRESS, 0);
        break;
    case RS_STATE_DYING: /* it was told to stop and didn't */
        service_kill(service, DEATH_STOPPED, 0);
        break;
    case RS_STATE_BACKOFF:
        service_start(service);
        break;
    case RS_STATE_RESET:
        devman = service_with_kcall(KCALL_DEVICE_MAP);
        service_timer(service, RESET_OVERDUE_MS);
        if (devman && devman->state == RS_STATE_UP) {
            service_kill(devman, DEATH_NO_PROGRESS, 0);
        }
        break;
    default:
        break;
    }
}

uint64_t watch_deadline(void)
{
    uint64_t deadline = round_due;
    for (unsigned i = 0; i < rs.service_count; i++) {
        if (rs.services[i].timer < deadline) {
            deadline = rs.services[i].timer;
        }
    }
    return deadline;
}

void watch_run(void)
{
    uint64_t now = ticks_now();
    for (unsigned i = 0; i < rs.service_count; i++) {
        if (rs.services[i].timer <= now) {
            overdue(&rs.services[i]);
        }
    }
    if (round_due <= now) {
        uint64_t now_ms = now / ticks_per_ms();
        if (!liveness_late(round_due / ticks_per_ms(), now_ms)) {
            liveness_round(now_ms);
        }
        round_due = now + LIVENESS_PERIOD_MS * ticks_per_ms();
    }
}

int request_pong(struct message *message, const struct rs_caller *caller)
{
    (void)message;
    liveness_pong(&caller->service->liveness);
    return 0;
}

/* ---- complaints ---- */

/* How often who complained: one that complains too much isn't heard for a while. */
static bool may_complain_now(endpoint_t process, uint64_t now)
{
    static struct {
        endpoint_t process;
        unsigned count;
        uint64_t since;
    } complainers[COMPLAINERS];
    unsigned oldest = 0;
    for (unsigned i = 0; i < COMPLAINERS; i++) {
        bool expired = now - complainers[i].since > COMPLAINT_WINDOW_MS * ticks_per_ms();
        if (complainers[i].process == process && !expired) {
            return ++complainers[i].count <= COMPLAINTS_PER_CALLER;
        }
        if (complainers[i].since < complainers[oldest].since) {
            oldest = i;
        }
    }
    complainers[oldest].process = process;
    complainers[oldest].count = 1;
    complainers[oldest].since = now;
    return true;
}

/* Counts a complaint of a service that has the right. True: it is the second one's. */
static bool corroborated(struct rs_service *victim, const struct rs_caller *caller)
{
    const struct config_rights *rights = config_rights_by_id(&rs.config, caller->service_id);
    unsigned count = 0;
    if (!rights || !rights->may_complain) {
        return false;
    }
    victim->complainers[caller->service_id / 64] |= (uint64_t)1 << caller->service_id % 64;
    for (unsigned word = 0; word < SERVICE_ID_WORDS; word++) {
        for (uint64_t bits = victim->complainers[word]; bits; bits &= bits - 1) {
            count++;
        }
    }
    return count >= 2;
}

/* w0 endpoint, w1 enum rs_complaint. */
int request_complain(struct message *message, const struct rs_caller *caller)
{
    endpoint_t process;
    unsigned id;
    uint64_t now = ticks_now();
    uint64_t kind = message->word[1];
    if (kind != RS_COMPLAINT_TIMEOUT && kind != RS_COMPLAINT_PROTOCOL) {
        return -ANOLE_EINVAL;
    }
    int error = kcall_endpoint_info((endpoint_t)message->word[0], &process, &id);
    if (error) {
        return error;
    }
    struct rs_service *victim = service_of_process(process);
    if (!victim || service_is_rs(victim) || victim == caller->service) {
        return -ANOLE_EINVAL;
    }
    if (victim->state != RS_STATE_UP) {
        return 0; /* it is being dealt with */
    }
    if (!may_complain_now(caller->process, now)) {
        return -ANOLE_EAGAIN;
    }
    if (now - victim->complaint_logged_ticks > COMPLAINT_LOG_MS * ticks_per_ms()) {
        victim->complaint_logged_ticks = now;
        log_event(victim, RS_EVENT_COMPLAINT, kind);
    }
    victim->liveness.complaint = true;
    if (corroborated(victim, caller)) {
        service_kill(victim, DEATH_COMPLAINT, caller->service_id);
    }
    return 0;
}
