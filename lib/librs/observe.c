/*
 * Goes through the recovery of a service as one of its clients, for the tests and benchmarks that
 * order a death and want to know how it went.
 */
#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <proto/common.h>
#include <stdlib.h>

#define SETTLE_TIMEOUT_US 15000000ul /* until the service is up at all */
#define DEATH_TIMEOUT_US 5000000ul   /* from the order to the death */
#define RETURN_TIMEOUT_US 10000000ul /* from the death to the first answer */
#define PAUSE_US 500ul
#define ENTRIES_AT_ONCE 16u

int service_settle(const char *service, struct rs_service_info *info)
{
    uint64_t deadline = deadline_in_us(SETTLE_TIMEOUT_US);

    for (;;) {
        int status = rs_find(service, info);

        if (status != 0 || info->state == RS_STATE_UP)
            return status;
        if (ticks_now() > deadline)
            return -ANOLE_ETIMEDOUT;
        sleep_us(PAUSE_US);
    }
}

/* On the way up, or back, or with a spare that is still to be made. */
static bool is_under_way(const struct rs_service_info *service)
{
    switch (service->state) {
    case RS_STATE_UP:
        return service->spare == RS_SPARE_WANTED;
    case RS_STATE_WAITING_START:
    case RS_STATE_STARTING:
    case RS_STATE_DYING:
    case RS_STATE_RESET:
    case RS_STATE_BACKOFF:
        return true;
    default:
        return false;
    }
}

static bool any_under_way(const struct rs_service_info *services, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (is_under_way(&services[i]))
            return true;
    }
    return false;
}

int services_settle(void)
{
    uint64_t deadline = deadline_in_us(SETTLE_TIMEOUT_US);
    struct rs_service_info *services;
    unsigned count;
    bool under_way;

    do {
        int status = rs_list(&services, &count);

        if (status != 0)
            return status;
        under_way = any_under_way(services, count);
        free(services);
        if (under_way)
            sleep_us(PAUSE_US);
    } while (under_way && ticks_now() < deadline);
    return under_way ? -ANOLE_ETIMEDOUT : 0;
}

/* A ping that it still answers changes nothing. */
static int ping_until_dead(endpoint_t endpoint)
{
    uint64_t deadline = deadline_in_us(DEATH_TIMEOUT_US);

    while (ticks_now() < deadline) {
        struct message ping = {0};
        int status = anole_call(endpoint, COMMON_PING, &ping, deadline);

        if (status == -ANOLE_EDEADENDPOINT)
            return 0;
        if (status != 0)
            return status;
        sleep_us(PAUSE_US);
    }
    return -ANOLE_ETIMEDOUT;
}

/* Finds the successor by its name and gets an answer from it. */
static int wait_until_served(const char *service, endpoint_t dead, unsigned bit)
{
    uint64_t deadline = deadline_in_us(RETURN_TIMEOUT_US);

    while (ticks_now() < deadline) {
        struct message ping = {0};
        endpoint_t endpoint;
        int status = name_wait(service, &endpoint, bit, deadline);

        if (status != 0)
            return status;
        if (endpoint != dead) {
            status = anole_call(endpoint, COMMON_PING, &ping, deadline);
            if (status == 0)
                return rs_served(endpoint);
            if (status != -ANOLE_EDEADENDPOINT)
                return status;
        }
        sleep_us(PAUSE_US);
    }
    return -ANOLE_ETIMEDOUT;
}

static int read_recovery(const char *service, uint64_t position, struct recovery *recovery)
{
    uint64_t deadline = deadline_in_us(RETURN_TIMEOUT_US);
    struct rs_log_entry entries[ENTRIES_AT_ONCE];
    unsigned count;

    while (!recovery->reached[PHASE_SERVED]) {
        int status = rs_log_read(position, entries, ENTRIES_AT_ONCE, &position, &count);

        if (status != 0)
            return status;
        for (unsigned i = 0; i < count; i++)
            recovery_add(recovery, service, &entries[i]);
        if (count == 0) {
            if (ticks_now() > deadline)
                return -ANOLE_ETIMEDOUT;
            sleep_us(PAUSE_US);
        }
    }
    return 0;
}

int recovery_observe(const char *service, endpoint_t dead, uint64_t log_start, unsigned bit,
                     struct recovery *recovery, const char **stage)
{
    *recovery = (struct recovery){0};
    *stage = "it did not die";
    int status = ping_until_dead(dead);
    if (status != 0)
        return status;
    *stage = "no new instance serves";
    status = wait_until_served(service, dead, bit);
    if (status != 0)
        return status;
    *stage = "RS's log doesn't tell of a whole recovery";
    return read_recovery(service, log_start, recovery);
}
