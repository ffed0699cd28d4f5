/*
 * The service loop: every server and driver is a table of handlers around one of these.
 *
 * The loop answers COMMON_PING, RS's pings, stop orders and ordered protocol faults, keeps the ring
 * of the last messages handled (for RS to read from the corpse), and refuses unknown message types
 * with ENOSYS.
 */
#ifndef LIBANOLE_SERVICE_H
#define LIBANOLE_SERVICE_H

#include <anole/ipc.h>
#include <stdint.h>

/*
 * A request being handled. The handler edits message in place into the reply's words and returns
 * the status, which the loop puts into message.type and sends. Returning SERVICE_NO_REPLY keeps the
 * caller waiting: the handler copies delivery and answers later with service_reply().
 */
#define SERVICE_NO_REPLY 1
typedef int (*service_handler)(struct ipc_delivery *request);

struct service_entry {
    uint32_t type;
    service_handler handler;
};

struct service {
    const char *name;
    const struct service_entry *entries;
    unsigned entry_count;
    /* Notification bits that are set, all at once: own ones, NOTIFY_WORK, NOTIFY_LOG, NOTIFY_DEATH.
     * NULL if none are used. */
    void (*notified)(uint64_t bits);
    /* Called before each wait, when nothing is left to handle: submit batches here. May be NULL. */
    void (*before_wait)(void);
    /* Called on NOTIFY_STOP before exit(0). May be NULL. */
    void (*stop)(void);
    /* The next deadline in ticks, asked before each wait, and what to do when it passed. May be
     * NULL. */
    uint64_t (*deadline)(void);
    void (*timeout)(void);
};

/*
 * For the tables above: keeps constant data that every request touches beside the loop's own text,
 * in one page fewer after each switch to the service.
 */
#define SERVICE_TABLE __attribute__((section(".rodata.hot")))

/* Tells RS that this service is ready (it becomes visible under its name). Panics if RS refuses. */
void service_ready(void);
/* Publishes one more name. 0 or -error. */
int service_publish(const char *name);
/* Handlers for what a library answers in any service that uses it; looked at after the service's own.
 * Once at start. */
void service_also(const struct service_entry *entries, unsigned count);
/* Receives and handles for ever. */
_Noreturn void service_run(const struct service *service);
/* Answers a request that was kept waiting: request->message holds the reply's words. A caller that
 * is gone is no error. */
void service_reply(struct ipc_delivery *request, int status);

#endif
