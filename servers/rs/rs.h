/*
 * The reincarnation server's own interfaces: its tables and what one file offers the others.
 *
 * Everything is static and bounded. RS only makes kernel calls; it never waits for a service.
 */
#ifndef RS_RS_H
#define RS_RS_H

#include "liveness.h"
#include "policy.h"
#include <anole/handle.h>
#include <anole/ipc.h>
#include <libconfig/config.h>
#include <libload/load.h>
#include <proto/devman.h>
#include <proto/rs.h>
#include <stdbool.h>
#include <stdint.h>

#define RS_SERVICES 64 /* instances: one a service, of a driver one a device */
#define RS_DEVICES 64
#define RS_KEPT_WORDS 4

/*
 * Shares: a table that clients fill is as large as all their shares together, so that nobody can take
 * another's. Programs are at most as many as pm allows.
 */
#define RS_PROGRAMS 128
#define RS_NAMES_PER_SERVICE 16
#define RS_NAMES (RS_SERVICES * RS_NAMES_PER_SERVICE)
#define RS_SUBSCRIPTIONS_EACH 16
#define RS_SUBSCRIPTIONS ((RS_SERVICES + RS_PROGRAMS) * RS_SUBSCRIPTIONS_EACH)

struct rs_service;

/* What happens to a device between two drivers. */
enum rs_device_reset {
    RESET_NONE,   /* quiet, or in its driver's hands */
    RESET_WANTED, /* devman should fetch it */
    RESET_BEGUN,  /* devman is at it */
    RESET_FAILED, /* it didn't come out of it */
};

struct rs_device {
    bool present;
    struct rs_device_told told; /* by devman; checked */
    enum rs_device_reset reset;
    uint32_t resets;
    endpoint_t dead;            /* the process whose DMA ends with the reset, or ENDPOINT_NONE */
    struct rs_service *service; /* the instance that drives it, or NULL */
};

struct rs_service {
    const struct config_service *config;
    char name[RS_NAME_LEN]; /* "virtio_blk", "virtio_blk.1", ... */
    const char *program;
    uint32_t unit;
    struct rs_device *device; /* NULL: none (yet) */

    enum rs_state state;
    endpoint_t endpoint; /* of the process, dying ones too; ENDPOINT_NONE: there is none */
    endpoint_t corpse;   /* dead, not buried: its device isn't quiet yet */
    uint64_t timer;      /* in ticks: when its state has lasted too long; DEADLINE_NEVER */
    uint64_t up_since_ticks;
    uint32_t starts;
    uint32_t start_rank; /* 1: the first service that was started, ... */
    uint32_t deaths;     /* those that were detected: the current recovery's number */

    bool stop_wanted;      /* its next death is its end */
    bool ordered;          /* its next death was ordered and counts for nothing */
    bool detected;         /* its death is decided upon and logged */
    bool killed;           /* RS killed it, the kernel hasn't said so yet */
    bool was_ready;        /* it said so in this life */
    bool served;           /* RS_SERVED was logged for this life */
    bool fell_back;        /* program is the fallback */
    enum fault_kind fault; /* ordered, to be fetched; 0: none */
    uint32_t fault_count;
    enum fault_kind next_fault; /* ordered of the next instance; 0: none */
    uint32_t next_fault_count;

    enum death_cause last_cause;
    uint64_t last_detail;
    struct policy_history history;
    struct liveness_memory liveness;
    struct liveness_facts facts; /* what the last round saw */
    uint64_t looked_ms;          /* when that was; 0: none has looked at this life */

    uint64_t complainers[SERVICE_ID_WORDS]; /* ids that complained about this life and count */
    uint64_t believed_ticks;                /* when the last of them did */
    uint32_t complaints;                    /* all that were listened to, about any life */
    struct rs_complaint_info complaint[RS_STATUS_COMPLAINTS]; /* the last ones, a ring */
    uint64_t complaint_logged_ticks;
    uint64_t kept[RS_KEPT_WORDS]; /* by RS_KEEP, for its successors */
    handle_t kept_region;         /* HANDLE_NONE: there is none, or nobody has asked for it yet */
    handle_t kept_offer;          /* of it, to ... */
    endpoint_t kept_by;           /* ... the last one that asked */
    uint32_t kept_before;         /* instances that had it */

    bool spare_wanted;
    endpoint_t spare;   /* created, not started; ENDPOINT_NONE: there is none */
    uint64_t spare_due; /* in ticks: when the next one is made; DEADLINE_NEVER */
    uint32_t spares_woken;
};

struct rs_name {
    char name[RS_NAME_LEN];
    struct rs_service *owner;
    endpoint_t endpoint; /* ENDPOINT_NONE: not up */
};

struct rs_subscription {
    char name[RS_NAME_LEN];
    endpoint_t thread; /* ENDPOINT_NONE: a free entry */
    endpoint_t process;
    handle_t doorbell;
};

/* Who sent a request. */
struct rs_caller {
    endpoint_t process;
    unsigned service_id;
    struct rs_service *service; /* NULL: not a service */
};
/* A handler edits the message into the reply's words and returns the status. */
typedef int (*rs_handler)(struct message *message, const struct rs_caller *caller);

struct rs {
    struct config config;
    struct load_image image;
    struct rs_service services[RS_SERVICES];
    unsigned service_count;
    struct rs_device devices[RS_DEVICES];
    struct rs_name names[RS_NAMES]; /* names are never given back */
    unsigned name_count;
    struct rs_subscription subscriptions[RS_SUBSCRIPTIONS];
    unsigned subscription_count; /* entries in use or free below this */
    bool devices_done;           /* devman has told all that were there at boot */
    bool starts_wanted;          /* some service may be ready for its start: start_ready() */
};
extern struct rs rs;

/* ---- services.c: the table of services ---- */
void services_init(void);
struct rs_service *service_find(const char *name);
struct rs_service *service_of_process(endpoint_t process);
/* The instance with that kernel call among its rights (devman, pm, the console), or NULL. */
struct rs_service *service_with_kcall(unsigned call);
/* One more instance of a driver service; NULL: the table is full. */
struct rs_service *service_add_instance(const struct config_service *config);
bool service_is_live(const struct rs_service *service); /* has a process that isn't dying */
bool service_is_rs(const struct rs_service *service);
bool service_makes_programs(const struct rs_service *service); /* it is pm */
void service_timer(struct rs_service *service, uint64_t ms);   /* from now */
int service_notify(const struct rs_service *service, unsigned bit);
int request_ready(struct message *message, const struct rs_caller *caller);
int request_served(struct message *message, const struct rs_caller *caller);

/* ---- kept.c: what a service's instances leave for their successors ---- */
/* Nobody will ask for its region any more. */
void kept_region_free(struct rs_service *service);
int request_keep(struct message *message, const struct rs_caller *caller);
int request_kept(struct message *message, const struct rs_caller *caller);
int request_kept_region(struct message *message, const struct rs_caller *caller);

/* ---- names.c: publish, look up, subscribe ---- */
/* Is this a terminated, printable, non-empty name? Unpacks it. */
bool name_unpack(char name[RS_NAME_LEN], const uint64_t words[2]);
/* Gives a name to a service for good. -EEXIST: another has it. -ENOSPC. */
int names_reserve(struct rs_service *service, const char *name);
int names_publish(struct rs_service *service, const char *name, endpoint_t endpoint);
/* All names of the service lead nowhere until it publishes them again. */
void names_withdraw(const struct rs_service *service);
/* Does one of its names lead nowhere? */
bool names_owed(const struct rs_service *service);
/* Rings the subscribers of all of the service's names: it was given up. */
void names_ring_all(const struct rs_service *service);
int request_publish(struct message *message, const struct rs_caller *caller);
int request_lookup(struct message *message, const struct rs_caller *caller);
int request_subscribe(struct message *message, const struct rs_caller *caller);
int request_unsubscribe(struct message *message, const struct rs_caller *caller);

/* ---- devices.c: what there is to drive, and who drives it ---- */
/* Devman itself gives a device a second to come out of reset; if it takes that long, it hangs. */
#define RESET_OVERDUE_MS 3000u
/* Asks devman to reset the service's device; `dead` is its late driver or ENDPOINT_NONE. */
void device_reset_want(struct rs_service *service, endpoint_t dead);
/* Devman is dead: what it was at will be fetched again. */
void devices_devman_died(void);
/* Devman's work waits, and it is up: rings it. */
void devices_ring_devman(void);
int request_device(struct message *message, const struct rs_caller *caller);
int request_device_gone(struct message *message, const struct rs_caller *caller);
int request_reset_fetch(struct message *message, const struct rs_caller *caller);
int request_reset_done(struct message *message, const struct rs_caller *caller);
int request_devices_done(struct message *message, const struct rs_caller *caller);

/* ---- told.c: what devman says of a device ---- */
/* Can a driver rely on it? */
bool told_is_fit(const struct rs_device_told *told);
/* Do two devices have registers in common? */
bool told_overlap(const struct rs_device_told *a, const struct rs_device_told *b);

/* ---- start.c: the start order, and making a service's process ---- */
/* Starts every service whose turn it is. */
void start_ready(void);
/* Starts one whatever the order says (restarts). */
void service_start(struct rs_service *service);

/* ---- make.c: a service's process ---- */
/* Everything but the device and the start; on an error there is none. */
int process_prepare(const struct rs_service *service, endpoint_t *child);
/* Tells one that was prepared some time ago what has changed since then. */
int process_refresh(const struct rs_service *service, endpoint_t child);
/* Hands the device over and starts it; on an error it is gone. */
int process_launch(const struct rs_service *service, endpoint_t child);

/* ---- spare.c: hot spares ---- */
void spare_want(struct rs_service *service, bool wanted);
/* The service is up: its next spare is made soon, if it wants one. */
void spare_plan(struct rs_service *service);
void spare_make(struct rs_service *service); /* it is due */
void spare_drop(struct rs_service *service);
/* Hands the spare over, up to date, to be launched; ENDPOINT_NONE: there is none. */
endpoint_t spare_take(struct rs_service *service);
/* Frees the memory of all spares. False: there is none. */
bool spares_sacrifice(void);
enum rs_spare spare_state(const struct rs_service *service);

/* ---- death.c: from a death to the next start ---- */
/* Decides that a service must die, logs it and kills it. */
void service_kill(struct rs_service *service, enum death_cause cause, uint64_t detail);
/* Tells it to stop, or kills it at once if its stop-ms is 0; it is killed when that has passed. */
void service_stop(struct rs_service *service);
/* Fetches all deaths that the kernel has to tell. */
void deaths_collect(void);
/* Its device is quiet, or it has none: what now? */
void service_quiet(struct rs_service *service);
/* Its device is lost. */
void service_device_failed(struct rs_service *service, int error);
/* A start that failed: as if it had died at once. */
void service_start_failed(struct rs_service *service, int error);
void service_give_up(struct rs_service *service);
/* It is down, and stays so until somebody starts it. */
void service_stopped(struct rs_service *service);

/* ---- programs.c: pm's programs while there is no pm ---- */
/* A dead child that is no service: left for the next pm, or buried if there will be none. */
void programs_corpse(endpoint_t corpse);
/* Gives the programs that a pm left to its successor, which isn't started yet. */
void programs_give(endpoint_t successor);
/* There will be no pm: ends all programs. */
void programs_end(void);

/* ---- record.c: what remains of the last deaths ---- */
/* Reads record and last messages from the corpse. */
const struct death_record *record_take(const struct rs_service *service, endpoint_t corpse);
int request_record(struct message *message, const struct rs_caller *caller);

/* ---- complaint.c ---- */
/* The service is found to hang: who complained about it isn't charged for that. */
void complaints_were_right(const struct rs_service *victim);
int request_complain(struct message *message, const struct rs_caller *caller);

/* ---- status.c: what RS tells of services ---- */
int request_list(struct message *message, const struct rs_caller *caller);
int request_status(struct message *message, const struct rs_caller *caller);

/* ---- watch.c: liveness and all other time-outs ---- */
uint64_t watch_deadline(void); /* ticks */
void watch_run(void);          /* what is due */
int request_pong(struct message *message, const struct rs_caller *caller);

/* ---- orphans.c ---- */
/* Ends a process that holds memory of dead creators for too long, or too much of it. */
void orphans_round(void);

/* ---- control.c, shutdown.c, fault.c: orders ---- */
/* Whether processes with that service id may give orders. */
bool id_may_control(unsigned service_id);
int request_may_control(struct message *message, const struct rs_caller *caller);
int request_control(struct message *message, const struct rs_caller *caller);
int request_inject(struct message *message, const struct rs_caller *caller);
int request_inject_fetch(struct message *message, const struct rs_caller *caller);
int request_inject_committed(struct message *message, const struct rs_caller *caller);
int request_shutdown(struct message *message, const struct rs_caller *caller);
void shutdown_begin(uint32_t how, uint64_t status);
/* Stops the next service, or the machine when none is left. Called after each death. */
void shutdown_step(void);
bool shutdown_begun(void);

/* ---- log.c: the decisions ---- */
void log_event(const struct rs_service *service, enum rs_event event, uint64_t detail);
void log_death(const struct rs_service *service, enum rs_event event, enum death_cause cause,
               uint64_t detail, uint64_t time_ticks);
void log_published(const struct rs_service *service, const char *name, endpoint_t endpoint);
int request_log(struct message *message, const struct rs_caller *caller);

#endif
