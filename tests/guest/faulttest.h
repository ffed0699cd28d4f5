/*
 * faulttest: what its files share.
 *
 *   faulttest.c        arguments, the table of kinds with what each must lead to, the report
 *   faulttest_trial.c  one ordered fault: order it, watch, judge
 *   faulttest_sweep.c  deaths before each step of a start and of requests, one after the other
 *   faulttest_load.c   a client that has requests in flight meanwhile, and checks data: which one
 *   faulttest_disk.c   ... of a disk
 *   faulttest_net.c    ... of a network interface
 *   faulttest_other.c  who must not notice: the other services, and free memory
 */
#ifndef FAULTTEST_H
#define FAULTTEST_H

#include <libanole/anole.h>
#include <librs/rs_client.h>

/* Own notification bits. */
enum { BIT_NAME = 0, BIT_LOAD = 4 }; /* libblk and libnet take two */

#define PATIENCE_US 5000000ul /* for what must happen; only a failure waits that long */
#define PAUSE_US 500ul

/* ---- what a fault must lead to (faulttest.c) ---- */

enum outcome {
    DIES,     /* the instance dies, another one serves */
    RENEWS,   /* the load notices, and begins a new session with the same instance */
    HARMLESS, /* nobody notices; the instance lives on */
    LINGERS,  /* the instance lives on, the worse for it; killed, it gives all back */
};

#define BY_LIVENESS 1u /* RS must find out that it makes no progress */
#define BY_IO 2u       /* committed when there are requests: only for drivers with a load */
#define BY_WRITING 4u  /* ... for writes: needs --rw */
#define AT_START 8u    /* by the next instance */
#define FLOODS 16u     /* others must go on meanwhile */

struct expectation {
    enum outcome outcome;
    uint32_t cause; /* DIES: enum death_cause */
    unsigned flags;
    const char *text; /* of what lives: what kept it from doing harm */
};

/* Prints a failure of what was ordered last; returns 1. */
__attribute__((format(printf, 2, 3))) int failed(uint32_t kind, const char *format, ...);
const struct expectation *expectation_of(uint32_t kind);

/* ---- faulttest_trial.c ---- */

enum verdict { PASSED, FAILED, SKIPPED };
/* count: at which step, for kinds that have one. Prints one line. */
enum verdict trial_run(const char *service, uint32_t kind, unsigned count);

/* ---- faulttest_sweep.c ---- */

/* All classes of steps; prints one line for each. The number of classes that failed. */
unsigned sweep_run(const char *service);
/* One instance that dies before that step of a class. 0: as it should be, 1: not. */
unsigned sweep_step(const char *service, uint32_t class, unsigned step);

/* ---- faulttest_load.c ---- */

enum load_state { LOAD_OPEN, LOAD_NONE /* it said why */, LOAD_FAILED /* likewise */ };

/* A kind of load: what it is a client of, and how it does what is declared below. */
struct load {
    const char *device; /* how RS's name of it begins */
    const char *prefix; /* of the name that its driver publishes ... */
    bool lettered;      /* ... before a letter, else a number */
    bool writes_always; /* --rw or not */
    enum load_state (*open)(const char name[RS_NAME_LEN], bool write);
    bool (*submit)(void);
    bool (*finish)(void);
    uint64_t (*sessions)(void);
    bool (*alone)(void);
    bool (*close)(void);
};
extern const struct load load_disk, load_net;

/*
 * Opens the device that the service drives, or else the first disk. Without one that can be used there
 * is no load: then all of these succeed. False: it can't be opened (said).
 */
bool load_open(const char *service, bool write);
/* Is it a client of the service itself? */
bool load_is_victims(void);
/* Does the driver have no other client? */
bool load_is_alone(void);
bool load_writes(void);
/* Has requests in flight. False (said): one failed. */
bool load_submit(void);
/* Until all of them are answered, with the right data. */
bool load_finish(void);
/* Both. */
bool load_round(void);
/* How many sessions with the driver there were. */
uint64_t load_sessions(void);
bool load_close(void);

/* ---- faulttest_other.c ---- */

/* Waits until the service is up and has its hot spare, if it is to have one. -ETIMEDOUT. */
int settle(const char *service, struct rs_service_info *info);
/* Notes how everybody else is now. */
bool others_note(const char *victim);
/* Nobody else was restarted, and there is as much free memory as then. NULL, or what is wrong. */
const char *others_wrong(void);

#endif
