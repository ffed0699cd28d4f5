/*
 * The process manager's own interfaces: the table of programs.
 */
#ifndef PM_PM_H
#define PM_PM_H

#include <anole/ipc.h>
#include <anole/process.h>
#include <libconfig/config.h>
#include <libload/load.h>
#include <stdbool.h>
#include <stdint.h>

#define PM_PROGRAMS 128
#define PM_RESERVED                                                                                \
    32 /* of these, for children of who may control services: always a shell's turn */
#define PM_PARENTS 32 /* services that have programs */

enum program_state {
    PROGRAM_FREE,
    PROGRAM_RUNNING,
    PROGRAM_DEAD, /* buried; its result waits for PM_WAIT */
};

struct program {
    enum program_state state;
    endpoint_t endpoint;
    endpoint_t parent; /* the process that spawned it */
    uint64_t age;      /* order of death, for who gives way when the table is full */
    enum death_cause cause;
    uint64_t detail;
    uint64_t pc;                /* of a fault, or 0 */
    struct ipc_delivery waiter; /* its PM_WAIT is unanswered; call_id 0: none */
};

/* Who sent a request. */
struct caller {
    endpoint_t process;
    unsigned service_id;
    bool operator; /* may control services */
};

/* ---- table.c: pure ---- */

struct program_table {
    struct program programs[PM_PROGRAMS];
    endpoint_t foreground; /* whom Ctrl-C kills; ENDPOINT_NONE */
    uint64_t deaths;
};

/* A free entry; the oldest result that nobody fetched gives way. NULL: too many are running. */
struct program *program_add(struct program_table *table, endpoint_t endpoint, endpoint_t parent);
/* Could one more be added for such a parent? */
bool program_room(const struct program_table *table, bool operator);
/* The program of that endpoint, running or dead; NULL. */
struct program *program_find(struct program_table *table, endpoint_t endpoint);
/* Notes a death; the foreground goes back to its parent if that is a program, too. */
void program_died(struct program_table *table, struct program *program,
                  const struct death_record *record);
/* The next running child of a process after `previous` (NULL: the first); NULL: no more. */
struct program *program_next_child(struct program_table *table, endpoint_t parent,
                                   const struct program *previous);
/* Forgets the results that a parent will never fetch. */
void program_forget_children(struct program_table *table, endpoint_t parent);

/* ---- spawn.c ---- */
void spawn_init(void);
const struct config *pm_config(void);
/* Starts a program from its argument strings, which are checked here. */
int spawn(const char *strings, size_t len, endpoint_t *endpoint);

/* ---- parents.c: the services that have programs, watched for their death ---- */
#define PARENT_BIT 0u /* notification */
int parent_watch(endpoint_t parent);
/* Calls gone() for every watched parent that is dead, and forgets it. */
void parents_check(void (*gone)(endpoint_t parent));

#endif
