/*
 * The reincarnation server: starts, watches, kills and restarts every service of etc/system.dts, and
 * owns names. The kernel starts it first; whoever it starts calls up to it. It only makes kernel
 * calls itself, so nobody can make it wait. If it dies, the kernel stops the machine.
 *
 * This file: the loop, and the table from message type to handler and to who may send it.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <proto/common.h>

struct rs rs;

static int request_ping(struct message *message, const struct rs_caller *caller)
{
    (void)message;
    (void)caller;
    return 0;
}

enum who { ANYONE, SERVICE, DEVMAN, OPERATOR };

static const struct {
    uint32_t type;
    enum who who;
    rs_handler handler;
} requests[] = {
    {COMMON_PING, ANYONE, request_ping},
    {RS_READY, SERVICE, request_ready},
    {RS_PUBLISH, SERVICE, request_publish},
    {RS_PONG, SERVICE, request_pong},
    {RS_INJECT_FETCH, SERVICE, request_inject_fetch},
    {RS_INJECT_COMMITTED, SERVICE, request_inject_committed},
    {RS_KEEP, SERVICE, request_keep},
    {RS_KEPT, SERVICE, request_kept},
    {RS_KEPT_REGION, SERVICE, request_kept_region},
    {RS_LOOKUP, ANYONE, request_lookup},
    {RS_SUBSCRIBE, ANYONE, request_subscribe},
    {RS_UNSUBSCRIBE, ANYONE, request_unsubscribe},
    {RS_LIST, ANYONE, request_list},
    {RS_LOG, ANYONE, request_log},
    {RS_COMPLAIN, ANYONE, request_complain},
    {RS_SERVED, ANYONE, request_served},
    {RS_RECORD, ANYONE, request_record},
    {RS_STATUS, ANYONE, request_status},
    {RS_MAY_CONTROL, ANYONE, request_may_control},
    {RS_CONTROL, OPERATOR, request_control},
    {RS_INJECT, OPERATOR, request_inject},
    {RS_SHUTDOWN, OPERATOR, request_shutdown},
    {RS_DEVICE, DEVMAN, request_device},
    {RS_DEVICE_GONE, DEVMAN, request_device_gone},
    {RS_RESET_FETCH, DEVMAN, request_reset_fetch},
    {RS_RESET_DONE, DEVMAN, request_reset_done},
    {RS_DEVICES_DONE, DEVMAN, request_devices_done},
};

static bool may(const struct rs_caller *caller, enum who who)
{
    switch (who) {
    case ANYONE:
        return true;
    case SERVICE:
        return caller->service && !service_is_rs(caller->service);
    case DEVMAN:
        return caller->service && caller->service->config->rights.kcalls & KCALL_BIT(DEVICE_MAP) &&
               !service_is_rs(caller->service);
    case OPERATOR:
        return id_may_control(caller->service_id);
    }
    return false;
}

static int handle(struct message *message)
{
    struct rs_caller caller;
    int error = kcall_endpoint_info(message->endpoint, &caller.process, &caller.service_id);
    if (error) {
        return error;
    }
    caller.service = service_of_process(caller.process);
    for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (requests[i].type == message->type) {
            return may(&caller, requests[i].who) ? requests[i].handler(message, &caller)
                                                 : -ANOLE_EPERM;
        }
    }
    return -ANOLE_ENOSYS;
}

/* What is due or became possible: after each message, and when a deadline has passed. */
static void work(void)
{
    if (watch_deadline() <= ticks_now()) {
        watch_run();
    }
    start_ready();
}

_Noreturn static void loop(void)
{
    struct ipc_delivery delivery = {0};
    bool reply = false;
    for (;;) {
        /* A caller that is already answered never waits for work that its request made. */
        if (reply && (rs.starts_wanted || watch_deadline() <= ticks_now())) {
            (void)ipc_reply(&delivery.message, delivery.call_id); /* it may be gone */
            reply = false;
        }
        work();
        uint64_t deadline = watch_deadline();
        int error = reply ? ipc_reply_receive(&delivery, NOTIFY_ALL, deadline)
                          : ipc_receive(&delivery, NOTIFY_ALL, deadline, 0);
        reply = false;
        if (error) {
            continue;
        }
        if (delivery.call_id != 0) {
            delivery.message.type = (uint32_t)handle(&delivery.message);
            reply = true;
        } else if (delivery.message.word[0] & NOTIFY_BIT(NOTIFY_DEATH)) {
            deaths_collect();
        }
    }
}

static void config_load(void)
{
    int error = load_image_map(&rs.image);
    if (error) {
        panic("can't use the boot image: %s", anole_error_text(error));
    }
    const struct boot_entry *entry = load_find(&rs.image, "system.dtb");
    if (!entry) {
        panic("no system.dtb in the boot image");
    }
    if (config_read(&rs.config, load_file(&rs.image, entry), entry->len)) {
        panic("system.dtb: %s", rs.config.error);
    }
}

int main(void)
{
    config_load();
    services_init();
    loop();
}
