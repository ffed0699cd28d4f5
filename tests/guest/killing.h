/*
 * killing: what its files share.
 *
 *   killing.c         arguments, runs of the program, the report
 *   killing_victim.c  kills and orders whose turn it is, and finds out which orders struck
 */
#ifndef KILLING_H
#define KILLING_H

#include <libanole/anole.h>
#include <librs/rs_client.h>

#define VICTIMS 16u

struct victim {
    char service[RS_NAME_LEN];
    uint32_t fault; /* enum fault_kind; 0: it is killed */
    uint64_t every_us;
    uint64_t next_ticks;
    struct strike strike; /* of the fault that was ordered last */
    unsigned hits;        /* kills, or faults that struck */
};

extern struct victim victims[VICTIMS];
extern unsigned victim_count;

/* Where the log is read from: what is in it now is of no interest. */
int victims_begin(void);
/* Does what it is time for, to none more than so often; when there is more to do, in ticks. One caller
 * at a time. */
uint64_t victims_strike(unsigned long most);
/* Counts what has struck since. */
void victims_count(void);
/* Has each been hit so often? */
bool victims_all_hit(unsigned long least);

#endif
