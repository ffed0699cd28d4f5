/*
 * From a death to the next start: the kernel tells that a process is DEAD; RS notes what remains,
 * has its device reset, buries it, and asks the policy what next. Everything that can end a service
 * takes this one path.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <string.h>

/* ---- deciding upon a death ---- */

static void detect(struct rs_service *service, enum death_cause cause, uint64_t time_ticks)
{
    if (!service->detected) {
        service->detected = true;
        service->deaths++;
        rs.starts_wanted = true; /* nobody's first start waits for one that has died */
        log_death(service, RS_EVENT_DETECTED, cause, cause, time_ticks);
    }
}

static void process_kill(endpoint_t process, enum death_cause cause, uint64_t detail)
{
    struct message message = {.word = {process, cause, detail}};
    /* One that is dead already will be told by DEATH_NEXT. */
    (void)kcall(KCALL_PROCESS_KILL, &message);
}

void service_kill(struct rs_service *service, enum death_cause cause, uint64_t detail)
{
    detect(service, cause, ticks_now());
    names_withdraw(service);
    service->state = RS_STATE_DYING;
    service->killed = true;
    service->timer = DEADLINE_NEVER;
    process_kill(service->endpoint, cause, detail);
}

void service_stop(struct rs_service *service)
{
    uint32_t stop_ms = service->config->liveness.stop_ms;
    if (stop_ms == 0) {
        service_kill(service, DEATH_STOPPED, 0);
        return;
    }
    names_withdraw(service);
    service->state = RS_STATE_DYING;
    service_timer(service, stop_ms);
    service_notify(service, NOTIFY_STOP);
}

/* ---- what others lose with it ---- */

static void dependents_restart(const struct rs_service *service)
{
    for (unsigned i = 0; i < rs.service_count; i++) {
        struct rs_service *other = &rs.services[i];
        unsigned bit = (unsigned)(other->config - rs.config.services);
        if (service->config->dependents >> bit & 1 && other != service && service_is_live(other)) {
            other->ordered = true;
            service_kill(other, DEATH_KILLED, 0);
        }
    }
}

/* ---- the death ---- */

/* It ended when it was told to, or was stopped in the only way that it can be. */
static bool ended_orderly(const struct rs_service *service, const struct death_record *record)
{
    return config_cause_of(record->cause, record->detail) == CONFIG_CAUSE_DONE ||
           (record->cause == DEATH_STOPPED && service->config->liveness.stop_ms == 0);
}

static void log_corpse(const struct rs_service *service, const struct death_record *record)
{
    if (ended_orderly(service, record)) {
        return;
    }
    log_printf(LOG_INFO, "%s: %s, detail 0x%lx, pc 0x%lx", service->name,
               death_cause_text(record->cause), (unsigned long)record->detail,
               (unsigned long)record->pc);
    for (unsigned i = 0; i < DEATH_BACKTRACE && record->backtrace[i] != 0; i++) {
        log_printf(LOG_INFO, "%s: called from 0x%lx", service->name,
                   (unsigned long)record->backtrace[i]);
    }
}

static void service_died(struct rs_service *service)
{
    endpoint_t corpse = service->endpoint;
    const struct death_record *record = record_take(service, corpse);

    detect(service, record->cause, record->time_ticks);
    log_death(service, RS_EVENT_DEAD, record->cause, record->detail, ticks_now());
    log_corpse(service, record);
    names_withdraw(service);
    service->last_cause = record->cause;
    service->last_detail = record->detail;
    service->endpoint = ENDPOINT_NONE;
    service->corpse = corpse;
    service->state = RS_STATE_DYING;
    if (service->config->rights.kcalls & KCALL_BIT(DEVICE_MAP)) {
        devices_devman_died();
    }
    dependents_restart(service);
    if (service->device && !shutdown_begun()) {
        device_reset_want(service, corpse);
    } else {
        service_quiet(service);
    }
}

void deaths_collect(void)
{
    for (;;) {
        struct message message = {0};
        if (kcall(KCALL_DEATH_NEXT, &message)) {
            return;
        }
        endpoint_t corpse = (endpoint_t)message.word[0];
        struct rs_service *service = service_of_process(corpse);
        if (service) {
            service_died(service);
        } else {
            programs_corpse(corpse);
        }
    }
}

/* ---- and then? ---- */

void service_stopped(struct rs_service *service)
{
    service->state = RS_STATE_STOPPED;
    service->timer = DEADLINE_NEVER;
    spare_drop(service);
    kept_region_free(service);
    log_event(service, RS_EVENT_STOPPED, 0);
    rs.starts_wanted = true;
    if (service_makes_programs(service)) {
        programs_end();
        names_ring_all(service);
    }
    if (shutdown_begun()) {
        shutdown_step();
    }
}

static void recover(struct rs_service *service)
{
    enum config_cause cause = config_cause_of(service->last_cause, service->last_detail);
    uint64_t now_ms = ticks_to_us(ticks_now()) / 1000;
    uint32_t wait_ms;

    if (service->ordered) {
        service_start(service);
        return;
    }
    if (!(service->config->recovery.restart_on >> cause & 1)) {
        if (cause == CONFIG_CAUSE_DONE) {
            service_stopped(service);
        } else {
            service_give_up(service);
        }
        return;
    }
    if (!service->was_ready) {
        policy_vain(&service->history, now_ms);
    }
    if (policy_death(&service->config->recovery, &service->history, now_ms, &wait_ms) ==
        POLICY_GIVE_UP) {
        service_give_up(service);
    } else if (wait_ms == 0) {
        service_start(service);
    } else {
        service->state = RS_STATE_BACKOFF;
        service_timer(service, wait_ms);
        log_event(service, RS_EVENT_BACKOFF, wait_ms);
        rs.starts_wanted = true; /* others need not wait for it any longer */
    }
}

static void corpse_bury(struct rs_service *service)
{
    if (service->corpse != ENDPOINT_NONE) {
        load_bury(service->corpse);
        service->corpse = ENDPOINT_NONE;
    }
}

void service_quiet(struct rs_service *service)
{
    log_event(service, RS_EVENT_QUIESCED, service->device ? service->device->resets : 0);
    service->timer = DEADLINE_NEVER;
    /* What the corpse had may be needed for the next process, but not for a hot spare; the programs
     * of a pm are given to the next one, and become free to be given only now. */
    if (service->spare == ENDPOINT_NONE || service_makes_programs(service)) {
        corpse_bury(service);
    }
    if (service->stop_wanted || shutdown_begun()) {
        service_stopped(service);
    } else if (service->config->drives.len > 0 && !service->device) {
        service->state = RS_STATE_WAITING_DEVICE;
        spare_drop(service);
        rs.starts_wanted = true;
    } else if (service->starts == 0) {
        service->state = RS_STATE_WAITING_START;
        rs.starts_wanted = true;
    } else {
        recover(service);
    }
    corpse_bury(service);
}

void service_device_failed(struct rs_service *service, int error)
{
    log_event(service, RS_EVENT_RESET_FAILED, (uint64_t)-error);
    log_printf(LOG_ERROR, "%s: its device %s didn't come out of reset (%s)", service->name,
               service->device->told.label, anole_error_text(error));
    corpse_bury(service); /* what the device may still touch stays pinned */
    service->timer = DEADLINE_NEVER;
    service->state = RS_STATE_DEVICE_FAILED;
    spare_drop(service);
    rs.starts_wanted = true;
    names_ring_all(service);
}

void service_start_failed(struct rs_service *service, int error)
{
    service->deaths++;
    rs.starts_wanted = true;
    service->last_cause = DEATH_NONE;
    service->last_detail = (uint64_t)-error;
    log_printf(LOG_ERROR, "%s: program %s can't be started: %s", service->name, service->program,
               anole_error_text(error));
    log_death(service, RS_EVENT_DEAD, DEATH_NONE, (uint64_t)-error, ticks_now());
    if (error == -ANOLE_ENOENT) {
        service_give_up(service);
    } else {
        recover(service);
    }
}

/* Its recovery policy says to go on with another program, and it didn't yet. */
static bool fall_back(struct rs_service *service)
{
    const struct config_recovery *recovery = &service->config->recovery;
    if (recovery->given_up != CONFIG_GIVEN_UP_PROGRAM || service->fell_back) {
        return false;
    }
    service->fell_back = true;
    service->program = recovery->fallback;
    policy_forget(&service->history);
    service_start(service);
    return true;
}

void service_give_up(struct rs_service *service)
{
    log_event(service, RS_EVENT_GIVEN_UP, service->history.count);
    log_printf(LOG_ERROR, "%s: given up after %u deaths within %u ms, last cause: %s",
               service->name, service->history.count, (unsigned)service->config->recovery.window_ms,
               death_cause_text(service->last_cause));
    spare_drop(service);
    if (fall_back(service)) {
        return;
    }
    service->state = RS_STATE_FAILED;
    service->timer = DEADLINE_NEVER;
    rs.starts_wanted = true;
    names_ring_all(service);
    if (service_makes_programs(service)) {
        programs_end();
    }
    if (service->config->recovery.given_up == CONFIG_GIVEN_UP_REBOOT) {
        shutdown_begin(POWER_REBOOT, 0);
    } else if (service->config->recovery.given_up == CONFIG_GIVEN_UP_POWER_OFF) {
        shutdown_begin(POWER_OFF, 1);
    }
}
