/*
 * A kernel for RS on the build machine: processes that live until a test lets them die, a clock that
 * tests move, and what RS did to whom.
 */
#ifndef TESTS_RS_FAKE_H
#define TESTS_RS_FAKE_H

#include <anole/kcall.h>
#include <anole/process.h>
#include <servers/rs/rs.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#define FAKE_PROCESSES 256
#define FAKE_RS ((endpoint_t)0x401)
#define FAKE_TICKS_PER_MS 10000u

struct fake_process {
    endpoint_t endpoint;
    enum process_state state;
    char name[PROCESS_NAME_LEN];
    uint8_t service_id;
    uint64_t kcalls;
    uint64_t give_ids;
    struct startup_page header;
    char strings[256];
    uint64_t resources[4]; /* base or irq of each */
    unsigned resource_count;
    uint64_t notified; /* by PROCESS_NOTIFY */
    uint64_t rung;     /* doorbells, by ipc_notify: bit = handle */
    uint64_t pc;       /* set by PROCESS_REGS; ~0: not */
    enum death_cause cause;
    uint64_t detail;
    bool reported;
    bool killed;
    struct liveness liveness;
};

struct fake {
    struct fake_process processes[FAKE_PROCESSES];
    unsigned count;
    uint64_t now;
    int create_error; /* what the next starts fail with */
    bool powered;
    uint32_t power;
    uint64_t status;
    jmp_buf power_off;     /* KCALL_POWER comes back here */
    uint8_t copied[65536]; /* what RS copied to a grant */
    uint64_t copied_len;
};
extern struct fake fake;

void fake_reset(void);
struct fake_process *fake_find(endpoint_t endpoint);
/* The newest process of that name; NULL: there was none. */
struct fake_process *fake_named(const char *name);
/* A process that RS didn't start. */
struct fake_process *fake_add(const char *name, uint8_t service_id);
/* It dies, and RS is told. */
void fake_die(struct fake_process *process, enum death_cause cause, uint64_t detail);
/* Lets time pass; RS does what is due. */
void fake_wait_ms(uint64_t ms);

#endif
