/*
 * Hot spares: of a service that wants one, a second process that is loaded and waits before its first
 * instruction. It has no device and runs nothing, so it can't fail; at a death it gets the device and
 * is started. A new one is made some time after the service is up again, when nobody waits for RS.
 *
 * A spare is a convenience: where memory is short there is none, and the service starts without.
 */
#include "rs.h"
#include <libanole/anole.h>

#define SPARE_DELAY_MS 10u   /* after RS_READY: its clients come first */
#define SPARE_RETRY_MS 1000u /* after a failure */

void spare_plan(struct rs_service *service)
{
    if (service->spare_wanted && service->spare == ENDPOINT_NONE) {
        service->spare_due = deadline_in_us(SPARE_DELAY_MS * 1000ul);
    }
}

void spare_drop(struct rs_service *service)
{
    service->spare_due = DEADLINE_NEVER;
    if (service->spare != ENDPOINT_NONE) {
        load_discard(service->spare);
        service->spare = ENDPOINT_NONE;
    }
}

void spare_want(struct rs_service *service, bool wanted)
{
    service->spare_wanted = wanted;
    if (!wanted) {
        spare_drop(service);
    } else if (service->state == RS_STATE_UP) {
        spare_plan(service);
    }
}

void spare_make(struct rs_service *service)
{
    service->spare_due = DEADLINE_NEVER;
    if (service->state != RS_STATE_UP || service->spare != ENDPOINT_NONE || shutdown_begun()) {
        return; /* the next RS_READY plans it again */
    }
    if (process_prepare(service, &service->spare)) {
        service->spare = ENDPOINT_NONE;
        service->spare_due = deadline_in_us(SPARE_RETRY_MS * 1000ul);
        return;
    }
    log_event(service, RS_EVENT_SPARE, service->spare);
}

endpoint_t spare_take(struct rs_service *service)
{
    endpoint_t spare = service->spare;
    service->spare_due = DEADLINE_NEVER;
    service->spare = ENDPOINT_NONE;
    if (spare != ENDPOINT_NONE && process_refresh(service, spare)) {
        load_discard(spare);
        return ENDPOINT_NONE;
    }
    return spare;
}

bool spares_sacrifice(void)
{
    bool any = false;
    for (unsigned i = 0; i < rs.service_count; i++) {
        if (rs.services[i].spare != ENDPOINT_NONE) {
            spare_drop(&rs.services[i]);
            rs.services[i].spare_due = deadline_in_us(SPARE_RETRY_MS * 1000ul);
            any = true;
        }
    }
    return any;
}

enum rs_spare spare_state(const struct rs_service *service)
{
    return service->spare != ENDPOINT_NONE ? RS_SPARE_READY
           : service->spare_wanted         ? RS_SPARE_WANTED
                                           : RS_SPARE_NONE;
}
