/*
 * Orders about one service: start, stop, kill, restart, a hot spare or none. Answered at once; the service follows, and
 * what becomes of it is in the list and the log. An ordered death counts for no policy.
 */
#include "rs.h"
#include <libanole/anole.h>

static int order_start(struct rs_service *service)
{
    switch (service->state) {
    case RS_STATE_STOPPED:
    case RS_STATE_FAILED:
        policy_forget(&service->history);
        service->program = service->config->program;
        service->fell_back = false;
        if (service->config->drives.len > 0 && !service->device) {
            service->state = RS_STATE_WAITING_DEVICE;
            return -ANOLE_ENODEV;
        }
        service_start(service);
        return 0;
    case RS_STATE_DEVICE_FAILED:
        service->ordered = true;
        service->stop_wanted = false;
        device_reset_want(service, ENDPOINT_NONE);
        return 0;
    case RS_STATE_BACKOFF:
        service_start(service);
        return 0;
    case RS_STATE_WAITING_DEVICE:
        return -ANOLE_ENODEV;
    default:
        return -ANOLE_EBUSY;
    }
}

static int order_stop(struct rs_service *service)
{
    switch (service->state) {
    case RS_STATE_STARTING:
    case RS_STATE_UP:
        service->stop_wanted = true;
        service_stop(service);
        return 0;
    case RS_STATE_DYING:
    case RS_STATE_RESET:
        service->stop_wanted = true;
        return 0;
    case RS_STATE_BACKOFF:
    case RS_STATE_WAITING_START:
        service_stopped(service);
        return 0;
    case RS_STATE_WAITING_DEVICE:
        return -ANOLE_ENODEV;
    default:
        kept_region_free(service); /* it is down already, perhaps given up */
        return 0;
    }
}

static int order_kill(struct rs_service *service)
{
    if (service->endpoint == ENDPOINT_NONE) {
        return -ANOLE_EDEADENDPOINT;
    }
    if (!service->killed) {
        service->ordered = true;
        service_kill(service, DEATH_KILLED, 0);
    }
    return 0;
}

static int order_restart(struct rs_service *service)
{
    if (service_is_live(service)) {
        service->ordered = true;
        service_stop(service);
        return 0;
    }
    return order_start(service);
}

/* w0-1 service, w2 enum rs_order. */
int request_control(struct message *message, const struct rs_caller *caller)
{
    char name[RS_NAME_LEN];
    uint64_t order = message->word[2];
    (void)caller;
    if (!name_unpack(name, message->word) || order < RS_START || order > RS_SPARE_OFF) {
        return -ANOLE_EINVAL;
    }
    struct rs_service *service = service_find(name);
    if (!service) {
        return -ANOLE_ENOENT;
    }
    if (service_is_rs(service)) {
        return -ANOLE_EPERM;
    }
    if (shutdown_begun()) {
        return -ANOLE_EBUSY;
    }
    log_event(service, RS_EVENT_ORDER, order);
    switch ((enum rs_order)order) {
    case RS_START:
        return order_start(service);
    case RS_STOP:
        return order_stop(service);
    case RS_KILL:
        return order_kill(service);
    case RS_RESTART:
        return order_restart(service);
    case RS_SPARE_ON:
    case RS_SPARE_OFF:
        spare_want(service, order == RS_SPARE_ON);
        return 0;
    }
    return -ANOLE_EINVAL;
}

bool id_may_control(unsigned service_id)
{
    const struct config_rights *rights = config_rights_by_id(&rs.config, service_id);

    return rights && rights->may_control;
}

/* w0 endpoint: whether its process may give orders. */
int request_may_control(struct message *message, const struct rs_caller *caller)
{
    endpoint_t process;
    unsigned id;
    (void)caller;
    int error = kcall_endpoint_info((endpoint_t)message->word[0], &process, &id);
    if (error) {
        return error;
    }
    return id_may_control(id) ? 0 : -ANOLE_EPERM;
}
