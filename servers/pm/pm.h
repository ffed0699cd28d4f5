/*
 * The process manager's own interfaces: what it knows, and what one file offers the others.
 *
 * Everything is static and bounded. What pm knows can be found out again by its successor: programs,
 * their parents and tags from the kernel, results from the records of the dead, which the kernel keeps
 * until pm buries them for good, the foreground from RS.
 */
#ifndef PM_PM_H
#define PM_PM_H

#include <anole/handle.h>
#include <anole/ipc.h>
#include <anole/process.h>
#include <libconfig/config.h>
#include <libload/load.h>
#include <stdbool.h>
#include <stdint.h>

#define PM_PROGRAMS 128
#define PM_RESERVED 32 /* of these, for children of operators: always a shell's turn */
#define PM_GROUP 32    /* programs and results that one leader and its descendants may have */
#define PM_PARENTS 64  /* services that have programs: as many as RS has services */

enum program_state {
    PROGRAM_FREE,
    PROGRAM_RUNNING,
    PROGRAM_DEAD, /* its result waits for PM_WAIT, and its death record in the kernel */
};

struct program {
    enum program_state state;
    endpoint_t endpoint;
    endpoint_t parent; /* the process that spawned it */
    endpoint_t leader; /* to whose group it counts; ENDPOINT_NONE: an operator's child */
    uint32_t tag;      /* of the spawn request; 0: none */
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

/*
 * Is there room for one more program of that group? 0: a free entry. 1: if *giving_way, a result that
 * nobody fetched, is dropped before. -ENOMEM: too many are running. The room for operators' children
 * is theirs alone, and a group that has too much gives way before all others.
 */
int program_room(struct program_table *table, endpoint_t leader, struct program **giving_way);
/* Adds one. NULL: no entry is free. */
struct program *program_add(struct program_table *table, endpoint_t endpoint, endpoint_t parent,
                            endpoint_t leader);
/* The group that children of such a parent count to. */
endpoint_t program_leader(struct program_table *table, endpoint_t parent, bool parent_is_operator);
/* The program of that endpoint, running or dead; NULL. */
struct program *program_find(struct program_table *table, endpoint_t endpoint);
/* The parent's child that was spawned with that tag, running or dead; NULL. */
struct program *program_find_tag(struct program_table *table, endpoint_t parent, uint32_t tag);
/* Notes a death; the foreground goes back to its parent if that is a program, too. */
void program_died(struct program_table *table, struct program *program,
                  const struct death_record *record);
/* The next child of a process in that state after `previous` (NULL: the first); NULL: no more. */
struct program *program_next_child(struct program_table *table, endpoint_t parent,
                                   enum program_state state, const struct program *previous);

/* ---- what pm knows ---- */

struct pm_parent {
    endpoint_t process;
    handle_t watch; /* HANDLE_NONE: a free entry */
};

struct pm {
    struct config config;
    struct load_image image;
    struct program_table table;
    struct pm_parent parents[PM_PARENTS];
    endpoint_t kept_foreground; /* as RS keeps it for a successor */
};
extern struct pm pm;

/* ---- spawn.c ---- */
struct spawn_request {
    const char *strings; /* argv, then environment */
    size_t len;
    uint32_t environment_count;
    endpoint_t parent;
    uint32_t tag;
    bool by_operator;
    endpoint_t owner; /* of the file that it is to be, and its grant of it */
    handle_t file;
    uint64_t file_len; /* 0: it is in the boot image */
};
/* Starts a program from its argument strings, which are checked here. */
int spawn(const struct spawn_request *request, endpoint_t *endpoint);

/* ---- parents.c: the services that have programs, watched for their death ---- */
#define PARENT_BIT 0u /* notification */
int parent_watch(endpoint_t parent);
/* Calls gone() for every watched parent that is dead, and forgets it. */
void parents_check(void (*gone)(endpoint_t parent));

/* ---- deaths.c ---- */
int child_kill(const struct program *program, enum death_cause cause);
/* Answers the one who waits with a dead program's result. If he is gone, the result stays. */
void result_give(struct program *program);
/* Forgets a result: its record goes, too. */
void result_drop(struct program *program);
/* A parent is dead: its children die, nobody wants their results. */
void children_end(endpoint_t parent);
/* A child of pm's is dead: notes its result, tells who waits, frees what it had. */
void corpse_handle(endpoint_t corpse);
void deaths_collect(void);

/* ---- adopt.c ---- */
/* Takes over the programs that a former pm left, which RS gave to this one. */
void programs_adopt(void);
/* Tells RS who is in the foreground, if that has changed. */
void foreground_keep(void);

/* ---- requests.c: handlers of include/proto/pm.h ---- */
int request_spawn(struct ipc_delivery *request);
int request_wait(struct ipc_delivery *request);
int request_kill(struct ipc_delivery *request);
int request_foreground(struct ipc_delivery *request);
int request_interrupt(struct ipc_delivery *request);

#endif
