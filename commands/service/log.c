/*
 * service log: RS's decisions, each with the time since the one before it about the same service, so
 * that the phases of a recovery can be read off; and of one service the records of its last deaths.
 */
#include "orders.h"

#include "../common/table.h"

#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdio.h>
#include <stdlib.h>

#define ENTRIES_AT_ONCE 32u
#define SERVICES_MAX 64u

/* When each service's last decision was taken. */
struct last_times {
    unsigned count;
    struct {
        char service[RS_NAME_LEN];
        uint64_t ticks;
    } of[SERVICES_MAX];
};

/* Notes the entry's time; true and *since if there was one before about the same service. */
static bool note_time(struct last_times *last, const struct rs_log_entry *entry, uint64_t *since)
{
    for (unsigned i = 0; i < last->count; i++) {
        if (strncmp(last->of[i].service, entry->service, RS_NAME_LEN) == 0) {
            *since = entry->time_ticks - last->of[i].ticks;
            last->of[i].ticks = entry->time_ticks;
            return true;
        }
    }
    if (last->count < SERVICES_MAX) {
        memcpy(last->of[last->count].service, entry->service, RS_NAME_LEN);
        last->of[last->count++].ticks = entry->time_ticks;
    }
    return false;
}

/* What the entry's detail says. */
static void add_detail(struct table *table, const struct rs_log_entry *entry)
{
    unsigned long detail = (unsigned long)entry->detail;

    switch (entry->event) {
    case RS_EVENT_PUBLISHED:
        table_cell(table, "%.15s", entry->name);
        break;
    case RS_EVENT_DETECTED:
        table_cell(table, "%s", death_cause_text((unsigned)entry->detail));
        break;
    case RS_EVENT_DEAD:
        table_cell(table, "%s (0x%lx)", death_cause_text(entry->cause), detail);
        break;
    case RS_EVENT_BACKOFF:
        table_cell(table, "%lu ms", detail);
        break;
    case RS_EVENT_ORDER:
        table_cell(table, "%s", rs_order_text((uint32_t)entry->detail));
        break;
    case RS_EVENT_INJECT:
    case RS_EVENT_COMMITTED:
        table_cell(table, "%s", fault_kind_text((uint32_t)entry->detail));
        break;
    case RS_EVENT_COMPLAINT:
        table_cell(table, "%s", rs_complaint_text((uint32_t)entry->detail));
        break;
    case RS_EVENT_SPAWNED:
        table_cell(table, "%s", detail != 0 ? "hot spare" : "-");
        break;
    case RS_EVENT_SPARE:
        table_endpoint(table, (endpoint_t)entry->detail);
        break;
    default:
        table_cell(table, "-");
        break;
    }
}

static void add_row(struct table *table, struct last_times *last, const struct rs_log_entry *entry)
{
    uint64_t us = ticks_to_us(entry->time_ticks), since = 0;
    bool known = note_time(last, entry, &since);

    since = ticks_to_us(since);
    table_cell(table, "%lu.%06lu", (unsigned long)(us / 1000000), (unsigned long)(us % 1000000));
    if (known)
        table_cell(table, "+%lu.%03lu", (unsigned long)(since / 1000),
                   (unsigned long)(since % 1000));
    else
        table_cell(table, "-");
    table_cell(table, "%.15s", entry->service);
    table_cell(table, "%u", entry->death);
    table_cell(table, "%s", rs_event_text(entry->event));
    table_endpoint(table, entry->endpoint);
    add_detail(table, entry);
}

int service_log(const char *name)
{
    static const struct table_column columns[] = {
        {"SECONDS", true}, {"MS", true},        {"SERVICE", false}, {"DEATHS", true},
        {"EVENT", false},  {"ENDPOINT", false}, {"DETAIL", false},
    };
    static struct rs_log_entry entries[ENTRIES_AT_ONCE];
    static struct last_times last;
    struct rs_service_info info;
    struct table table;
    uint64_t position = 0;
    unsigned count;
    int status_shown;

    if (name != NULL && rs_find(name, &info) == -ANOLE_ENOENT) {
        fprintf(stderr, "service: no such service: %s\n", name);
        return 1;
    }
    table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    do {
        int status = rs_log_read(position, entries, ENTRIES_AT_ONCE, &position, &count);

        if (status != 0) {
            fprintf(stderr, "service: RS's log can't be read: %s\n", anole_error_text(status));
            table_print(&table);
            return 1;
        }
        for (unsigned i = 0; i < count; i++) {
            if (name == NULL || strncmp(entries[i].service, name, RS_NAME_LEN) == 0)
                add_row(&table, &last, &entries[i]);
        }
    } while (count > 0);
    status_shown = table_print(&table);
    if (name != NULL)
        service_print_records(name);
    return status_shown;
}
