/*
 * Starting services: whose turn it is, and how the process of one is made.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <stdio.h>
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

/* ---- making the process ---- */

static void create_fill(const struct rs_service *service, struct process_create *create)
{
    *create = (struct process_create){0};
    config_apply_rights(&service->config->rights, create);
    memcpy(create->name, service->name, strnlen(service->name, PROCESS_NAME_LEN - 1));
    if (create->kcalls & KCALL_BIT(PROCESS_CREATE)) {
        config_programs_union(&rs.config, create);
    }
}

static void header_fill(const struct rs_service *service, struct startup_page *header)
{
    const struct rs_service *pm = service_with_kcall(KCALL_PROCESS_CREATE);
    *header = (struct startup_page){
        .rs = startup_page()->self,
        .pm = pm && pm->state == RS_STATE_UP ? pm->endpoint : ENDPOINT_NONE,
        .unit = service->unit,
        .instance = service->starts,
    };
    memcpy(header->name, service->name, sizeof(service->name));
    if (service->device) {
        header->resources = service->device->irq ? 2 : 1;
        memcpy(header->device, service->device->label, sizeof(header->device));
    }
}

/* argv: the service's name, then the arguments of its node. */
static int strings_fill(const struct rs_service *service, char *strings, size_t room, size_t *len)
{
    const struct config_strings *arguments = &service->config->arguments;
    size_t name_len = strlen(service->name) + 1;
    if (arguments->len > room - name_len) {
        return -ANOLE_ENOSPC;
    }
    memcpy(strings, service->name, name_len);
    if (arguments->len > 0) {
        memcpy(strings + name_len, arguments->data, arguments->len);
    }
    *len = name_len + arguments->len;
    return 0;
}

static int resource_add(endpoint_t child, unsigned kind, uint64_t base, uint64_t len)
{
    struct message message = {.word = {child, kind, base, len}};
    return kcall(KCALL_PROCESS_RESOURCE, &message);
}

static int resources_add(const struct rs_device *device, endpoint_t child)
{
    int error = 0;
    if (device) {
        error = resource_add(child, RESOURCE_WINDOW, device->base, device->len);
        if (!error && device->irq) {
            error = resource_add(child, RESOURCE_IRQ, device->irq, 0);
        }
    }
    return error;
}

static int process_make(const struct rs_service *service, endpoint_t *child)
{
    static char strings[LOAD_STRINGS_MAX];
    struct process_create create;
    struct startup_page header;
    struct load_request request = {
        .image = &rs.image,
        .program = load_find_program(&rs.image, service->program),
        .create = &create,
        .header = &header,
        .strings = strings,
        .stack_bytes = service->config->rights.stack_bytes,
    };
    if (!request.program) {
        return -ANOLE_ENOENT;
    }
    create_fill(service, &create);
    create.flags = request.program->flags & BOOT_FLOAT ? PROCESS_FLOAT : 0;
    header_fill(service, &header);
    int error = strings_fill(service, strings, sizeof(strings), &request.strings_len);
    if (error) {
        return error;
    }
    error = load_create(&request, child);
    if (error) {
        return error;
    }
    error = resources_add(service->device, *child);
    if (error) {
        load_discard(*child);
        return error;
    }
    return load_start(request.program, *child);
}

void service_start(struct rs_service *service)
{
    static uint32_t ranks;
    uint32_t ready_ms = service->config->liveness.ready_ms;
    endpoint_t child;

    log_event(service, RS_EVENT_START, service->starts);
    service->timer = DEADLINE_NEVER;
    service->stop_wanted = false;
    service->ordered = false;
    service->detected = false;
    service->killed = false;
    service->served = false;
    service->fault = 0;
    service->liveness = (struct liveness_memory){0};
    memset(service->complainers, 0, sizeof(service->complainers));
    if (service->start_rank == 0) {
        service->start_rank = ++ranks;
    }
    int error = process_make(service, &child);
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
    log_event(service, RS_EVENT_SPAWNED, 0);
}
