/*
 * Devices: devman tells which there are; RS gives each to an instance of the service that drives its
 * kind, and has devman reset it before each hand-over. Devman is rung and fetches its work, since RS
 * calls nobody. A device keeps its number, and its instance keeps the device, over all deaths,
 * devman's included.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <string.h>

static struct rs_device *device_find(uint32_t number)
{
    for (unsigned i = 0; i < RS_DEVICES; i++) {
        if (rs.devices[i].present && rs.devices[i].told.description.number == number) {
            return &rs.devices[i];
        }
    }
    return NULL;
}

void devices_ring_devman(void)
{
    struct rs_service *devman = service_with_kcall(KCALL_DEVICE_MAP);
    if (!devman || devman->state != RS_STATE_UP) {
        return; /* it fetches its work when it comes up */
    }
    for (unsigned i = 0; i < RS_DEVICES; i++) {
        if (rs.devices[i].present && rs.devices[i].reset == RESET_WANTED) {
            service_notify(devman, NOTIFY_WORK);
            return;
        }
    }
}

void device_reset_want(struct rs_service *service, endpoint_t dead)
{
    service->state = RS_STATE_RESET;
    service_timer(service, RESET_OVERDUE_MS);
    service->device->reset = RESET_WANTED;
    service->device->dead = dead;
    devices_ring_devman();
}

void devices_devman_died(void)
{
    for (unsigned i = 0; i < RS_DEVICES; i++) {
        if (rs.devices[i].reset == RESET_BEGUN) {
            rs.devices[i].reset = RESET_WANTED;
        }
    }
}

/* ---- what is there ---- */

/* An entry for a device that is new; NULL: it collides with another one, or there is no room. */
static struct rs_device *device_add(const struct rs_device_told *told)
{
    struct rs_device *room = NULL;
    for (unsigned i = 0; i < RS_DEVICES; i++) {
        if (!rs.devices[i].present) {
            room = room ? room : &rs.devices[i];
        } else if (told_overlap(&rs.devices[i].told, told)) {
            return NULL;
        }
    }
    if (room) {
        *room = (struct rs_device){.present = true, .told = *told, .dead = ENDPOINT_NONE};
    }
    return room;
}

static const struct config_service *driver_of(const struct rs_device *device)
{
    for (unsigned i = 0; i < rs.config.service_count; i++) {
        if (config_strings_have(&rs.config.services[i].drives, device->told.compatible)) {
            return &rs.config.services[i];
        }
    }
    return NULL;
}

/* An instance of the service that has no device, or a new one. */
static struct rs_service *instance_for(const struct config_service *config)
{
    for (unsigned i = 0; i < rs.service_count; i++) {
        struct rs_service *service = &rs.services[i];
        if (service->config == config && !service->device &&
            service->state == RS_STATE_WAITING_DEVICE) {
            return service;
        }
    }
    return service_add_instance(config);
}

static void assign(struct rs_device *device)
{
    const struct config_service *config = driver_of(device);
    struct rs_service *service = config ? instance_for(config) : NULL;
    if (!service) {
        log_printf(config ? LOG_ERROR : LOG_INFO, "%s: %s", device->told.label,
                   config ? "no room for one more driver" : "no driver");
        return;
    }
    device->service = service;
    service->device = device;
    log_event(service, RS_EVENT_DEVICE, device->told.description.number);
    device_reset_want(service, ENDPOINT_NONE);
}

/* w0 grant -> w0 enum device_state, w1 resets. */
int request_device(struct message *message, const struct rs_caller *caller)
{
    static struct rs_device_told told;
    (void)caller;
    int error = kcall_copy(message->endpoint, message->word[0], 0, &told, sizeof(told),
                           COPY_FROM_GRANT);
    if (error) {
        return error;
    }
    if (!told_is_fit(&told)) {
        return -ANOLE_EINVAL;
    }
    struct rs_device *device = device_find(told.description.number);
    if (!device) {
        device = device_add(&told);
        if (!device) {
            return -ANOLE_ENOSPC;
        }
        assign(device);
    } else if (memcmp(&device->told, &told, sizeof(told)) != 0) {
        return -ANOLE_EEXIST;
    }
    message->word[0] = device->reset == RESET_NONE     ? DEVICE_READY
                       : device->reset == RESET_FAILED ? DEVICE_FAILED
                                                       : DEVICE_RESETTING;
    message->word[1] = device->resets;
    return 0;
}

/* w0 number. */
int request_device_gone(struct message *message, const struct rs_caller *caller)
{
    struct rs_device *device = device_find((uint32_t)message->word[0]);
    (void)caller;
    if (!device) {
        return -ANOLE_ENOENT;
    }
    struct rs_service *service = device->service;
    device->present = false;
    if (!service) {
        return 0;
    }
    service->device = NULL;
    log_event(service, RS_EVENT_DEVICE, device->told.description.number);
    if (service_is_live(service)) {
        service_kill(service, DEATH_DEVICE_GONE, device->told.description.number);
    } else if (service->state != RS_STATE_DYING) {
        service_quiet(service);
    }
    return 0;
}

int request_devices_done(struct message *message, const struct rs_caller *caller)
{
    (void)message;
    (void)caller;
    rs.devices_done = true;
    rs.starts_wanted = true;
    return 0;
}

/* ---- resets ---- */

/* -> w0 number, w1 endpoint of the dead process or ENDPOINT_NONE. */
int request_reset_fetch(struct message *message, const struct rs_caller *caller)
{
    (void)caller;
    for (unsigned i = 0; i < RS_DEVICES; i++) {
        struct rs_device *device = &rs.devices[i];
        if (device->present && device->reset == RESET_WANTED) {
            device->reset = RESET_BEGUN;
            message->word[0] = device->told.description.number;
            message->word[1] = device->dead;
            return 0;
        }
    }
    return -ANOLE_EAGAIN;
}

/* w0 number, w1 status. */
int request_reset_done(struct message *message, const struct rs_caller *caller)
{
    struct rs_device *device = device_find((uint32_t)message->word[0]);
    int status = (int)(int64_t)message->word[1];
    (void)caller;
    if (!device || device->reset != RESET_BEGUN) {
        return -ANOLE_EINVAL;
    }
    device->reset = status == 0 ? RESET_NONE : RESET_FAILED;
    device->dead = ENDPOINT_NONE;
    device->resets++;
    if (status == 0) {
        service_quiet(device->service);
    } else {
        service_device_failed(device->service, status);
    }
    return 0;
}
