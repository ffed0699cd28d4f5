/*
 * Does a service make progress? Judged by what the kernel knows about its threads, not by what the
 * suspect says; a ping only for one that looks idle although somebody waits for it or complained, or
 * a name that its predecessor published hasn't come back: who waits for that can't call anybody.
 * Pure: facts come in, a verdict goes out. watch.c collects the facts and acts.
 */
#ifndef RS_LIVENESS_H
#define RS_LIVENESS_H

#include <anole/process.h>
#include <libconfig/config.h>
#include <stdbool.h>
#include <stdint.h>

#define LIVENESS_PERIOD_MS 100      /* between two rounds */
#define LIVENESS_PING_MS 100        /* for the answer to a ping */
#define LIVENESS_STARVED_MS 1000    /* ... if the suspect is busy, maybe with the answer */
#define LIVENESS_PING_PAUSE_MS 2000 /* at most, between pings for one old caller */

/* All threads of a process together, in milliseconds. */
struct liveness_facts {
    bool busy;       /* some thread runs, wants to, or waits for a server above */
    uint64_t cpu_ms; /* the most that a thread that isn't waiting has run since its last wait */
    uint64_t oldest_caller; /* when the oldest unanswered caller called; 0: none */
    uint64_t owes_name; /* since when a name that it should publish leads nowhere; 0: none does */
};

/* What RS remembers of a living service between rounds. */
struct liveness_memory {
    uint64_t spin_ms; /* CPU time beyond its bound in the last round; 0: it was within */
    uint64_t hoarded; /* the caller that it kept for too long in the last round; 0: none */
    bool pinged;      /* and not answered yet */
    bool complaint;   /* somebody complained since the last round */
    bool complained;  /* the ping is because of that */
    uint64_t ping_ms;
    uint64_t next_ping_ms; /* not before that for the same caller */
    uint64_t caller;       /* for whom the last ping was, or since when a name was owed */
};

enum liveness_verdict {
    LIVENESS_FINE,
    LIVENESS_PING,         /* ring NOTIFY_PING */
    LIVENESS_SPINS,        /* runs without ever waiting */
    LIVENESS_HOARDS,       /* keeps a caller for longer than it ever should */
    LIVENESS_SILENT,       /* somebody waits for it, and it answers no ping */
    LIVENESS_CORROBORATED, /* likewise, after a complaint */
};

/* Adds one thread to the facts about its process. */
void liveness_add(struct liveness_facts *facts, const struct liveness *thread,
                  uint64_t ticks_per_ms);
enum liveness_verdict liveness_judge(const struct config_liveness *bounds,
                                     const struct liveness_facts *facts,
                                     struct liveness_memory *memory, uint64_t now_ms);
/* The ping was answered. */
void liveness_pong(struct liveness_memory *memory);
/* Was a round that was due at due_ms called too late to be judged? */
bool liveness_late(uint64_t due_ms, uint64_t now_ms);

#endif
