/*
 * malice: what its files share. The first process (malice.c) has a victim to be protected and starts
 * the hostile ones: workers that try what must be refused, children that must die of what they do, busy
 * ones that are killed at a random moment.
 */
#ifndef MALICE_H
#define MALICE_H

#include "chance.h"
#include "testkit.h"

#define DRIVER_PROGRAM "malicedriver" /* the same program with a driver's rights */

/* ---- the victim, and what is promised to it (malice_victim.c) ---- */
struct victim {
    endpoint_t owner;    /* the first process, for which all of these were made */
    endpoint_t endpoint; /* a child that holds a pattern */
    endpoint_t held;     /* a thread of the owner's that waits for its answer */
    handle_t grant;      /* of the victim's memory, to the owner */
    handle_t offer;      /* of a region, likewise */
    handle_t bell;       /* rings the victim; for the owner */
};

/* Starts it. Ends the program if that can't be done. */
void victim_start(struct victim *victim);
/* False, with a line for each wrong thing, if it isn't as it was made. */
bool victim_is_unharmed(const struct victim *victim);
/* Lets its held caller have the answer; then it ends. False if the answer was another. */
bool victim_end(const struct victim *victim);
/* The victim as program arguments, and back: VICTIM_WORDS of them. */
#define VICTIM_WORDS 6
void victim_to_arguments(const struct victim *victim, char text[VICTIM_WORDS][24]);
void victim_from_arguments(struct victim *victim, char *const argument[VICTIM_WORDS]);

/* ---- a hostile process (malice_worker.c) ---- */

#define ARENA_BYTES 0x40000ul   /* its memory that may come to harm */
#define GRANTED_BYTES 0x10000ul /* the first of it, granted to itself */
#define REGION_BYTES (4 * PAGE_SIZE)
#define STALE_HANDLES 16u

enum undo { UNDO_NONE, UNDO_CLOSE, UNDO_REVOKE, UNDO_UNMAP, UNDO_UNPIN };
struct leftover {
    enum undo undo;
    uint64_t object, len;
};
#define LEFTOVERS 48u

struct hostile {
    struct chance chance;
    struct victim victim;
    bool driver; /* has the DRIVER group */
    endpoint_t self;
    unsigned char *arena;
    handle_t grant;  /* of the arena's first bytes to itself, both ways */
    handle_t region; /* of REGION_BYTES */
    handle_t stale[STALE_HANDLES];
    endpoint_t callable[8], forbidden[16]; /* services */
    unsigned callable_count, forbidden_count;
    struct leftover leftovers[LEFTOVERS];
    unsigned leftover_count;
    uint64_t attempt; /* its number */
};

/* Whom an endpoint names. */
enum whom { NOBODY, ONESELF, THE_VICTIM, THE_OWNER, THE_HELD, A_CALLABLE, A_FORBIDDEN, WHOMS };
endpoint_t pick_endpoint(struct hostile *hostile, enum whom whom);
/* A handle that this process doesn't have. */
handle_t pick_wrong_handle(struct hostile *hostile);
/* An address where this process has nothing that it may read, or also write. */
uint64_t pick_wrong_address(struct hostile *hostile, bool for_writing);

/* Says that an attempt had another outcome than was promised. */
__attribute__((format(printf, 2, 3))) void unexpected(const struct hostile *hostile,
                                                      const char *format, ...);

/* One attempt. */
void attempt_kernel_call(struct hostile *hostile);
void attempt_system_call(struct hostile *hostile);
/* Undoes what successful attempts left. */
void undo_all(struct hostile *hostile);

/* main() of a worker: --worker GROUP SEED FIRST COUNT and the victim. */
int worker_main(int argc, char *argv[]);

/* ---- children that die ---- */

/* Of what they do (malice_deaths.c): main() of --die KIND SEED, and what it must have died of. */
int die_main(int argc, char *argv[]);
/* The n-th of them: spawns it and looks. */
bool death_is_right(uint64_t seed, uint64_t n);

/* Of being killed at a random moment (malice_kills.c). */
int busy_main(int argc, char *argv[]);
bool kill_is_survived(uint64_t seed, uint64_t n, const struct victim *victim);

/* Storms (malice_storms.c): rings, calls and so on, so many of them. */
bool storms_are_weathered(uint64_t seed, uint64_t count, const struct victim *victim);

/* ---- registers (malice_registers.S) ---- */
struct registers {
    uint64_t x[32];     /* x[27] is the caller's to ignore */
    uint64_t saved[16]; /* the routine's own */
};

/* A system call with all registers as given; afterwards as the kernel left them. */
void registers_call(struct registers *registers);
/* Code of a thread that ends itself and touches no memory. */
void registers_thread_exit(void);

#endif
