/*
 * The network server: TCP/IP by lwIP, and the socket protocol (proto/sock.h) before it. Programs talk
 * to it by messages; it talks to network drivers through channels, which never block. It owns every
 * socket; when it dies, connections end, and programs see EDEADENDPOINT.
 *
 * One thread, one loop: lwIP's input, its timers and the clients' requests take turns in it.
 */
#include "inet.h"

#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>

/* lwIP's clock: milliseconds. */
uint32_t sys_now(void)
{
    return (uint32_t)(ticks_to_us(ticks_now()) / 1000);
}

uint32_t inet_random(void)
{
    static uint64_t words[4];
    static unsigned left;

    if (left == 0) {
        if (kcall_random(words) != 0)
            panic("the kernel has no random numbers");
        left = 8;
    }
    left--;
    return (uint32_t)(words[left / 2] >> (left % 2 * 32));
}

static bool more; /* there is something to do already: the next wait is none */

static void notified(uint64_t bits)
{
    if (bits & NOTIFY_BIT(BIT_OWNER_DIED))
        sockets_bury();
    interfaces_notified(bits);
}

/* What the loopback interface was given while requests were handled is received now. */
static void before_wait(void)
{
    sockets_relieve();
    netif_poll_all();
    intake_check();
    more = interfaces_step();
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t deadline(void)
{
    uint32_t sleep_ms = sys_timeouts_sleeptime();
    uint64_t lwip = sleep_ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE
                        ? DEADLINE_NEVER
                        : deadline_in_us((uint64_t)sleep_ms * 1000);

    return more ? DEADLINE_POLL
                : earlier(earlier(lwip, intake_deadline()),
                          earlier(waiters_deadline(), interfaces_deadline()));
}

/* Interfaces have their step before the wait that follows. */
static void timeout(void)
{
    resolve_timers(true);
    sys_check_timeouts();
    resolve_timers(false);
    waiters_expire();
}

/* The interfaces are this server's arguments. */
static void interfaces_open(int argc, char *argv[])
{
    for (int i = 1; i < argc; i++) {
        int error = interface_open(argv[i]);
        if (error)
            log_printf(LOG_ERROR, "%s: %s", argv[i], anole_error_text(error));
    }
}

static struct service service = {
    .name = "inet",
    .notified = notified,
    .before_wait = before_wait,
    .deadline = deadline,
    .timeout = timeout,
};

int main(int argc, char *argv[])
{
    service.entries = inet_entries;
    service.entry_count = inet_entry_count;
    sockets_init();
    waiters_init();
    lwip_init();
    interfaces_open(argc, argv);
    service_ready();
    service_run(&service);
}
