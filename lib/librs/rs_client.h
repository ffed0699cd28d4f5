/*
 * librs: the questions that programs ask the reincarnation server, and words for its answers. Used
 * by the `service` command, the tests that order faults and the benchmarks.
 *
 * Functions return 0 or a negated error of include/anole/error.h; those of proto/rs.h are handed on.
 */
#ifndef LIBRS_RS_CLIENT_H
#define LIBRS_RS_CLIENT_H

#include <anole/endpoint.h>
#include <proto/rs.h>
#include <stdbool.h>
#include <stdint.h>

/* Fetches all services. *services is from malloc and the caller's to free; NULL on an error. */
int rs_list(struct rs_service_info **services, unsigned *count);
/* One service by its name. -ENOENT: RS knows no such service. */
int rs_find(const char *name, struct rs_service_info *info);
/* Orders a start, stop, kill or restart; RS answers at once, the service follows. */
int rs_control(const char *name, enum rs_order order);
/* count: at which step, for the kinds that have one; else 0. */
int rs_inject(const char *name, enum fault_kind kind, unsigned count);
/* Copies entries from sequence number `first` on; *next is the number to go on with. */
int rs_log_read(uint64_t first, struct rs_log_entry *entries, unsigned max, uint64_t *next,
                unsigned *count);
/* The sequence number that the next decision will get. */
int rs_log_end(uint64_t *next);
/* What remains of a service's last death (index 0), of the one before (1) and so on; *kept is how
 * many there are. -ENOENT: not so many. */
int rs_record(const char *name, unsigned index, struct rs_death *death, unsigned *kept);
/* What RS thinks of a service. -ENOENT: RS knows no such service. */
int rs_status(const char *name, struct rs_status *status);
/* Tells RS that something is wrong with that instance of a service: RS looks. */
int rs_complain(endpoint_t endpoint, enum rs_complaint complaint);
/* Tells RS that the instance answered its first request to us. */
int rs_served(endpoint_t endpoint);
/* Writes out what files have, stops all services, then the machine: how is POWER_*, status what the
 * machine's power-off carries. Returns when RS has begun. */
int rs_shutdown(uint32_t how, unsigned status);

/* ---- words (text.c); never NULL ---- */
const char *rs_state_text(uint32_t state);
const char *rs_event_text(uint32_t event);
const char *rs_order_text(uint32_t order);
const char *rs_spare_text(uint32_t spare);
const char *rs_complaint_text(uint32_t complaint);
const char *fault_kind_name(uint32_t kind);
const char *fault_kind_text(uint32_t kind);
/* The kind of that name, or 0. */
uint32_t fault_kind_find(const char *name);

/* ---- the phases of one recovery (phases.c; pure) ---- */
enum recovery_phase {
    PHASE_DETECTED, /* RS decided that it must die; only if it didn't die by itself */
    PHASE_DEAD,
    PHASE_QUIESCED,
    PHASE_SPAWNED,
    PHASE_READY,
    PHASE_PUBLISHED, /* the last of its names */
    PHASE_SERVED,
    PHASES,
};

struct recovery {
    bool reached[PHASES];
    uint64_t time_ticks[PHASES];
    uint32_t cause;  /* enum death_cause of the DEAD entry */
    uint64_t detail; /* likewise */
    endpoint_t dead_endpoint;
    endpoint_t new_endpoint;
    bool given_up;
};

/*
 * Adds one log entry to what is known of the recovery of `service`. Entries come in order. Phases
 * after a death count once that death was seen; those of a second death are ignored.
 */
void recovery_add(struct recovery *recovery, const char *service, const struct rs_log_entry *entry);
const char *recovery_phase_name(enum recovery_phase phase);

/* ---- what became of an ordered fault (strike.c; pure) ---- */
enum strike_state {
    STRIKE_NONE, /* nothing was ordered */
    STRIKE_ORDERED,
    STRIKE_STRUCK, /* it was committed, or the instance died of it */
    STRIKE_LOST,   /* the instance died of something else, or had another order since */
};

struct strike {
    uint32_t kind; /* enum fault_kind */
    endpoint_t
        endpoint; /* of the instance that was ordered; ENDPOINT_NONE: not seen in the log yet */
    enum strike_state state;
};

/* After rs_inject succeeded; entries from before that don't matter. Not for kinds of the next instance. */
void strike_ordered(struct strike *strike, enum fault_kind kind);
/* Adds one log entry to what is known. Entries come in order; nothing changes what struck or was lost. */
void strike_add(struct strike *strike, const char *service, const struct rs_log_entry *entry);

/* ---- going through a recovery (observe.c) ---- */

/* Waits until the service is up; *info is what RS says of it then. -ETIMEDOUT. */
int service_settle(const char *service, struct rs_service_info *info);
/* Waits until no service is on its way up or back, and none that is up lacks the hot spare that it is to
 * have: RS makes it a little later, and it takes memory. -ETIMEDOUT. */
int services_settle(void);

/*
 * After a death was ordered: calls the instance `dead` until it is dead, which also makes the caller
 * the one that a silent service leaves unanswered; then finds the successor by its name (waiting with
 * the caller's own notification bit), gets an answer from it, tells RS so, and reads from RS's log,
 * from log_start on, what happened. Everything is bounded. On an error *stage says what failed.
 */
int recovery_observe(const char *service, endpoint_t dead, uint64_t log_start, unsigned bit,
                     struct recovery *recovery, const char **stage);

#endif
