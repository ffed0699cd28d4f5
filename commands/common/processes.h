/*
 * All processes as the kernel lists them.
 */
#ifndef COMMANDS_PROCESSES_H
#define COMMANDS_PROCESSES_H

#include <anole/process.h>

struct processes {
    struct process_info *list; /* from malloc */
    unsigned count;
};

/* 0 or -error. What is read is no snapshot: processes come and go meanwhile. */
int processes_read(struct processes *processes);
void processes_free(struct processes *processes);
/* NULL: there is no process with that main thread. */
const struct process_info *processes_find(const struct processes *processes, endpoint_t endpoint);

#endif
