/*
 * libconfig: etc/system.dts, compiled to system.dtb, as structs. RS and pm read it at their start;
 * docs/system-dts.md is the reference of every property, tools/check-system has checked the source.
 *
 * The blob is part of the boot image and stays mapped: strings point into it. Nothing here depends on
 * the kernel.
 */
#ifndef LIBCONFIG_CONFIG_H
#define LIBCONFIG_CONFIG_H

#include <anole/process.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_SERVICES 64
#define CONFIG_CLASSES 16
#define CONFIG_NAME_LEN 16
#define CONFIG_ERROR_LEN 128
#define CONFIG_NO_LIMIT 0u
#define CONFIG_KEPT_KIB_MAX 65536u

/* A list of NUL-terminated strings, one after the other: what a property or an argv is. */
struct config_strings {
    const char *data;
    size_t len; /* bytes, with the NULs */
};

/* What a process may do and have. Of a service, or of every program of a class. */
struct config_rights {
    uint8_t id; /* service id */
    uint8_t priority;
    uint8_t max_threads;
    bool may_control;  /* may order RS about, and act as the operator at pm */
    bool may_complain; /* its complaints count */
    uint32_t max_frames;
    uint32_t max_handles;
    uint32_t budget_us; /* 0: none */
    uint32_t period_us;
    uint32_t stack_bytes;
    uint64_t kcalls;
    uint64_t callable[SERVICE_ID_WORDS];
};

/* Causes of death in config_recovery.restart_on, as bits. */
enum config_cause {
    CONFIG_CAUSE_DONE = 0, /* exit with status 0 */
    CONFIG_CAUSE_EXIT = 1, /* with another one */
    CONFIG_CAUSE_PANIC = 2,
    CONFIG_CAUSE_RESET = 3, /* it asked for a fresh device */
    CONFIG_CAUSE_FAULT = 4, /* processor exceptions, bad system calls */
    CONFIG_CAUSE_KILLED = 5,
    CONFIG_CAUSE_NO_PROGRESS = 6,
    CONFIG_CAUSE_COMPLAINT = 7,
    CONFIG_CAUSE_DEVICE_GONE = 8,
    CONFIG_CAUSE_UNUSABLE = 9, /* it can't drive its device */
    CONFIG_CAUSES = 10,
};

enum config_given_up {
    CONFIG_GIVEN_UP_STOP = 0,
    CONFIG_GIVEN_UP_REBOOT = 1,
    CONFIG_GIVEN_UP_POWER_OFF = 2,
    CONFIG_GIVEN_UP_PROGRAM = 3, /* goes on with another program, once; then stops */
};

struct config_recovery {
    uint32_t restart_on; /* bits of enum config_cause */
    uint32_t window_ms;
    uint32_t limit;   /* deaths within the window that give it up; CONFIG_NO_LIMIT */
    uint32_t at_once; /* first deaths within the window that are answered without a wait */
    uint32_t backoff_ms;
    uint32_t backoff_max_ms;
    uint32_t quiet_ms; /* without a death: all is forgotten */
    enum config_given_up given_up;
    const char *fallback; /* program of CONFIG_GIVEN_UP_PROGRAM */
};

struct config_liveness {
    uint32_t spin_ms;   /* CPU time since the last wait; 0: not watched */
    uint32_t caller_ms; /* age of the oldest unanswered caller; 0: not watched */
    uint32_t
        answer_ms;     /* ... at which pings don't help any more; 0: it may keep callers for ever */
    uint32_t ready_ms; /* from start to RS_READY; 0: for ever */
    uint32_t stop_ms;  /* from NOTIFY_STOP to exit; 0: killed at once */
};

struct config_service {
    const char *name;
    const char *program;
    struct config_strings arguments; /* without the program's name */
    struct config_strings drives;    /* compatible strings; empty: it drives no device */
    struct config_strings publishes; /* prefixes of names beside its own */
    uint64_t start_after;            /* bit i: service i of struct config */
    uint64_t dependents;             /* likewise: restarted when this one dies */
    bool hot_spare;                  /* a second instance is kept loaded, to be woken at a death */
    uint32_t kept_bytes;             /* of the region that outlives its instances; 0: none */
    struct config_rights rights;
    struct config_liveness liveness;
    struct config_recovery recovery;
};

struct config_class {
    const char *name;
    struct config_strings programs;
    struct config_rights rights;
};

struct config {
    unsigned service_count;
    unsigned class_count;
    struct config_service services[CONFIG_SERVICES];
    struct config_class classes[CONFIG_CLASSES];
    const struct config_class *default_class;
    char error[CONFIG_ERROR_LEN]; /* what config_read found wrong */
};

/* Reads a compiled system.dts of at most len bytes. 0, or -EINVAL: config->error says why. */
int config_read(struct config *config, const void *blob, size_t len);

/* The service of that name, or NULL. */
const struct config_service *config_service_find(const struct config *config, const char *name);
/* The service with that id, or NULL. */
const struct config_service *config_service_by_id(const struct config *config, unsigned id);
/* The class of a program: the one that names it, else the default class. */
const struct config_class *config_class_of(const struct config *config, const char *program);
/* The rights that belong to a service id, of a service or of a class; NULL: no such id. */
const struct config_rights *config_rights_by_id(const struct config *config, unsigned id);
/* The name of the service or class with that id; "?": none has it. */
const char *config_name_by_id(const struct config *config, unsigned id);
/* The one service (RS aside) that may make that kernel call; NULL: none. Roles go by rights. */
const struct config_service *config_service_with_kcall(const struct config *config, unsigned call);
/* Fills in what all programs together may have: what pm may give. */
void config_programs_union(const struct config *config, struct process_create *create);
/* Copies rights and quotas into a creation request; the rest of it is untouched. */
void config_apply_rights(const struct config_rights *rights, struct process_create *create);

/* Does one of the strings equal s? */
bool config_strings_have(const struct config_strings *strings, const char *s);
/* The string after `previous` (NULL: the first), or NULL. */
const char *config_strings_next(const struct config_strings *strings, const char *previous);

/* Which restart_on bit a death belongs to. */
enum config_cause config_cause_of(enum death_cause cause, uint64_t detail);

/* Words of system.dts (words.c); -1 if unknown. */
int config_band_find(const char *word, uint8_t *priority);
int config_kcalls_find(const char *word, uint64_t *mask);
int config_cause_find(const char *word, uint32_t *mask);
/* ... and back; "?" if there is none. */
const char *config_cause_word(unsigned cause);
const char *config_given_up_word(unsigned given_up);

#endif
