/*
 * What the kernel tells about processes, and what a creator tells the kernel about a new one.
 */
#ifndef ANOLE_PROCESS_H
#define ANOLE_PROCESS_H

#include <anole/endpoint.h>
#include <assert.h>
#include <stdint.h>

#define PROCESS_NAME_LEN 16
#define SERVICE_IDS 256
#define SERVICE_ID_WORDS (SERVICE_IDS / 64)

/* Scheduling priorities: smaller runs first. The bands of design section 3. */
#define PRIORITIES 32
enum priority_band {
    PRIORITY_RS = 1,
    PRIORITY_DEVMAN = 2,
    PRIORITY_DRIVER = 6,
    PRIORITY_SERVER = 10, /* inet, file servers */
    PRIORITY_VFS = 12,    /* vfs, pm */
    PRIORITY_PROGRAM = 20,
    PRIORITY_BACKGROUND = 31, /* who has used up its budget */
};

#define PROCESS_FLOAT 1u /* built for FP: its FP state is switched lazily */

/* KCALL_PROCESS_CREATE. The child's rights must be a subset of what its creator may give. */
struct process_create {
    char name[PROCESS_NAME_LEN]; /* NUL-padded */
    uint8_t service_id;          /* what others' rights name it by */
    uint8_t priority;
    uint8_t max_threads;
    uint8_t flags; /* PROCESS_* */
    uint32_t max_frames;
    uint32_t max_handles;
    uint32_t budget_us; /* of CPU time per period; 0: no budget */
    uint32_t period_us;
    endpoint_t parent; /* for the creator's own use: the kernel only tells it to who asks ... */
    uint32_t tag;      /* ... and this likewise */
    uint32_t reserved;
    uint64_t kcalls;                          /* bit n: may make kernel call n */
    uint64_t callable[SERVICE_ID_WORDS];      /* bit n: may call service id n */
    uint64_t give_kcalls;                     /* what its own children may have */
    uint64_t give_callable[SERVICE_ID_WORDS]; /* likewise */
    uint64_t give_ids[SERVICE_ID_WORDS];      /* service ids that its children may have */
};
static_assert(sizeof(struct process_create) == 48 + 8 + 32 + 8 + 32 + 32, "shared layout");

/* Why a process died. */
enum death_cause {
    DEATH_NONE = 0,
    DEATH_EXIT = 1,         /* KCALL_EXIT; detail = status */
    DEATH_PANIC = 2,        /* KCALL_EXIT of panic(); detail = status */
    DEATH_DEVICE_RESET = 3, /* KCALL_EXIT: a driver asks for a fresh device; detail = evidence */
    DEATH_LOAD_FAULT = 4,   /* detail of faults = faulting address */
    DEATH_STORE_FAULT = 5,
    DEATH_FETCH_FAULT = 6,
    DEATH_ILLEGAL = 7, /* illegal or privileged instruction; detail = its bits */
    DEATH_MISALIGNED = 8,
    DEATH_BREAKPOINT = 9,
    DEATH_KILLED = 10,      /* KCALL_PROCESS_KILL by an operator or creator */
    DEATH_NO_PROGRESS = 11, /* ... because it made no progress */
    DEATH_COMPLAINT = 12,   /* ... because of complaints that were corroborated */
    DEATH_INTERRUPT = 13,   /* ... because of Ctrl-C */
    DEATH_DEVICE_GONE = 14, /* ... because its device is gone */
    DEATH_STOPPED = 15,     /* ... because it was told to stop */
    DEATH_BAD_CALL = 16,    /* unknown system call; detail = its number */
    DEATH_UNUSABLE = 17,    /* KCALL_EXIT: it can't drive its device at all; detail = error */
    DEATH_CAUSES = 18,
};

#define DEATH_BACKTRACE 8

struct death_record {
    uint32_t cause; /* enum death_cause */
    endpoint_t thread;
    uint64_t detail;
    uint64_t time_ticks;
    uint64_t pc;
    uint64_t regs[31];                   /* x1..x31 */
    uint64_t backtrace[DEATH_BACKTRACE]; /* return addresses by frame pointer; 0 ends it */
};

enum process_state {
    PROCESS_FREE = 0,
    PROCESS_NEW = 1, /* created, not started */
    PROCESS_RUNNING = 2,
    PROCESS_DYING = 3,   /* some hart still runs it */
    PROCESS_DEAD = 4,    /* a corpse until its creator buries it */
    PROCESS_BURYING = 5, /* buried in part: only KCALL_PROCESS_BURY goes on */
};

/* What a thread's state is, for ps. */
enum thread_state {
    THREAD_FREE = 0,
    THREAD_NEW = 1,
    THREAD_READY = 2,
    THREAD_RUNNING = 3,
    THREAD_CALLING = 4,   /* queued at or unanswered by a server */
    THREAD_RECEIVING = 5, /* waits for requests or notifications */
    THREAD_DEAD = 6,
};

/* KCALL_PROCESS_INFO. Slots are 0 .. SYSTEM_INFO.process_slots - 1. */
struct process_info {
    char name[PROCESS_NAME_LEN];
    endpoint_t endpoint;
    uint8_t service_id;
    uint8_t state; /* enum process_state */
    uint8_t priority;
    uint8_t main_state;   /* enum thread_state of the main thread */
    endpoint_t main_peer; /* whom the main thread calls, or ENDPOINT_NONE */
    endpoint_t creator;   /* who may bury it; ENDPOINT_KERNEL: the kernel made it */
    endpoint_t parent;    /* as the creator gave it */
    uint32_t tag;         /* likewise */
    uint32_t threads;
    uint32_t frames; /* charged */
    uint32_t max_frames;
    uint32_t handles;
    uint32_t max_handles;
    uint64_t cpu_ticks;
    uint64_t start_ticks;
    uint64_t pinned_frames; /* by its DMA mappings */
};

/* KCALL_LIVENESS: one for each live thread of a started process. */
struct liveness {
    endpoint_t thread;
    endpoint_t process;
    uint8_t state; /* enum thread_state */
    uint8_t service_id;
    uint16_t callers; /* unanswered ones that it took, and those queued */
    uint32_t reserved;
    uint64_t last_wait_ticks;      /* when it last waited for requests or notifications */
    uint64_t cpu_since_wait_ticks; /* what it has run since then, and servers for its calls */
    uint64_t oldest_caller_ticks;  /* when the oldest unanswered caller called; 0: none */
};
static_assert(sizeof(struct liveness) == 40, "shared layout");

/* KCALL_ORPHANS: one for each process that maps regions whose creators are dead. */
struct orphan_holder {
    endpoint_t process;
    uint32_t frames;      /* of those regions */
    uint64_t since_ticks; /* when the first of the creators was buried */
};
static_assert(sizeof(struct orphan_holder) == 16, "shared layout");

/* KCALL_COUNTERS: exact, per process (as caller) or summed over harts. */
struct counters {
    uint64_t traps;
    uint64_t system_calls;
    uint64_t kernel_calls;
    uint64_t messages;       /* requests and replies delivered */
    uint64_t notifications;  /* doorbells rung */
    uint64_t space_switches; /* satp changed; counted for the process switched to */
    uint64_t fences;
    uint64_t ipis;
    uint64_t copied_bytes; /* by KCALL_COPY and KCALL_COPY_VECTOR */
    uint64_t interrupts;   /* delivered to it */
    uint64_t failed_replies;
    uint64_t longest_lock_ticks; /* harts only */
};

/* KCALL_SYSTEM_INFO */
struct system_info {
    uint64_t frames_total;
    uint64_t frames_free;
    uint64_t frames_quarantined; /* pinned for devices of dead drivers */
    uint64_t frames_orphaned;    /* of dead creators, still used by others */
    uint64_t log_end;            /* position after the newest log byte */
    uint32_t process_slots;
    uint32_t processes;
    uint32_t threads;
    uint32_t harts;
    uint64_t boot_ticks;
    uint64_t idle_ticks; /* summed over harts */
};

#endif
