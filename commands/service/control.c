/*
 * service start, stop, kill, restart. RS answers an order at once; what became of it is seen by
 * asking for the service's state until it is where the order leads.
 */
#include "orders.h"

#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdio.h>

#define ORDER_TIMEOUT_US 15000000ul
#define POLL_US 2000ul

/* Whether the order has been carried out, or can't get any further. */
static bool order_done(enum rs_order order, const struct rs_service_info *before,
                       const struct rs_service_info *now)
{
    if (order == RS_SPARE_ON)
        return now->spare == RS_SPARE_READY || now->state != RS_STATE_UP;
    if (order == RS_SPARE_OFF)
        return now->spare == RS_SPARE_NONE;
    switch (now->state) {
    case RS_STATE_FAILED:
    case RS_STATE_DEVICE_FAILED:
    case RS_STATE_WAITING_DEVICE:
        return true;
    case RS_STATE_STOPPED:
        return order == RS_STOP || order == RS_KILL;
    case RS_STATE_UP:
        return order == RS_START || (order != RS_STOP && now->endpoint != before->endpoint);
    default:
        return false;
    }
}

static bool order_succeeded(enum rs_order order, const struct rs_service_info *now)
{
    if (order == RS_SPARE_ON || order == RS_SPARE_OFF)
        return (now->spare != RS_SPARE_NONE) == (order == RS_SPARE_ON);
    if (order == RS_STOP)
        return now->state == RS_STATE_STOPPED;
    if (order == RS_KILL && now->state == RS_STATE_STOPPED)
        return true;
    return now->state == RS_STATE_UP;
}

static int give_order(const char *name, enum rs_order order, const struct rs_service_info *before)
{
    int status = rs_control(name, order);

    if (status == 0)
        return 0;
    fprintf(stderr, "service: %s %s: refused by RS: %s (it is %s)\n", rs_order_text(order), name,
            anole_error_text(status), rs_state_text(before->state));
    return status;
}

static void print_result(const char *name, const struct rs_service_info *before,
                         const struct rs_service_info *now, uint64_t us)
{
    printf("%s: %s", name, rs_state_text(now->state));
    if (now->endpoint != ENDPOINT_NONE)
        printf(", endpoint %u/%u", endpoint_slot(now->endpoint),
               endpoint_generation(now->endpoint));
    if (before->endpoint != ENDPOINT_NONE && before->endpoint != now->endpoint)
        printf(" (was %u/%u)", endpoint_slot(before->endpoint),
               endpoint_generation(before->endpoint));
    printf(", after %lu.%03lu ms\n", (unsigned long)(us / 1000), (unsigned long)(us % 1000));
}

int service_order(const char *name, enum rs_order order)
{
    uint64_t start = ticks_now(), deadline = deadline_in_us(ORDER_TIMEOUT_US);
    struct rs_service_info before, now;
    int status = rs_find(name, &before);

    if (status != 0) {
        fprintf(stderr, "service: %s: %s\n", name,
                status == -ANOLE_ENOENT ? "no such service" : anole_error_text(status));
        return 1;
    }
    if (give_order(name, order, &before) != 0)
        return 1;
    for (;;) {
        status = rs_find(name, &now);
        if (status != 0) {
            fprintf(stderr, "service: %s can't be seen any more: %s\n", name,
                    anole_error_text(status));
            return 1;
        }
        if (order_done(order, &before, &now))
            break;
        if (ticks_now() > deadline) {
            fprintf(stderr, "service: %s %s: after %lu s it is still %s\n", rs_order_text(order),
                    name, ORDER_TIMEOUT_US / 1000000, rs_state_text(now.state));
            return 1;
        }
        sleep_us(POLL_US);
    }
    print_result(name, &before, &now, ticks_to_us(ticks_now() - start));
    return order_succeeded(order, &now) ? 0 : 1;
}

int service_complain(const char *name)
{
    struct rs_service_info info;
    int status = rs_find(name, &info);

    if (status == 0)
        status = rs_complain(info.endpoint, RS_COMPLAINT_TIMEOUT);
    if (status != 0) {
        fprintf(stderr, "service: RS doesn't listen to a complaint about %s: %s\n", name,
                anole_error_text(status));
        return 1;
    }
    return 0;
}
