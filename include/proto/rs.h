/*
 * The reincarnation server: names, control of services, devices and resets, and what RS knows.
 *
 * Names are at most 15 characters, NUL-padded in two words (rs_name_pack). RS never blocks on the
 * caller or on anyone else; every request is answered at once.
 */
#ifndef PROTO_RS_H
#define PROTO_RS_H

#include <anole/device.h>
#include <anole/endpoint.h>
#include <anole/message.h>
#include <anole/process.h>
#include <assert.h>
#include <stdint.h>
#include <string.h>

#define RS_NAME_LEN 16

enum rs_request {
    /* Of services about themselves */
    RS_READY = MESSAGE_TYPE(PROTO_RS, 1),   /* initialized: publishes the service's own name */
    RS_PUBLISH = MESSAGE_TYPE(PROTO_RS, 2), /* w0-1 name: one more name; its prefix must be granted
                                               in system.dts (EPERM); EEXIST if another has it */
    RS_PONG = MESSAGE_TYPE(PROTO_RS, 3),    /* answer to NOTIFY_PING */
    RS_INJECT_FETCH = MESSAGE_TYPE(PROTO_RS, 4), /* answer to NOTIFY_INJECT -> w0 enum fault_kind,
                                                    w1 its count */
    RS_INJECT_COMMITTED = MESSAGE_TYPE(PROTO_RS, 5), /* w0 enum fault_kind: done, and I live */
    RS_KEEP = MESSAGE_TYPE(PROTO_RS, 6), /* w0-3 words that RS keeps over the service's deaths */
    RS_KEPT = MESSAGE_TYPE(PROTO_RS, 7), /* -> w0-3 of this instance or the last that kept any */
    RS_KEPT_REGION = MESSAGE_TYPE(PROTO_RS, 17), /* -> w0 offer of the service's kept region, w1 its
                                                    bytes (system.dts: kept-kib), w2 how many
                                                    instances had it before: 0: it is all zeroes.
                                                    ENOENT: the service has none */

    /* Of anyone */
    RS_LOOKUP = MESSAGE_TYPE(PROTO_RS, 8),    /* w0-1 name -> w0 endpoint, w1 its generation.
                                              ENOENT: no such name; EAGAIN: not up at the moment;
                                              EGIVENUP: RS gave its service up, or it is pm and
                                              was stopped */
    RS_SUBSCRIBE = MESSAGE_TYPE(PROTO_RS, 9), /* w0-1 name, w2 doorbell made for RS: rung whenever
                                                 the name is published or given up. One a name and
                                                 thread; a second replaces the first. ENOSPC: the
                                                 process has its share of them */
    RS_UNSUBSCRIBE = MESSAGE_TYPE(PROTO_RS, 10), /* w0-1 name */
    RS_LIST = MESSAGE_TYPE(PROTO_RS, 11), /* w0 grant (write) for struct rs_service_info[], w1 its
                                              bytes -> w0 how many there are, w1 how many copied */
    RS_LOG = MESSAGE_TYPE(PROTO_RS, 12),  /* w0 grant (write) for struct rs_log_entry[], w1 bytes,
                                              w2 first sequence number wanted -> w0 next one,
                                              w1 copied: entries are in order, old ones are lost */
    RS_COMPLAIN = MESSAGE_TYPE(PROTO_RS, 13), /* w0 endpoint, w1 enum rs_complaint */
    RS_SERVED = MESSAGE_TYPE(PROTO_RS, 14), /* w0 endpoint: its first request to me was answered */
    RS_RECORD = MESSAGE_TYPE(PROTO_RS, 15), /* w0-1 name, w2 grant (write) for struct
                                                 rs_death, w3 which one: 0 is the last death, 1 the
                                                 one before -> w0 how many are kept. ENOENT: not
                                                 so many */
    RS_STATUS = MESSAGE_TYPE(PROTO_RS, 16), /* w0-1 name, w2 grant (write) for struct rs_status */

    RS_MAY_CONTROL = MESSAGE_TYPE(PROTO_RS, 18), /* w0 endpoint: whether its process may control
                                                    services, and is the operator for whoever
                                                    asks. 0; EPERM: it isn't */

    /* Of who may control services (system.dts: may-control-services); EPERM for all others */
    RS_CONTROL = MESSAGE_TYPE(PROTO_RS, 20),  /* w0-1 service, w2 enum rs_order -> at once */
    RS_INJECT = MESSAGE_TYPE(PROTO_RS, 21),   /* w0-1 service, w2 enum fault_kind, w3 its count ->
                                                 at once. The kinds from FAULT_NO_IRQ on are for
                                                 the service's next instance */
    RS_SHUTDOWN = MESSAGE_TYPE(PROTO_RS, 22), /* w0 POWER_OFF or POWER_REBOOT, w1 exit status */

    /* Of devman */
    RS_DEVICE = MESSAGE_TYPE(PROTO_RS, 30),       /* w0 grant (read) of struct rs_device_told: it is
                                               there. A number that RS knows is the same device
                                               again -> w0 enum device_state, w1 resets done so
                                               far */
    RS_DEVICE_GONE = MESSAGE_TYPE(PROTO_RS, 31),  /* w0 device number */
    RS_RESET_FETCH = MESSAGE_TYPE(PROTO_RS, 32),  /* -> w0 device number, w1 endpoint of the dead
                                                    process or ENDPOINT_NONE; EAGAIN: none to do */
    RS_RESET_DONE = MESSAGE_TYPE(PROTO_RS, 33),   /* w0 device number, w1 status: 0 or an error */
    RS_DEVICES_DONE = MESSAGE_TYPE(PROTO_RS, 34), /* all that were there at boot are told */
};

enum rs_order {
    RS_START = 1,
    RS_STOP = 2,
    RS_KILL = 3,
    RS_RESTART = 4,
    RS_SPARE_ON = 5, /* keep a hot spare from now on, whatever system.dts says */
    RS_SPARE_OFF = 6,
};

enum rs_complaint {
    RS_COMPLAINT_TIMEOUT = 1,  /* a request's deadline passed */
    RS_COMPLAINT_PROTOCOL = 2, /* it broke a channel's rules */
};

/* Faults that can be ordered. X(KIND, number, name on the command line, what it does). From NO_IRQ on
 * they are committed by the next instance, from its first instruction on. */
#define FAULT_KINDS(X)                                                                             \
    X(LOAD, 1, "load", "load from an unmapped page")                                               \
    X(STORE, 2, "store", "store to an unmapped page")                                              \
    X(JUMP, 3, "jump", "jump to address 0")                                                        \
    X(ILLEGAL, 4, "illegal", "illegal instruction")                                                \
    X(PRIVILEGED, 5, "privileged", "privileged instruction")                                       \
    X(OVERFLOW, 6, "overflow", "stack overflow")                                                   \
    X(SPIN, 7, "spin", "endless loop")                                                             \
    X(SLEEP, 8, "sleep", "endless sleep")                                                          \
    X(SILENT, 9, "silent", "goes on receiving, never answers")                                     \
    X(EXIT, 10, "exit", "exit(1)")                                                                 \
    X(PANIC, 11, "panic", "panic()")                                                               \
    X(WILD, 12, "wild", "replies to everybody who doesn't wait for it")                            \
    X(FORGE, 13, "forge", "answers a caller under forged and stale call ids")                      \
    X(AVAIL, 14, "avail", "shows the device a wrong available index")                              \
    X(USED, 15, "used", "forgets what it has taken from the used ring")                            \
    X(CHANNEL, 16, "channel", "shows a client a produced index beyond the ring")                   \
    X(UNASKED, 17, "unasked", "answers a request that was never made")                             \
    X(EARLY, 18, "early", "answers a write before the device did")                                 \
    X(FLOOD_CALLS, 19, "flood-calls", "calls RS without end")                                      \
    X(FLOOD_BELLS, 20, "flood-bells", "rings a client's doorbell without end")                     \
    X(FLOOD_LOG, 21, "flood-log", "writes warnings into the log without end")                      \
    X(HOARD_FRAMES, 22, "hoard-frames", "takes all memory that it may have")                       \
    X(HOARD_HANDLES, 23, "hoard-handles", "takes all handles that it may have")                    \
    X(HOARD_CALLERS, 24, "hoard-callers", "answers pings, but no caller any more")                 \
    X(NO_IRQ, 25, "no-irq", "never binds its interrupt")                                           \
    X(DIE_CALL, 26, "die-call", "dies before its Nth system call")                                 \
    X(DIE_RING, 27, "die-ring", "dies before its Nth operation on a ring")                         \
    X(DIE_REGISTER, 28, "die-register", "dies before its Nth access to a register")                \
    X(DIE_REPLY, 29, "die-reply", "dies before its Nth reply")

enum fault_kind {
#define FAULT_KIND_ENUM(kind, number, name, text) FAULT_##kind = (number),
    FAULT_KINDS(FAULT_KIND_ENUM)
#undef FAULT_KIND_ENUM
        FAULT_KIND_LIMIT,
};

enum rs_state {
    RS_STATE_WAITING_DEVICE = 1, /* its device isn't there */
    RS_STATE_WAITING_START = 2,  /* for its turn in the start order */
    RS_STATE_STARTING = 3,       /* started, not READY yet */
    RS_STATE_UP = 4,
    RS_STATE_DYING = 5,   /* killed or died, not yet buried */
    RS_STATE_RESET = 6,   /* devman resets its device */
    RS_STATE_BACKOFF = 7, /* RS waits before the next start */
    RS_STATE_STOPPED = 8, /* by order, or it exited with status 0 and isn't to be restarted */
    RS_STATE_FAILED = 9,  /* given up; reason in last_cause */
    RS_STATE_DEVICE_FAILED = 10, /* its device didn't come out of reset */
};

enum rs_spare {
    RS_SPARE_NONE = 0,   /* none is wanted */
    RS_SPARE_WANTED = 1, /* it will be made when the service is up */
    RS_SPARE_READY = 2,  /* loaded, waits before its first instruction */
};

/* RS_DEVICE: a device, as devman found it. */
struct rs_device_told {
    struct device_description description;
    char compatible[32]; /* what drivers are matched by: "virtio,2", "ns16550a" */
    char label[32];      /* what people see: "virtio,2@10001000", "virtio,2@pci:00:01.0" */
    struct {
        uint64_t base; /* physical, page-aligned */
        uint64_t len_bytes;
    } windows[DEVICE_WINDOWS]; /* description.windows of them; none holds an MSI-X table */
    uint32_t interrupt;        /* the first of description.interrupts numbers */
    uint32_t reserved;
};
static_assert(sizeof(struct rs_device_told) == 64 + 32 + 32 + 16 * DEVICE_WINDOWS + 8,
              "shared layout");

struct rs_service_info {
    char name[RS_NAME_LEN];
    char program[RS_NAME_LEN];
    char device[32];     /* what it drives; empty if none */
    endpoint_t endpoint; /* ENDPOINT_NONE if there is no process */
    uint32_t state;      /* enum rs_state */
    uint32_t restarts;
    uint32_t last_cause; /* enum death_cause */
    uint64_t last_detail;
    uint64_t up_since_ticks;
    uint32_t service_id;
    uint32_t deaths_in_window; /* that count for backoff and limit */
    uint32_t backoff_ms;       /* the wait that would follow another death now */
    uint32_t spare;            /* enum rs_spare */
};
static_assert(sizeof(struct rs_service_info) == 112, "shared layout");

/* One decision of RS. Recovery phases are consecutive entries with the same service and death. */
enum rs_event {
    RS_EVENT_START = 1,
    RS_EVENT_READY = 2,
    RS_EVENT_PUBLISHED = 3, /* name */
    RS_EVENT_DETECTED = 4,  /* detail: enum death_cause that RS decided upon */
    RS_EVENT_DEAD = 5,      /* cause, detail of the death record */
    RS_EVENT_QUIESCED = 6,  /* the device was reset, or none was needed */
    RS_EVENT_SPAWNED = 7,   /* detail: 1 if the hot spare was woken */
    RS_EVENT_SERVED = 8,    /* first request answered */
    RS_EVENT_BACKOFF = 9,   /* detail: ms */
    RS_EVENT_GIVEN_UP = 10,
    RS_EVENT_ORDER = 11,     /* detail: enum rs_order */
    RS_EVENT_INJECT = 12,    /* detail: enum fault_kind */
    RS_EVENT_COMPLAINT = 13, /* detail: enum rs_complaint */
    RS_EVENT_STOPPED = 14,
    RS_EVENT_DEVICE = 15, /* a device appeared */
    RS_EVENT_RESET_FAILED = 16,
    RS_EVENT_COMMITTED = 17, /* detail: enum fault_kind, ordered and done; it lives */
    RS_EVENT_SPARE = 18,     /* a hot spare was made; detail: its endpoint */
};

struct rs_log_entry {
    uint64_t sequence;
    uint64_t time_ticks;
    char service[RS_NAME_LEN];
    char name[RS_NAME_LEN]; /* RS_EVENT_PUBLISHED: the name */
    uint32_t event;         /* enum rs_event */
    uint32_t death;         /* how many deaths of this service came before: 0 for its first life */
    uint32_t cause;         /* enum death_cause where one belongs */
    endpoint_t endpoint;
    uint64_t detail;
};
static_assert(sizeof(struct rs_log_entry) == 72, "shared layout");

/* The last messages that a service took before it died, oldest first: read from the corpse. */
#define RS_DEATH_MESSAGES 16
struct rs_death_message {
    endpoint_t source; /* ENDPOINT_KERNEL: notifications, word[0] has the bits */
    uint32_t type;
    uint64_t word[3]; /* the first ones */
};

/* RS_RECORD. At most that many are kept of a service. */
#define RS_RECORDS_PER_SERVICE 8
struct rs_death {
    char program[RS_NAME_LEN];
    endpoint_t endpoint;
    uint32_t number; /* 1: the service's first death */
    uint32_t message_count;
    uint32_t reserved;
    struct death_record record;
    struct rs_death_message message[RS_DEATH_MESSAGES];
};
static_assert(sizeof(struct rs_death) == 32 + 344 + RS_DEATH_MESSAGES * 32, "shared layout");

/* A complaint that RS listened to. */
#define RS_STATUS_COMPLAINTS 8
struct rs_complaint_info {
    uint64_t time_ticks;
    endpoint_t process;    /* who complained */
    endpoint_t about;      /* which instance of the service */
    uint32_t kind;         /* enum rs_complaint */
    uint32_t counts;       /* 1: of a service that has the right to be believed */
    char who[RS_NAME_LEN]; /* service, or class of programs */
};
static_assert(sizeof(struct rs_complaint_info) == 40, "shared layout");

/* RS_STATUS: what RS thinks of a service, and the numbers that it goes by. */
#define RS_STATUS_DEATHS 32
struct rs_status {
    struct rs_service_info info;
    endpoint_t spare; /* of its hot spare, or ENDPOINT_NONE */
    uint32_t spares_woken;
    uint32_t deaths;   /* all of them, ordered ones too */
    uint32_t timer_ms; /* until RS loses patience with this state; ~0: it has no end */
    /* policy in force (docs/system-dts.md) */
    uint32_t restart_on; /* bit n: enum config_cause n */
    uint32_t window_ms, limit, at_once, backoff_ms, backoff_max_ms, quiet_ms;
    uint32_t given_up; /* enum config_given_up */
    char fallback[RS_NAME_LEN];
    uint32_t gives_up_next; /* 1: one more death now, and it is given up */
    uint32_t death_count;
    uint32_t death_age_ms[RS_STATUS_DEATHS]; /* of those that count, oldest first */
    /* liveness: bounds, and what the last round saw */
    uint32_t spin_ms, caller_ms, ready_ms, stop_ms;
    uint32_t looked; /* 1: a round has looked at this instance */
    uint32_t looked_ago_ms;
    uint32_t busy;          /* 1: some thread runs, wants to, or waits for a server above */
    uint32_t cpu_ms;        /* run since the last wait */
    uint32_t caller_age_ms; /* of its oldest unanswered caller; 0: there is none */
    uint32_t pinged;        /* 1: it owes an answer to a ping */
    /* what its next death means */
    uint32_t stop_wanted; /* 1: its end, by order */
    uint32_t ordered;     /* 1: it was ordered and counts for nothing */
    uint32_t fell_back;   /* 1: runs the program that it falls back on */
    uint32_t complaints;  /* all that RS listened to */
    uint32_t complaint_count;
    uint32_t answer_ms;                                       /* one more of liveness's bounds */
    struct rs_complaint_info complaint[RS_STATUS_COMPLAINTS]; /* the last ones, oldest first */
};
static_assert(sizeof(struct rs_status) == 696, "shared layout");

/* Packs a name into two message words; longer ones are cut at 15 characters. */
static inline void rs_name_pack(uint64_t words[2], const char *name)
{
    char buffer[RS_NAME_LEN] = {0};
    size_t len = strlen(name);
    memcpy(buffer, name, len < RS_NAME_LEN - 1 ? len : RS_NAME_LEN - 1);
    memcpy(words, buffer, RS_NAME_LEN);
}

/* The reverse; the result is always terminated. */
static inline void rs_name_unpack(char name[RS_NAME_LEN], const uint64_t words[2])
{
    memcpy(name, words, RS_NAME_LEN);
    name[RS_NAME_LEN - 1] = '\0';
}

#endif
