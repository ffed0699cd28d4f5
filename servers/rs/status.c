/*
 * What RS tells of services: the list, and of one all that it knows and goes by.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <string.h>

static uint64_t now_ms(void)
{
    return ticks_to_us(ticks_now()) / 1000;
}

static uint32_t cut(uint64_t number)
{
    return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

static void describe(const struct rs_service *service, struct rs_service_info *info)
{
    const struct config_recovery *recovery = &service->config->recovery;
    uint32_t wait_ms;
    (void)policy_outlook(recovery, &service->history, now_ms(), &wait_ms);
    *info = (struct rs_service_info){
        .endpoint = service->endpoint,
        .state = service->state,
        .restarts = service->starts > 0 ? service->starts - 1 : 0,
        .last_cause = service->last_cause,
        .last_detail = service->last_detail,
        .up_since_ticks = service->up_since_ticks,
        .service_id = service->config->rights.id,
        .deaths_in_window = policy_counting(recovery, &service->history, now_ms()),
        .backoff_ms = wait_ms,
        .spare = spare_state(service),
    };
    memcpy(info->name, service->name, RS_NAME_LEN);
    memcpy(info->program, service->program, strnlen(service->program, RS_NAME_LEN - 1));
    if (service->device) {
        memcpy(info->device, service->device->told.label, sizeof(info->device));
    }
}

/* w0 grant, w1 bytes -> w0 how many there are, w1 copied. */
int request_list(struct message *message, const struct rs_caller *caller)
{
    static struct rs_service_info infos[RS_SERVICES];
    uint64_t room = message->word[1] / sizeof(infos[0]);
    uint64_t copied = room < rs.service_count ? room : rs.service_count;
    int error = 0;
    (void)caller;
    for (unsigned i = 0; i < copied; i++) {
        describe(&rs.services[i], &infos[i]);
    }
    if (copied > 0) {
        error = kcall_copy(message->endpoint, message->word[0], 0, infos, copied * sizeof(infos[0]),
                           COPY_TO_GRANT);
    }
    message->word[0] = rs.service_count;
    message->word[1] = copied;
    return error;
}

/* ---- one service ---- */

static void tell_policy(const struct rs_service *service, struct rs_status *status)
{
    const struct config_recovery *recovery = &service->config->recovery;
    const struct policy_history *history = &service->history;
    uint64_t now = now_ms();
    uint32_t wait_ms;

    status->restart_on = recovery->restart_on;
    status->window_ms = recovery->window_ms;
    status->limit = recovery->limit;
    status->at_once = recovery->at_once;
    status->backoff_ms = recovery->backoff_ms;
    status->backoff_max_ms = recovery->backoff_max_ms;
    status->quiet_ms = recovery->quiet_ms;
    status->given_up = recovery->given_up;
    if (recovery->given_up == CONFIG_GIVEN_UP_PROGRAM) {
        memcpy(status->fallback, recovery->fallback, strnlen(recovery->fallback, RS_NAME_LEN - 1));
    }
    status->gives_up_next = policy_outlook(recovery, history, now, &wait_ms) == POLICY_GIVE_UP;
    status->death_count = policy_counting(recovery, history, now);
    for (unsigned i = 0; i < status->death_count; i++) {
        uint64_t death = history->death_ms[history->count - status->death_count + i];
        status->death_age_ms[i] = cut(now - death);
    }
}

static void tell_liveness(const struct rs_service *service, struct rs_status *status)
{
    const struct config_liveness *bounds = &service->config->liveness;
    const struct liveness_facts *facts = &service->facts;
    uint64_t now = now_ms();

    status->spin_ms = bounds->spin_ms;
    status->caller_ms = bounds->caller_ms;
    status->answer_ms = bounds->answer_ms;
    status->ready_ms = bounds->ready_ms;
    status->stop_ms = bounds->stop_ms;
    status->pinged = service->liveness.pinged;
    status->looked = service->looked_ms != 0;
    if (!status->looked) {
        return;
    }
    status->looked_ago_ms = cut(now - service->looked_ms);
    status->busy = facts->busy;
    status->cpu_ms = cut(facts->cpu_ms);
    /* As the round saw it: the caller may have its answer by now. */
    if (facts->oldest_caller != 0 && facts->oldest_caller < service->looked_ms) {
        status->caller_age_ms = cut(service->looked_ms - facts->oldest_caller);
    }
}

static void tell_complaints(const struct rs_service *service, struct rs_status *status)
{
    uint32_t count = service->complaints < RS_STATUS_COMPLAINTS ? service->complaints
                                                                : RS_STATUS_COMPLAINTS;
    status->complaints = service->complaints;
    status->complaint_count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = (service->complaints - count + i) % RS_STATUS_COMPLAINTS;
        status->complaint[i] = service->complaint[place];
    }
}

static uint32_t timer_ms(const struct rs_service *service)
{
    uint64_t now = ticks_now();
    if (service->timer == DEADLINE_NEVER) {
        return UINT32_MAX;
    }
    return service->timer > now ? cut(ticks_to_us(service->timer - now) / 1000) : 0;
}

/* w0-1 name, w2 grant. */
int request_status(struct message *message, const struct rs_caller *caller)
{
    static struct rs_status status;
    char name[RS_NAME_LEN];
    (void)caller;
    if (!name_unpack(name, message->word)) {
        return -ANOLE_EINVAL;
    }
    const struct rs_service *service = service_find(name);
    if (!service) {
        return -ANOLE_ENOENT;
    }
    status = (struct rs_status){
        .spare = service->spare,
        .spares_woken = service->spares_woken,
        .deaths = service->deaths,
        .timer_ms = timer_ms(service),
        .stop_wanted = service->stop_wanted,
        .ordered = service->ordered,
        .fell_back = service->fell_back,
    };
    describe(service, &status.info);
    tell_policy(service, &status);
    tell_liveness(service, &status);
    tell_complaints(service, &status);
    return kcall_copy(message->endpoint, message->word[2], 0, &status, sizeof(status),
                      COPY_TO_GRANT);
}
