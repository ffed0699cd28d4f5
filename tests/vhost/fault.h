/*
 * How the device misbehaves. A fault is a kind (a row of the table in fault.c: at which moment it
 * acts, and a function that spoils the plan for that moment) and a trigger that says which requests,
 * or which resets, it hits.
 *
 *   --fault KIND[,option=N...]
 *     skip=N      the first N that match are spared
 *     count=N     at most so many are hit (1; 0: all)
 *     percent=N   of those that match, by chance from the seed
 *     type=T      only read, write, flush, discard or zeroes
 *     sectors=A-B only requests that touch one of these sectors
 *     ms=N        how long, for kinds that take time
 *     value=N     the wrong value, for kinds that have one
 */
#ifndef VHOST_FAULT_H
#define VHOST_FAULT_H

#include "ring.h"

#include <stdio.h>

#define FAULTS_MAX 32u

enum fate {
    FATE_NOW,
    FATE_LATE,     /* after delay_ms, at a reset before it */
    FATE_AT_RESET, /* when the device is reset, before that has happened */
    FATE_NEVER,
    FATE_STALE, /* in the next life of the ring, when nobody asked for it */
};

/* What is to become of a request that was just taken. */
struct request_plan {
    enum fate fate;
    uint64_t delay_ms;
    uint64_t pause_ms;     /* the whole device is silent meanwhile */
    bool die;              /* disconnect first */
    bool gone;             /* ... and never come back */
    bool undone;           /* answer as if it had been done */
    bool scribble;         /* over what the driver has written into the ring for it */
    uint64_t capacity;     /* the disk's from now on; 0: as it is */
    uint64_t config_storm; /* so many changes of the configuration one after the other */
};

/* How it is answered. */
struct answer_plan {
    struct ring_answer ring;
    uint8_t status;
    bool status_written;
};

/* What a reset does. */
struct reset_plan {
    bool drop_cache;
    uint64_t delay_ms; /* until it is over */
};

/* What triggers look at. */
struct fault_subject {
    uint64_t number; /* of the request, from 1 on; 0: a reset */
    uint32_t type;   /* of virtio-blk */
    uint64_t sector, sectors;
};

struct fault;

struct faults {
    struct fault *list[FAULTS_MAX];
    unsigned count;
    uint64_t random; /* state */
};

/* Adds what a --fault says; 0, or -1 with what is wrong with it on standard error. */
int faults_add(struct faults *faults, const char *text);
void faults_free(struct faults *faults);
/* The kinds, one a line. */
void faults_help(FILE *out);

/* Let the faults that it is time for spoil the plan; each that does so is told on standard output. */
void faults_at_request(struct faults *faults, const struct fault_subject *subject,
                       struct request_plan *plan);
void faults_at_answer(struct faults *faults, const struct fault_subject *subject,
                      const struct ring *ring, struct answer_plan *plan);
void faults_at_reset(struct faults *faults, struct reset_plan *plan);

#endif
