/*
 * libconfig: questions to a configuration that was read.
 */
#include "config.h"
#include <anole/kcall.h>
#include <string.h>

const struct config_service *config_service_find(const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->service_count; i++) {
        if (strcmp(config->services[i].name, name) == 0) {
            return &config->services[i];
        }
    }
    return NULL;
}

const struct config_service *config_service_by_id(const struct config *config, unsigned id)
{
    for (unsigned i = 0; i < config->service_count; i++) {
        if (config->services[i].rights.id == id) {
            return &config->services[i];
        }
    }
    return NULL;
}

const struct config_class *config_class_of(const struct config *config, const char *program)
{
    for (unsigned i = 0; i < config->class_count; i++) {
        if (config_strings_have(&config->classes[i].programs, program)) {
            return &config->classes[i];
        }
    }
    return config->default_class;
}

const struct config_rights *config_rights_by_id(const struct config *config, unsigned id)
{
    const struct config_service *service = config_service_by_id(config, id);
    if (service) {
        return &service->rights;
    }
    for (unsigned i = 0; i < config->class_count; i++) {
        if (config->classes[i].rights.id == id) {
            return &config->classes[i].rights;
        }
    }
    return NULL;
}

const char *config_name_by_id(const struct config *config, unsigned id)
{
    const struct config_service *service = config_service_by_id(config, id);
    if (service) {
        return service->name;
    }
    for (unsigned i = 0; i < config->class_count; i++) {
        if (config->classes[i].rights.id == id) {
            return config->classes[i].name;
        }
    }
    return "?";
}

const struct config_service *config_service_with_kcall(const struct config *config, unsigned call)
{
    for (unsigned i = 0; i < config->service_count; i++) {
        const struct config_service *service = &config->services[i];
        bool is_rs = service->rights.kcalls & KCALL_BIT(LIVENESS);
        if (!is_rs && service->rights.kcalls >> call & 1) {
            return service;
        }
    }
    return NULL;
}

void config_programs_union(const struct config *config, struct process_create *create)
{
    create->give_kcalls = 0;
    memset(create->give_callable, 0, sizeof(create->give_callable));
    memset(create->give_ids, 0, sizeof(create->give_ids));
    for (unsigned i = 0; i < config->class_count; i++) {
        const struct config_rights *rights = &config->classes[i].rights;
        create->give_kcalls |= rights->kcalls;
        create->give_ids[rights->id / 64] |= (uint64_t)1 << rights->id % 64;
        for (unsigned word = 0; word < SERVICE_ID_WORDS; word++) {
            create->give_callable[word] |= rights->callable[word];
        }
    }
}

void config_apply_rights(const struct config_rights *rights, struct process_create *create)
{
    create->service_id = rights->id;
    create->priority = rights->priority;
    create->max_threads = rights->max_threads;
    create->max_frames = rights->max_frames;
    create->max_handles = rights->max_handles;
    create->budget_us = rights->budget_us;
    create->period_us = rights->period_us;
    create->kcalls = rights->kcalls;
    memcpy(create->callable, rights->callable, sizeof(create->callable));
}

const char *config_strings_next(const struct config_strings *strings, const char *previous)
{
    const char *next = previous ? previous + strlen(previous) + 1 : strings->data;
    return next && next < strings->data + strings->len ? next : NULL;
}

bool config_strings_have(const struct config_strings *strings, const char *s)
{
    const char *string = NULL;
    while ((string = config_strings_next(strings, string))) {
        if (strcmp(string, s) == 0) {
            return true;
        }
    }
    return false;
}
