/*
 * /services.json and /services.txt: the services as they are now, how often each was reincarnated, and
 * RS's last decisions.
 */
#include "httpd.h"

#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdlib.h>

#define EVENTS 32u

static unsigned long ms_of_ticks(uint64_t ticks)
{
    return (unsigned long)(ticks_to_us(ticks) / 1000);
}

/* Names and texts of this system have no characters that JSON would want escaped. */
static void service_json(struct page *page, const struct rs_service_info *service)
{
    page_add(page,
             "{\"name\":\"%.15s\",\"state\":\"%s\",\"restarts\":%u,\"last\":\"%s\","
             "\"spare\":\"%s\",\"device\":\"%.31s\",\"up_ms\":%lu}",
             service->name, rs_state_text(service->state), service->restarts,
             service->last_cause == DEATH_NONE ? "-" : death_cause_text(service->last_cause),
             rs_spare_text(service->spare), service->device,
             service->state == RS_STATE_UP ? ms_of_ticks(ticks_now() - service->up_since_ticks)
                                           : 0ul);
}

static void event_json(struct page *page, const struct rs_log_entry *entry)
{
    page_add(page,
             "{\"number\":%llu,\"time_ms\":%lu.%03u,\"service\":\"%.15s\",\"event\":\"%s\","
             "\"death\":%u,\"cause\":\"%s\"}",
             (unsigned long long)entry->sequence, ms_of_ticks(entry->time_ticks),
             (unsigned)(ticks_to_us(entry->time_ticks) % 1000), entry->service,
             rs_event_text(entry->event), entry->death,
             entry->cause == DEATH_NONE ? "-" : death_cause_text(entry->cause));
}

/* The last ones. A log that can't be read is empty. */
static unsigned events_read(struct rs_log_entry entries[EVENTS])
{
    unsigned count = 0;
    uint64_t end;

    if (rs_log_end(&end) != 0 ||
        rs_log_read(end > EVENTS ? end - EVENTS : 0, entries, EVENTS, &end, &count) != 0)
        return 0;
    return count;
}

unsigned services_json(struct document *document)
{
    static struct rs_log_entry entries[EVENTS];
    struct page page = {0};
    struct rs_service_info *services;
    unsigned count;

    if (rs_list(&services, &count) != 0)
        return 503;
    page_add(&page, "{\"now_ms\":%lu,\"services\":[", ms_of_ticks(ticks_now()));
    for (unsigned i = 0; i < count; i++) {
        page_add(&page, "%s\n", i > 0 ? "," : "");
        service_json(&page, &services[i]);
    }
    free(services);
    page_add(&page, "\n],\"events\":[");
    count = events_read(entries);
    for (unsigned i = 0; i < count; i++) {
        page_add(&page, "%s\n", i > 0 ? "," : "");
        event_json(&page, &entries[i]);
    }
    page_add(&page, "\n]}\n");
    return page_done(&page, "application/json", document);
}

unsigned services_text(struct document *document)
{
    struct page page = {0};
    struct rs_service_info *services;
    unsigned count;

    if (rs_list(&services, &count) != 0)
        return 503;
    page_add(&page, "%-15s %-14s %8s  %-17s %s\n", "NAME", "STATE", "RESTARTS", "LAST-DEATH",
             "DEVICE");
    for (unsigned i = 0; i < count; i++) {
        const struct rs_service_info *service = &services[i];
        page_add(&page, "%-15.15s %-14s %8u  %-17s %.31s\n", service->name,
                 rs_state_text(service->state), service->restarts,
                 service->last_cause == DEATH_NONE ? "-" : death_cause_text(service->last_cause),
                 service->device[0] ? service->device : "-");
    }
    free(services);
    return page_done(&page, "text/plain; charset=utf-8", document);
}
