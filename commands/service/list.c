/*
 * service list: what RS and the kernel know of all services.
 */
#include "orders.h"

#include "../common/processes.h"
#include "../common/table.h"

#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned long kib_of_frames(uint64_t frames)
{
    return (unsigned long)(frames * PAGE_SIZE / 1024);
}

static unsigned long ms_of_ticks(uint64_t ticks)
{
    return (unsigned long)(ticks_to_us(ticks) / 1000);
}

static void add_row(struct table *table, const struct rs_service_info *service,
                    const struct processes *processes)
{
    const struct process_info *process = processes_find(processes, service->endpoint);

    table_cell(table, "%.15s", service->name);
    table_cell(table, "%s", rs_state_text(service->state));
    table_endpoint(table, service->endpoint);
    table_cell(table, "%u", service->restarts);
    table_cell(table, "%s",
               service->last_cause == DEATH_NONE ? "-" : death_cause_text(service->last_cause));
    if (process == NULL) {
        table_cell(table, "-");
        table_cell(table, "-");
    } else {
        table_cell(table, "%lu", kib_of_frames(process->frames));
        table_cell(table, "%lu", ms_of_ticks(process->cpu_ticks));
    }
    table_cell(table, "%s", rs_spare_text(service->spare));
    table_cell(table, "%.31s", service->device[0] == '\0' ? "-" : service->device);
}

int service_list(void)
{
    static const struct table_column columns[] = {
        {"NAME", false},    {"STATE", false},      {"ENDPOINT", false},
        {"RESTARTS", true}, {"LAST-DEATH", false}, {"KIB", true},
        {"CPU-MS", true},   {"SPARE", false},      {"DEVICE", false},
    };
    struct rs_service_info *services;
    struct processes processes;
    struct table table;
    unsigned count;

    int status = rs_list(&services, &count);
    if (status != 0) {
        fprintf(stderr, "service: RS gives no list: %s\n", anole_error_text(status));
        return 1;
    }
    status = processes_read(&processes);
    if (status != 0) {
        fprintf(stderr, "service: the kernel gives no process list: %s\n",
                anole_error_text(status));
        free(services);
        return 1;
    }
    table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (unsigned i = 0; i < count; i++)
        add_row(&table, &services[i], &processes);
    processes_free(&processes);
    free(services);
    return table_print(&table);
}
