/*
 * ps: all processes, what they wait for and what they use.
 */
#include "common/arguments.h"
#include "common/processes.h"
#include "common/table.h"

#include <libanole/anole.h>
#include <stdio.h>

static const char *state_text(const struct process_info *process)
{
    static const char *const process_texts[] = {
        [PROCESS_NEW] = "new",
        [PROCESS_DYING] = "dying",
        [PROCESS_DEAD] = "dead",
        [PROCESS_BURYING] = "burying",
    };
    static const char *const thread_texts[] = {
        [THREAD_NEW] = "new",       [THREAD_READY] = "ready",     [THREAD_RUNNING] = "running",
        [THREAD_CALLING] = "calls", [THREAD_RECEIVING] = "waits", [THREAD_DEAD] = "ended",
    };
    const char *text = NULL;

    if (process->state == PROCESS_RUNNING) {
        if (process->main_state < sizeof(thread_texts) / sizeof(thread_texts[0]))
            text = thread_texts[process->main_state];
    } else if (process->state < sizeof(process_texts) / sizeof(process_texts[0])) {
        text = process_texts[process->state];
    }
    return text != NULL ? text : "?";
}

/* Whom it waits for: by name if it is the main thread of a process. */
static void add_peer(struct table *table, const struct processes *processes, endpoint_t peer)
{
    const struct process_info *process = processes_find(processes, peer);

    if (process != NULL)
        table_cell(table, "%.15s", process->name);
    else
        table_endpoint(table, peer);
}

static void add_row(struct table *table, const struct processes *processes,
                    const struct process_info *process)
{
    uint64_t ms = ticks_to_us(process->cpu_ticks) / 1000;

    table_endpoint(table, process->endpoint);
    table_cell(table, "%.15s", process->name);
    table_cell(table, "%s", state_text(process));
    add_peer(table, processes, process->main_peer);
    table_cell(table, "%u", process->service_id);
    table_cell(table, "%u", process->priority);
    table_cell(table, "%u", process->threads);
    table_cell(table, "%lu", (unsigned long)(process->frames * PAGE_SIZE / 1024));
    table_cell(table, "%lu", (unsigned long)(process->pinned_frames * PAGE_SIZE / 1024));
    table_cell(table, "%u", process->handles);
    table_cell(table, "%lu", (unsigned long)ms);
}

int main(int argc, char *argv[])
{
    static const struct table_column columns[] = {
        {"ENDPOINT", false}, {"NAME", false},   {"STATE", false},  {"PEER", false},
        {"ID", true},        {"PRIO", true},    {"THREADS", true}, {"KIB", true},
        {"PINNED", true},    {"HANDLES", true}, {"CPU-MS", true},
    };
    struct processes processes;
    struct table table;

    (void)argv;
    if (argc != 1)
        return print_usage("ps");

    int status = processes_read(&processes);
    if (status != 0) {
        fprintf(stderr, "ps: the kernel gives no process list: %s\n", anole_error_text(status));
        return 1;
    }
    table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (unsigned i = 0; i < processes.count; i++)
        add_row(&table, &processes, &processes.list[i]);
    processes_free(&processes);
    return table_print(&table);
}
