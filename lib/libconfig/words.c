/*
 * libconfig: the words that system.dts may use for priority bands, groups of kernel calls, causes of
 * death and what happens when a service is given up.
 */
#include "config.h"
#include <anole/kcall.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *word;
    uint8_t priority;
} bands[] = {
    {"rs", PRIORITY_RS},         {"devman", PRIORITY_DEVMAN}, {"driver", PRIORITY_DRIVER},
    {"server", PRIORITY_SERVER}, {"vfs", PRIORITY_VFS},       {"program", PRIORITY_PROGRAM},
};

int config_band_find(const char *word, uint8_t *priority)
{
    for (unsigned i = 0; i < COUNT(bands); i++) {
        if (strcmp(bands[i].word, word) == 0) {
            *priority = bands[i].priority;
            return 0;
        }
    }
    return -1;
}

static const struct {
    const char *group;
    uint8_t number;
} kcalls[] = {
#define KCALL_WORD(name, number, group) {#group, (number)},
    KCALLS(KCALL_WORD)
#undef KCALL_WORD
};

int config_kcalls_find(const char *word, uint64_t *mask)
{
    uint64_t found = 0;
    for (unsigned i = 0; i < COUNT(kcalls); i++) {
        if (strcmp(kcalls[i].group, word) == 0) {
            found |= (uint64_t)1 << kcalls[i].number;
        }
    }
    if (found == 0) {
        return -1;
    }
    *mask = found;
    return 0;
}

static const char *const causes[CONFIG_CAUSES] = {
    [CONFIG_CAUSE_DONE] = "done",
    [CONFIG_CAUSE_EXIT] = "exit",
    [CONFIG_CAUSE_PANIC] = "panic",
    [CONFIG_CAUSE_RESET] = "reset",
    [CONFIG_CAUSE_FAULT] = "fault",
    [CONFIG_CAUSE_KILLED] = "killed",
    [CONFIG_CAUSE_NO_PROGRESS] = "no-progress",
    [CONFIG_CAUSE_COMPLAINT] = "complaint",
    [CONFIG_CAUSE_DEVICE_GONE] = "device-gone",
    [CONFIG_CAUSE_UNUSABLE] = "unusable",
};

int config_cause_find(const char *word, uint32_t *mask)
{
    for (unsigned i = 0; i < CONFIG_CAUSES; i++) {
        if (strcmp(causes[i], word) == 0) {
            *mask = 1u << i;
            return 0;
        }
    }
    return -1;
}

const char *config_cause_word(unsigned cause)
{
    return cause < CONFIG_CAUSES ? causes[cause] : "?";
}

static const char *const given_up_words[] = {
    [CONFIG_GIVEN_UP_STOP] = "stop",
    [CONFIG_GIVEN_UP_REBOOT] = "reboot",
    [CONFIG_GIVEN_UP_POWER_OFF] = "power-off",
    [CONFIG_GIVEN_UP_PROGRAM] = "program",
};

const char *config_given_up_word(unsigned given_up)
{
    return given_up < COUNT(given_up_words) ? given_up_words[given_up] : "?";
}

enum config_cause config_cause_of(enum death_cause cause, uint64_t detail)
{
    switch (cause) {
    case DEATH_EXIT:
        return detail == 0 ? CONFIG_CAUSE_DONE : CONFIG_CAUSE_EXIT;
    case DEATH_PANIC:
        return CONFIG_CAUSE_PANIC;
    case DEATH_DEVICE_RESET:
        return CONFIG_CAUSE_RESET;
    case DEATH_KILLED:
    case DEATH_INTERRUPT:
    case DEATH_STOPPED:
        return CONFIG_CAUSE_KILLED;
    case DEATH_NO_PROGRESS:
        return CONFIG_CAUSE_NO_PROGRESS;
    case DEATH_COMPLAINT:
        return CONFIG_CAUSE_COMPLAINT;
    case DEATH_DEVICE_GONE:
        return CONFIG_CAUSE_DEVICE_GONE;
    case DEATH_UNUSABLE:
        return CONFIG_CAUSE_UNUSABLE;
    default:
        return CONFIG_CAUSE_FAULT;
    }
}
