/*
 * libconfig: from the compiled system.dts to struct config. Two passes: names and ids first, so that
 * the second can resolve what refers to them.
 *
 * The source was checked at build time; this reader still refuses what it can't use, with the node
 * and the property in the error, but accepts properties that it doesn't know.
 */
#include "config.h"
#include <anole/error.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct reader {
    const void *fdt;
    struct config *config;
    int nodes[CONFIG_SERVICES]; /* offset of each service's node */
    int class_nodes[CONFIG_CLASSES];
    const char *name; /* of the node being read */
};

__attribute__((format(printf, 2, 3))) static int refuse(struct reader *reader, const char *format,
                                                        ...)
{
    char *error = reader->config->error;
    int used = snprintf(error, CONFIG_ERROR_LEN, "%s: ", reader->name);
    va_list arguments;
    va_start(arguments, format);
    if (used >= 0 && used < CONFIG_ERROR_LEN) {
        vsnprintf(error + used, (size_t)(CONFIG_ERROR_LEN - used), format, arguments);
    }
    va_end(arguments);
    return -ANOLE_EINVAL;
}

/* An optional <number>: *value stays as it is if there is no such property. */
static int read_number(struct reader *reader, int node, const char *property, uint32_t max,
                       uint32_t *value)
{
    int len;
    const fdt32_t *cell = fdt_getprop(reader->fdt, node, property, &len);
    if (!cell) {
        return 0;
    }
    if (len != (int)sizeof(*cell)) {
        return refuse(reader, "%s: expected one number, found %d bytes", property, len);
    }
    uint32_t number = fdt32_ld(cell);
    if (number > max) {
        return refuse(reader, "%s: at most %u, found %u", property, (unsigned)max,
                      (unsigned)number);
    }
    *value = number;
    return 0;
}

static int read_strings(struct reader *reader, int node, const char *property,
                        struct config_strings *strings)
{
    int len;
    const char *data = fdt_getprop(reader->fdt, node, property, &len);
    *strings = (struct config_strings){.data = NULL, .len = 0};
    if (!data || len == 0) {
        return 0;
    }
    if (data[len - 1] != '\0') {
        return refuse(reader, "%s: expected strings", property);
    }
    *strings = (struct config_strings){.data = data, .len = (size_t)len};
    return 0;
}

/* A single string; NULL if there is no such property. */
static int read_string(struct reader *reader, int node, const char *property, const char **value)
{
    struct config_strings strings;
    int error = read_strings(reader, node, property, &strings);
    if (error) {
        return error;
    }
    *value = strings.data;
    if (strings.data && strlen(strings.data) + 1 != strings.len) {
        return refuse(reader, "%s: expected one string", property);
    }
    return 0;
}

static bool has(const struct reader *reader, int node, const char *property)
{
    return fdt_getprop(reader->fdt, node, property, NULL) != NULL;
}

/* Bit i for each named service i. */
static int read_services(struct reader *reader, int node, const char *property, uint64_t *mask)
{
    struct config_strings strings;
    int error = read_strings(reader, node, property, &strings);
    *mask = 0;
    const char *word = NULL;
    while (!error && (word = config_strings_next(&strings, word))) {
        const struct config_service *service = config_service_find(reader->config, word);
        if (!service) {
            return refuse(reader, "%s: no service \"%s\"", property, word);
        }
        *mask |= (uint64_t)1 << (service - reader->config->services);
    }
    return error;
}

/* The service id of a service or class of that name; -1 if there is none. */
static int id_of(const struct config *config, const char *name)
{
    const struct config_service *service = config_service_find(config, name);
    if (service) {
        return service->rights.id;
    }
    for (unsigned i = 0; i < config->class_count; i++) {
        if (strcmp(config->classes[i].name, name) == 0) {
            return config->classes[i].rights.id;
        }
    }
    return -1;
}

static int read_calls(struct reader *reader, int node, struct config_rights *rights)
{
    struct config_strings strings;
    int error = read_strings(reader, node, "calls", &strings);
    const char *word = NULL;
    while (!error && (word = config_strings_next(&strings, word))) {
        int id = id_of(reader->config, word);
        if (id < 0) {
            return refuse(reader, "calls: no service or class \"%s\"", word);
        }
        rights->callable[id / 64] |= (uint64_t)1 << id % 64;
    }
    return error;
}

static int read_kcalls(struct reader *reader, int node, struct config_rights *rights)
{
    struct config_strings strings;
    int error = read_strings(reader, node, "kcalls", &strings);
    const char *word = NULL;
    while (!error && (word = config_strings_next(&strings, word))) {
        uint64_t mask;
        if (config_kcalls_find(word, &mask)) {
            return refuse(reader, "kcalls: no group \"%s\"", word);
        }
        rights->kcalls |= mask;
    }
    return error;
}

static int read_band(struct reader *reader, int node, struct config_rights *rights)
{
    const char *band;
    int error = read_string(reader, node, "band", &band);
    if (error || !band) {
        return error;
    }
    if (config_band_find(band, &rights->priority)) {
        return refuse(reader, "band: no band \"%s\"", band);
    }
    return 0;
}

/* Rights and quotas; *rights has its id and the defaults already. */
static int read_rights(struct reader *reader, int node, struct config_rights *rights)
{
    uint32_t threads = rights->max_threads;
    uint32_t stack_kib = rights->stack_bytes / 1024;
    int error = read_calls(reader, node, rights);
    error = error ? error : read_kcalls(reader, node, rights);
    error = error ? error : read_band(reader, node, rights);
    error = error ? error : read_number(reader, node, "frames", UINT32_MAX, &rights->max_frames);
    error = error ? error : read_number(reader, node, "handles", UINT32_MAX, &rights->max_handles);
    error = error ? error : read_number(reader, node, "threads", UINT8_MAX, &threads);
    error = error ? error : read_number(reader, node, "budget-us", UINT32_MAX, &rights->budget_us);
    error = error ? error : read_number(reader, node, "period-us", UINT32_MAX, &rights->period_us);
    error = error ? error : read_number(reader, node, "stack-kib", 1024, &stack_kib);
    rights->max_threads = (uint8_t)threads;
    rights->stack_bytes = stack_kib * 1024;
    rights->may_control = has(reader, node, "may-control-services");
    rights->may_complain = has(reader, node, "may-complain");
    return error;
}

static int read_restart_on(struct reader *reader, int node, uint32_t *causes)
{
    struct config_strings strings;
    int error = read_strings(reader, node, "restart-on", &strings);
    if (error || !has(reader, node, "restart-on")) {
        return error;
    }
    *causes = 0;
    const char *word = NULL;
    while ((word = config_strings_next(&strings, word))) {
        uint32_t mask;
        if (config_cause_find(word, &mask)) {
            return refuse(reader, "restart-on: no cause \"%s\"", word);
        }
        *causes |= mask;
    }
    return 0;
}

static int read_given_up(struct reader *reader, int node, struct config_recovery *recovery)
{
    struct config_strings strings;
    int error = read_strings(reader, node, "when-given-up", &strings);
    const char *word = config_strings_next(&strings, NULL);
    if (error || !word) {
        return error;
    }
    if (strcmp(word, "stop") == 0) {
        recovery->given_up = CONFIG_GIVEN_UP_STOP;
    } else if (strcmp(word, "reboot") == 0) {
        recovery->given_up = CONFIG_GIVEN_UP_REBOOT;
    } else if (strcmp(word, "power-off") == 0) {
        recovery->given_up = CONFIG_GIVEN_UP_POWER_OFF;
    } else if (strcmp(word, "program") == 0) {
        recovery->given_up = CONFIG_GIVEN_UP_PROGRAM;
        recovery->fallback = config_strings_next(&strings, word);
        if (!recovery->fallback) {
            return refuse(reader, "when-given-up: which program?");
        }
    } else {
        return refuse(reader, "when-given-up: no action \"%s\"", word);
    }
    return 0;
}

static int read_recovery(struct reader *reader, int node, struct config_recovery *recovery)
{
    *recovery = (struct config_recovery){
        .restart_on = ((1u << CONFIG_CAUSES) - 1) &
                      ~(1u << CONFIG_CAUSE_DONE | 1u << CONFIG_CAUSE_UNUSABLE),
        .window_ms = 30000,
        .limit = 12,
        .at_once = 3,
        .backoff_ms = 10,
        .backoff_max_ms = 1000,
        .quiet_ms = 10000,
        .given_up = CONFIG_GIVEN_UP_STOP,
    };
    int error = read_restart_on(reader, node, &recovery->restart_on);
    error = error ? error : read_number(reader, node, "window-ms", 3600000, &recovery->window_ms);
    error = error ? error : read_number(reader, node, "limit", 32, &recovery->limit);
    error = error ? error : read_number(reader, node, "at-once", 32, &recovery->at_once);
    error = error ? error : read_number(reader, node, "backoff-ms", 60000, &recovery->backoff_ms);
    error = error ? error
                  : read_number(reader, node, "backoff-max-ms", 60000, &recovery->backoff_max_ms);
    error = error ? error : read_number(reader, node, "quiet-ms", 3600000, &recovery->quiet_ms);
    return error ? error : read_given_up(reader, node, recovery);
}

static int read_liveness(struct reader *reader, int node, struct config_liveness *liveness)
{
    *liveness = (struct config_liveness){
        .spin_ms = 200, .caller_ms = 200, .ready_ms = 5000, .stop_ms = 1000};
    int error = read_number(reader, node, "spin-ms", 3600000, &liveness->spin_ms);
    error = error ? error : read_number(reader, node, "caller-ms", 3600000, &liveness->caller_ms);
    error = error ? error : read_number(reader, node, "answer-ms", 3600000, &liveness->answer_ms);
    error = error ? error : read_number(reader, node, "ready-ms", 3600000, &liveness->ready_ms);
    return error ? error : read_number(reader, node, "stop-ms", 60000, &liveness->stop_ms);
}

static int read_kept(struct reader *reader, int node, struct config_service *service)
{
    uint32_t kib = 0;
    int error = read_number(reader, node, "kept-kib", CONFIG_KEPT_KIB_MAX, &kib);

    service->kept_bytes = kib * 1024;
    return error;
}

static int read_service(struct reader *reader, int node, struct config_service *service)
{
    reader->name = service->name;
    int error = read_string(reader, node, "program", &service->program);
    if (!error && !service->program) {
        return refuse(reader, "program: which one?");
    }
    error = error ? error : read_strings(reader, node, "arguments", &service->arguments);
    error = error ? error : read_strings(reader, node, "drives", &service->drives);
    error = error ? error : read_strings(reader, node, "publishes", &service->publishes);
    error = error ? error : read_services(reader, node, "start-after", &service->start_after);
    error = error ? error : read_services(reader, node, "dependents", &service->dependents);
    service->hot_spare = has(reader, node, "hot-spare");
    error = error ? error : read_kept(reader, node, service);
    error = error ? error : read_rights(reader, node, &service->rights);
    error = error ? error : read_liveness(reader, node, &service->liveness);
    return error ? error : read_recovery(reader, node, &service->recovery);
}

static int read_class(struct reader *reader, int node, struct config_class *class)
{
    reader->name = class->name;
    int error = read_strings(reader, node, "programs", &class->programs);
    error = error ? error : read_rights(reader, node, &class->rights);
    if (!error && class->programs.len == 0) {
        if (reader->config->default_class) {
            return refuse(reader, "a second class without programs (the default one)");
        }
        reader->config->default_class = class;
    }
    return error;
}

/* Name and id of one node of /services or /classes. */
static int read_identity(struct reader *reader, int node, const char **name, uint8_t *id)
{
    int len;
    uint32_t number = SERVICE_IDS;
    *id = 0;
    *name = fdt_get_name(reader->fdt, node, &len);
    reader->name = *name ? *name : "?";
    if (!*name || len == 0 || len >= CONFIG_NAME_LEN) {
        return refuse(reader, "a name has 1 to %d characters", CONFIG_NAME_LEN - 1);
    }
    if (id_of(reader->config, *name) >= 0) {
        return refuse(reader, "that name is taken");
    }
    int error = read_number(reader, node, "id", SERVICE_IDS - 1, &number);
    if (!error && number == SERVICE_IDS) {
        return refuse(reader, "id: which one?");
    }
    if (!error && config_rights_by_id(reader->config, number)) {
        return refuse(reader, "id: %u is taken", (unsigned)number);
    }
    *id = (uint8_t)number;
    return error;
}

static const struct config_rights service_defaults = {.priority = PRIORITY_SERVER,
                                                      .max_threads = 1,
                                                      .max_frames = 256,
                                                      .max_handles = 128,
                                                      .stack_bytes = 16384};
static const struct config_rights class_defaults = {.priority = PRIORITY_PROGRAM,
                                                    .max_threads = 8,
                                                    .max_frames = 4096,
                                                    .max_handles = 512,
                                                    .stack_bytes = 65536};

static int read_names(struct reader *reader, int services, int classes)
{
    struct config *config = reader->config;
    int node;
    fdt_for_each_subnode(node, reader->fdt, services)
    {
        if (config->service_count == CONFIG_SERVICES) {
            return refuse(reader, "more than %d services", CONFIG_SERVICES);
        }
        struct config_service *service = &config->services[config->service_count];
        uint8_t id;
        int error = read_identity(reader, node, &service->name, &id);
        if (error) {
            return error;
        }
        service->rights = service_defaults;
        service->rights.id = id;
        reader->nodes[config->service_count++] = node;
    }
    fdt_for_each_subnode(node, reader->fdt, classes)
    {
        if (config->class_count == CONFIG_CLASSES) {
            return refuse(reader, "more than %d classes", CONFIG_CLASSES);
        }
        struct config_class *class = &config->classes[config->class_count];
        uint8_t id;
        int error = read_identity(reader, node, &class->name, &id);
        if (error) {
            return error;
        }
        class->rights = class_defaults;
        class->rights.id = id;
        reader->class_nodes[config->class_count++] = node;
    }
    return 0;
}

int config_read(struct config *config, const void *blob, size_t len)
{
    struct reader reader = {.fdt = blob, .config = config, .name = "system.dtb"};
    memset(config, 0, sizeof(*config));
    if (len < sizeof(struct fdt_header) || fdt_check_header(blob) != 0 ||
        fdt_totalsize(blob) > len) {
        return refuse(&reader, "not a device tree blob of at most %lu bytes", (unsigned long)len);
    }
    int services = fdt_path_offset(blob, "/services");
    int classes = fdt_path_offset(blob, "/classes");
    if (services < 0 || classes < 0) {
        return refuse(&reader, "no /services or no /classes");
    }
    int error = read_names(&reader, services, classes);
    for (unsigned i = 0; !error && i < config->service_count; i++) {
        error = read_service(&reader, reader.nodes[i], &config->services[i]);
    }
    for (unsigned i = 0; !error && i < config->class_count; i++) {
        error = read_class(&reader, reader.class_nodes[i], &config->classes[i]);
    }
    if (!error && !config->default_class) {
        return refuse(&reader, "no class without programs: which one is the default?");
    }
    return error;
}
