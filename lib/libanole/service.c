/*
 * The service loop: one trap a request in steady state (ipc_reply_receive answers the last one and
 * takes the next). It owns what RS may ask of any service: pings, stop orders, ordered protocol
 * faults. Everything else is the service's table of handlers.
 */
#include <libanole/anole.h>
#include <libanole/fault.h>
#include <libanole/recent.h>
#include <libanole/service.h>
#include <proto/common.h>
#include <proto/rs.h>
#include <stdlib.h>

#define HOT __attribute__((hot))

#define LOOP_BITS (NOTIFY_BIT(NOTIFY_INJECT) | NOTIFY_BIT(NOTIFY_PING) | NOTIFY_BIT(NOTIFY_STOP))

/* FAULT_SILENT was ordered: goes on receiving, does nothing, answers nobody. */
__attribute__((section(".bss.hot"))) static bool service_silent;
/* FAULT_HOARD_CALLERS was: keeps all requests, and does everything else. */
__attribute__((section(".bss.hot"))) static bool service_hoards;

/* Of a library, see service_also. */
static const struct service_entry *also;
static unsigned also_count;

void service_also(const struct service_entry *entries, unsigned count)
{
    also = entries;
    also_count = count;
}

void service_ready(void)
{
    struct message message = {0};
    int error = anole_call(startup_page()->rs, RS_READY, &message, DEADLINE_NEVER);

    if (error) {
        panic("RS refuses to take this service as ready: %s", anole_error_text(error));
    }
}

int service_publish(const char *name)
{
    struct message message = {0};

    rs_name_pack(message.word, name);
    return anole_call(startup_page()->rs, RS_PUBLISH, &message, DEADLINE_NEVER);
}

void service_reply(struct ipc_delivery *request, int status)
{
    request->message.type = (uint32_t)status;
    if (fault_any()) {
        fault_before_reply(request);
    }
    (void)ipc_reply(&request->message, request->call_id); /* a caller that is gone is no error */
}

/* ---- what RS orders ---- */

static void pong(void)
{
    struct message message = {0};

    (void)anole_call(startup_page()->rs, RS_PONG, &message, DEADLINE_NEVER);
}

static void loop_notified(const struct service *service, uint64_t bits)
{
    if (bits & NOTIFY_BIT(NOTIFY_INJECT)) {
        enum fault_kind kind = fault_fetch();

        service_silent |= kind == FAULT_SILENT;
        service_hoards |= kind == FAULT_HOARD_CALLERS;
    }
    if (service_silent) {
        return;
    }
    if (bits & NOTIFY_BIT(NOTIFY_PING)) {
        pong();
    }
    if ((bits & ~LOOP_BITS) && service->notified) {
        service->notified(bits & ~LOOP_BITS);
    }
    if (bits & NOTIFY_BIT(NOTIFY_STOP)) {
        if (service->stop) {
            service->stop();
        }
        exit(0);
    }
}

/* ---- requests ---- */

HOT static service_handler handler_of(const struct service_entry *entries, unsigned count,
                                      uint32_t type)
{
    for (unsigned i = 0; i < count; i++) {
        if (entries[i].type == type) {
            return entries[i].handler;
        }
    }
    return NULL;
}

HOT static int handle(const struct service *service, struct ipc_delivery *delivery)
{
    uint32_t type = delivery->message.type;
    service_handler handler = handler_of(service->entries, service->entry_count, type);

    if (!handler) {
        handler = handler_of(also, also_count, type);
    }
    if (handler) {
        return handler(delivery);
    }
    return type == COMMON_PING ? 0 : -ANOLE_ENOSYS;
}

/* Handles what was received; true if delivery is now a reply to be sent. */
HOT static bool dispatch(const struct service *service, struct ipc_delivery *delivery)
{
    int status;

    recent_record(&delivery->message);
    if (delivery->call_id == 0) {
        loop_notified(service, delivery->message.word[0]);
        return false;
    }
    if (service_silent || service_hoards) {
        return false;
    }
    status = handle(service, delivery);
    delivery->message.type = (uint32_t)status;
    return status != SERVICE_NO_REPLY;
}

/*
 * What is to be done before a wait; returns the wait's deadline. One that is over is served first,
 * however many requests are waiting.
 */
HOT static uint64_t prepare_wait(const struct service *service)
{
    uint64_t deadline;

    if (service_silent) {
        return DEADLINE_NEVER;
    }
    if (service->before_wait) {
        service->before_wait();
    }
    deadline = service->deadline ? service->deadline() : DEADLINE_NEVER;
    if (deadline != DEADLINE_NEVER && deadline <= ticks_now() && service->timeout) {
        service->timeout();
        if (service->before_wait) {
            service->before_wait();
        }
        deadline = service->deadline();
    }
    return deadline;
}

HOT _Noreturn void service_run(const struct service *service)
{
    struct ipc_delivery delivery = {0};
    bool reply = false;

    for (;;) {
        uint64_t deadline = prepare_wait(service);
        int error;

        if (reply && fault_any()) {
            fault_before_reply(&delivery);
        }
        error = reply ? ipc_reply_receive(&delivery, NOTIFY_ALL, deadline)
                      : ipc_receive(&delivery, NOTIFY_ALL, deadline, 0);
        reply = error ? false : dispatch(service, &delivery);
    }
}
