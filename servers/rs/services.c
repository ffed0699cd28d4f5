/*
 * The table of services: one entry a service of system.dts, of a driver one a device that was ever
 * there. Entries stay for ever; their state says where the service is.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <stdio.h>
#include <string.h>

bool service_is_rs(const struct rs_service *service)
{
    return service->config->rights.kcalls & KCALL_BIT(LIVENESS);
}

bool service_makes_programs(const struct rs_service *service)
{
    return service->config->rights.kcalls & KCALL_BIT(PROCESS_CREATE) && !service_is_rs(service);
}

static struct rs_service *add(const struct config_service *config, uint32_t unit)
{
    if (rs.service_count == RS_SERVICES) {
        return NULL;
    }
    struct rs_service *service = &rs.services[rs.service_count];
    *service = (struct rs_service){
        .config = config,
        .program = config->program,
        .unit = unit,
        .state = config->drives.len > 0 ? RS_STATE_WAITING_DEVICE : RS_STATE_WAITING_START,
        .endpoint = ENDPOINT_NONE,
        .corpse = ENDPOINT_NONE,
        .timer = DEADLINE_NEVER,
        .spare_wanted = config->hot_spare,
        .spare = ENDPOINT_NONE,
        .kept_region = HANDLE_NONE,
        .kept_offer = HANDLE_NONE,
        .kept_by = ENDPOINT_NONE,
        .spare_due = DEADLINE_NEVER,
    };
    if (unit == 0) {
        snprintf(service->name, sizeof(service->name), "%s", config->name);
    } else {
        snprintf(service->name, sizeof(service->name), "%.12s.%u", config->name,
                 (unsigned)(uint16_t)unit % RS_SERVICES);
    }
    if (names_reserve(service, service->name)) {
        return NULL;
    }
    rs.service_count++;
    return service;
}

void services_init(void)
{
    for (unsigned i = 0; i < rs.config.service_count; i++) {
        struct rs_service *service = add(&rs.config.services[i], 0);
        if (!service) {
            panic("no room for service %s", rs.config.services[i].name);
        }
        if (service_is_rs(service)) {
            service->state = RS_STATE_UP;
            service->endpoint = startup_page()->self;
            service->starts = 1;
            service->up_since_ticks = ticks_now();
            names_publish(service, service->name, service->endpoint);
        }
    }
    rs.starts_wanted = true;
}

struct rs_service *service_add_instance(const struct config_service *config)
{
    uint32_t unit = 0;
    for (unsigned i = 0; i < rs.service_count; i++) {
        unit += rs.services[i].config == config ? 1u : 0u;
    }
    return add(config, unit);
}

struct rs_service *service_find(const char *name)
{
    for (unsigned i = 0; i < rs.service_count; i++) {
        if (strcmp(rs.services[i].name, name) == 0) {
            return &rs.services[i];
        }
    }
    return NULL;
}

struct rs_service *service_of_process(endpoint_t process)
{
    for (unsigned i = 0; process != ENDPOINT_NONE && i < rs.service_count; i++) {
        if (rs.services[i].endpoint == process) {
            return &rs.services[i];
        }
    }
    return NULL;
}

struct rs_service *service_with_kcall(unsigned call)
{
    const struct config_service *config = config_service_with_kcall(&rs.config, call);
    for (unsigned i = 0; config && i < rs.service_count; i++) {
        if (rs.services[i].config == config) {
            return &rs.services[i];
        }
    }
    return NULL;
}

bool service_is_live(const struct rs_service *service)
{
    return service->state == RS_STATE_STARTING || service->state == RS_STATE_UP;
}

void service_timer(struct rs_service *service, uint64_t ms)
{
    service->timer = deadline_in_us(ms * 1000);
}

int service_notify(const struct rs_service *service, unsigned bit)
{
    struct message message = {.word = {service->endpoint, bit}};
    return kcall(KCALL_PROCESS_NOTIFY, &message);
}

int request_ready(struct message *message, const struct rs_caller *caller)
{
    struct rs_service *service = caller->service;
    if (service->state == RS_STATE_DYING) {
        return 0; /* it was told to stop before it was ready */
    }
    if (service->state != RS_STATE_STARTING) {
        return -ANOLE_EINVAL;
    }
    service->state = RS_STATE_UP;
    service->was_ready = true;
    service->timer = DEADLINE_NEVER;
    service->up_since_ticks = ticks_now();
    log_event(service, RS_EVENT_READY, 0);
    rs.starts_wanted = true;
    spare_plan(service);
    devices_ring_devman();
    return names_publish(service, service->name, message->endpoint);
}

/* w0 endpoint: its first request to the caller was answered. */
int request_served(struct message *message, const struct rs_caller *caller)
{
    endpoint_t process;
    unsigned id;
    (void)caller;
    int error = kcall_endpoint_info((endpoint_t)message->word[0], &process, &id);
    if (error) {
        return error;
    }
    struct rs_service *service = service_of_process(process);
    if (!service || service->state != RS_STATE_UP) {
        return -ANOLE_ENOENT;
    }
    if (!service->served) {
        service->served = true;
        log_event(service, RS_EVENT_SERVED, 0);
    }
    return 0;
}
