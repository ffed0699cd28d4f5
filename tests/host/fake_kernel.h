/*
 * A kernel for servers on the build machine: processes that live until a test lets them die, a clock
 * that tests move, what the server under test did to whom, and what it answered.
 *
 * The server is RS unless a test says otherwise in fake_startup_page.self; RS may act on everyone.
 */
#ifndef TESTS_FAKE_KERNEL_H
#define TESTS_FAKE_KERNEL_H

#include <anole/ipc.h>
#include <anole/kcall.h>
#include <anole/layout.h>
#include <anole/process.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_PROCESSES 256
#define FAKE_RS ((endpoint_t)0x401)
#define FAKE_PM ((endpoint_t)0x801)
#define FAKE_TICKS_PER_MS 10000u

struct fake_process {
    endpoint_t endpoint;
    enum process_state state; /* NEW ones are RUNNING, but not `started` */
    endpoint_t creator;
    endpoint_t parent;
    uint32_t tag;
    uint64_t start_ticks;
    char name[PROCESS_NAME_LEN];
    uint8_t service_id;
    uint64_t kcalls;
    uint64_t give_ids;
    struct startup_page header;
    char strings[256];
    struct {
        uint64_t kind; /* RESOURCE_* */
        uint64_t base; /* or first interrupt number */
        uint64_t len;  /* or how many */
    } resources[PROCESS_RESOURCES];
    unsigned resource_count;
    uint64_t notified; /* by PROCESS_NOTIFY */
    uint64_t rung;     /* doorbells, by ipc_notify: bit = handle */
    uint64_t pc;       /* set by PROCESS_REGS; ~0: not */
    enum death_cause cause;
    uint64_t detail;
    bool reported;
    bool started;
    bool killed;
    bool watched;
    uint64_t waits_for;    /* the call that it waits for the answer to; 0: it waits for none */
    struct message answer; /* the last one */
    unsigned answers;
    struct liveness liveness;
};

/* A region of the server under test, or its offer of one. */
#define FAKE_REGIONS 16
struct fake_region {
    bool open;
    size_t len;
    endpoint_t peer; /* of an offer; ENDPOINT_NONE: the region itself */
    handle_t of;     /* an offer: which region */
};

struct fake {
    struct fake_process processes[FAKE_PROCESSES];
    unsigned count;
    uint64_t now;
    struct fake_region regions[FAKE_REGIONS]; /* never used again */
    unsigned region_count;
    int region_error;       /* what the next REGION_CREATE fails with */
    int create_error;       /* what the next starts fail with */
    unsigned create_errors; /* so many of them; 0: all */
    bool powered;
    uint32_t power;
    uint64_t status;
    jmp_buf power_off;     /* KCALL_POWER comes back here */
    uint8_t copied[65536]; /* what the server copied to a grant */
    uint64_t copied_len;
    uint8_t granted[4096]; /* what it finds behind every grant */
    uint64_t granted_len;
    int (*kcall)(uint32_t call, struct message *message); /* kernel calls that it lacks; or NULL */
    int (*call)(uint32_t type, struct message *message); /* what it calls others for; NULL: fails */
};
extern struct fake fake;
extern struct startup_page fake_startup_page;
extern struct info_page fake_info_page;

void fake_reset(void);
struct fake_process *fake_find(endpoint_t endpoint);
/* Of that handle; NULL: it is none of a region or an offer. */
struct fake_region *fake_region(handle_t handle);
/* The newest process of that name that was started; NULL: there was none. */
struct fake_process *fake_named(const char *name);
/* A process that the server didn't make; nobody else's child either. Ends the test when there is no
 * room, which fake_room tells. */
struct fake_process *fake_add(const char *name, uint8_t service_id);
bool fake_room(void);
/* It dies; nobody is told yet. */
void fake_kill(struct fake_process *process, enum death_cause cause, uint64_t detail);

#endif
