/*
 * Reads the kernel's process table slot by slot.
 */
#include "processes.h"

#include <libanole/anole.h>
#include <stdlib.h>

int processes_read(struct processes *processes)
{
    struct system_info system;
    int status = kcall_system_info(&system);

    *processes = (struct processes){0};
    if (status != 0)
        return status;
    processes->list = calloc(system.process_slots, sizeof(*processes->list));
    if (processes->list == NULL)
        return -ANOLE_ENOMEM;
    for (unsigned slot = 0; slot < system.process_slots; slot++) {
        status = kcall_process_info(slot, &processes->list[processes->count]);
        if (status == 0) {
            processes->count++;
        } else if (status != -ANOLE_ENOENT) {
            processes_free(processes);
            return status;
        }
    }
    return 0;
}

void processes_free(struct processes *processes)
{
    free(processes->list);
    *processes = (struct processes){0};
}

const struct process_info *processes_find(const struct processes *processes, endpoint_t endpoint)
{
    for (unsigned i = 0; i < processes->count; i++) {
        if (processes->list[i].endpoint == endpoint)
            return &processes->list[i];
    }
    return NULL;
}
