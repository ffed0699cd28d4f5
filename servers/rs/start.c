/*
 * Starting services: whose turn it is, and what a start begins with.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <string.h>

/* ---- whose turn is it ---- */

/* Is there nothing to wait for any more? It is up, has died once already, or won't come. */
static bool is_settled(const struct rs_service *service)
{
    switch (service->state) {
    case RS_STATE_UP:
    case RS_STATE_STOPPED:
    case RS_STATE_FAILED:
    case RS_STATE_DEVICE_FAILED:
        return true;
    case RS_STATE_WAITING_DEVICE:
        return rs.devices_done;
    default:
        return service->deaths > 0;
    }
}

static bool is_its_turn(const struct rs_service *service)
{
    for (unsigned i = 0; i < rs.service_count; i++) {
        const struct rs_service *other = &rs.services[i];
        unsigned bit = (unsigned)(other->config - rs.config.services);
        if (service->config->start_after >> bit & 1 && !is_settled(other)) {
            return false;
        }
    }
    return true;
}

void start_ready(void)
{
    while (rs.starts_wanted && !shutdown_begun()) {
        rs.starts_wanted = false;
        for (unsigned i = 0; i < rs.service_count; i++) {
            struct rs_service *service = &rs.services[i];
            if (service->state == RS_STATE_WAITING_START && is_its_turn(service)) {
                service_start(service);
            }
        }
    }
}

/* ---- the start ---- */

/* Wakes the hot spare, or makes a process; memory that is short is taken from others' spares. */
static int process_make(struct rs_service *service, endpoint_t *child)
{
    *child = spare_take(service);
    if (*child != ENDPOINT_NONE) {
        service->spares_woken++;
        return process_launch(service, *child);
    }
    int error = process_prepare(service, child);
    if (error == -ANOLE_ENOMEM && spares_sacrifice()) {
        error = process_prepare(service, child);
    }
    return error ? error : process_launch(service, *child);
}

void service_start(struct rs_service *service)
{
    static uint32_t ranks;
    uint32_t ready_ms = service->config->liveness.ready_ms;
    bool woken = service->spare != ENDPOINT_NONE;
    endpoint_t child;

    log_event(service, RS_EVENT_START, service->starts);
    service->timer = DEADLINE_NEVER;
    service->stop_wanted = false;
    service->ordered = service->next_fault != 0;
    service->detected = false;
    service->killed = false;
    service->was_ready = false;
    service->served = false;
    service->fault = 0;
    service->liveness = (struct liveness_memory){0};
    service->looked_ms = 0;
    memset(service->complainers, 0, sizeof(service->complainers));
    if (service->start_rank == 0) {
        service->start_rank = ++ranks;
    }
    int error = process_make(service, &child);
    service->next_fault = 0;
    if (error) {
        service_start_failed(service, error);
        return;
    }
    service->endpoint = child;
    service->state = RS_STATE_STARTING;
    service->starts++;
    if (ready_ms > 0) {
        service_timer(service, ready_ms);
    }
    log_event(service, RS_EVENT_SPAWNED, woken ? 1 : 0);
}
