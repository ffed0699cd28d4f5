/*
 * Everything that RS does because time has passed: the liveness round, and states that lasted too
 * long.
 */
#include "rs.h"
#include <libanole/anole.h>

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
    if (names_owed(service)) {
        facts.owes_name = service->up_since_ticks / ticks_per_ms();
    }
    service->facts = facts;
    service->looked_ms = now_ms;
    switch (liveness_judge(&service->config->liveness, &facts, &service->liveness, now_ms)) {
    case LIVENESS_FINE:
        break;
    case LIVENESS_PING:
        service_notify(service, NOTIFY_PING);
        break;
    case LIVENESS_SPINS:
    case LIVENESS_HOARDS:
    case LIVENESS_SILENT:
        complaints_were_right(service);
        service_kill(service, DEATH_NO_PROGRESS, 0);
        break;
    case LIVENESS_CORROBORATED:
        complaints_were_right(service);
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
        const struct rs_service *service = &rs.services[i];
        deadline = service->timer < deadline ? service->timer : deadline;
        deadline = service->spare_due < deadline ? service->spare_due : deadline;
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
        if (rs.services[i].spare_due <= now) {
            spare_make(&rs.services[i]);
        }
    }
    if (round_due <= now) {
        uint64_t now_ms = now / ticks_per_ms();
        if (!liveness_late(round_due / ticks_per_ms(), now_ms)) {
            liveness_round(now_ms);
            orphans_round();
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
