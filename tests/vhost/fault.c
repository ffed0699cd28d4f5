/* The table of misbehaviours and their triggers: see fault.h. */
#include "fault.h"
#include "virtio_blk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum moment { AT_REQUEST, AT_ANSWER, AT_RESET };

/* What a kind's function may change: the plan of its moment. */
struct scene {
    struct request_plan *request;
    struct answer_plan *answer;
    struct reset_plan *reset;
    const struct ring *ring;
};

struct fault_kind {
    const char *name;
    enum moment moment;
    void (*spoil)(const struct fault *fault, struct scene *scene);
    uint64_t value; /* unless it is given */
    const char *text;
};

struct fault {
    const struct fault_kind *kind;
    uint64_t skip, count, percent, ms, value;
    uint64_t first_sector, last_sector;
    uint32_t type;
    bool any_type;
    uint64_t seen, hits;
};

/* ---- what becomes of a request ---- */

static void spoil_late(const struct fault *fault, struct scene *scene)
{
    scene->request->fate = FATE_LATE;
    scene->request->delay_ms = fault->ms;
}

static void spoil_at_reset(const struct fault *fault, struct scene *scene)
{
    (void)fault;
    scene->request->fate = FATE_AT_RESET;
}

static void spoil_silent(const struct fault *fault, struct scene *scene)
{
    (void)fault;
    scene->request->fate = FATE_NEVER;
}

static void spoil_stale(const struct fault *fault, struct scene *scene)
{
    (void)fault;
    scene->request->fate = FATE_STALE;
}

static void spoil_pause(const struct fault *fault, struct scene *scene)
{
    scene->request->fate = FATE_LATE;
    scene->request->delay_ms = fault->ms;
    scene->request->pause_ms = fault->ms;
}

static void spoil_die(const struct fault *fault, struct scene *scene)
{
    (void)fault;
    scene->request->die = true;
}

static void spoil_exit(const struct fault *fault, struct scene *scene)
{
    (void)fault;
    scene->request->die = scene->request->gone = true;
}

static void spoil_undone(const struct fault *fault, struct scene *scene)
{
    (void)fault;
    scene->request->undone = true;
}

static void spoil_scribble(const struct fault *fault, struct scene *scene)
{
    (void)fault;
    scene->request->scribble = true;
}

static void spoil_resize(const struct fault *fault, struct scene *scene)
{
    scene->request->capacity = fault->value;
}

static void spoil_config(const struct fault *fault, struct scene *scene)
{
    scene->request->config_storm = fault->value;
}

/* ---- how it is answered ---- */

/* The first id from the right one on that is, or isn't, in flight. */
static uint32_t other_id(const struct scene *scene, bool in_flight)
{
    uint32_t size = scene->ring->queue.size;
    uint32_t right = scene->answer->ring.id;
    for (uint32_t i = 1; i < size; i++)
        if (scene->ring->in_flight[(right + i) % size] == in_flight)
            return (right + i) % size;
    return (right + 1) % size;
}

static void spoil_wrong_id(const struct fault *fault, struct scene *scene)
{
    (void)fault;
    scene->answer->ring.id = other_id(scene, true);
}

static void spoil_free_id(const struct fault *fault, struct scene *scene)
{
    (void)fault;
    scene->answer->ring.id = other_id(scene, false);
}

static void spoil_huge_id(const struct fault *fault, struct scene *scene)
{
    scene->answer->ring.id = (uint32_t)fault->value;
}

static void spoil_repeat(const struct fault *fault, struct scene *scene)
{
    scene->answer->ring.copies = (unsigned)fault->value;
}

static void spoil_length(const struct fault *fault, struct scene *scene)
{
    scene->answer->ring.len = (uint32_t)fault->value;
}

static void spoil_status(const struct fault *fault, struct scene *scene)
{
    scene->answer->status = (uint8_t)fault->value;
}

static void spoil_no_status(const struct fault *fault, struct scene *scene)
{
    (void)fault;
    scene->answer->status_written = false;
}

static void spoil_index(const struct fault *fault, struct scene *scene)
{
    scene->answer->ring.index_jump = (uint16_t)fault->value;
}

static void spoil_interrupts(const struct fault *fault, struct scene *scene)
{
    scene->answer->ring.interrupts = (unsigned)fault->value;
}

/* ---- what a reset does ---- */

static void spoil_drop_cache(const struct fault *fault, struct scene *scene)
{
    (void)fault;
    scene->reset->drop_cache = true;
}

static void spoil_slow_reset(const struct fault *fault, struct scene *scene)
{
    scene->reset->delay_ms = fault->ms;
}

static const struct fault_kind kinds[] = {
    {"late", AT_REQUEST, spoil_late, 0, "is done and answered ms later, at a reset before it"},
    {"at-reset", AT_REQUEST, spoil_at_reset, 0, "is done and answered just before a reset is"},
    {"silent", AT_REQUEST, spoil_silent, 0, "is never done"},
    {"stale", AT_REQUEST, spoil_stale, 0, "is answered, not done, after the next reset"},
    {"pause", AT_REQUEST, spoil_pause, 0, "silences the whole device for ms"},
    {"die", AT_REQUEST, spoil_die, 0, "ends the connection; QEMU connects again"},
    {"exit", AT_REQUEST, spoil_exit, 0, "ends the device for good"},
    {"undone", AT_REQUEST, spoil_undone, 0, "is answered as if it had been done"},
    {"scribble", AT_REQUEST, spoil_scribble, 0, "finds all that describes it overwritten"},
    {"resize", AT_REQUEST, spoil_resize, 2048, "makes the disk value sectors large"},
    {"config-storm", AT_REQUEST, spoil_config, 1000, "is followed by value changes of the size"},
    {"wrong-id", AT_ANSWER, spoil_wrong_id, 0, "is answered as another one in flight"},
    {"free-id", AT_ANSWER, spoil_free_id, 0, "is answered as one that was never issued"},
    {"huge-id", AT_ANSWER, spoil_huge_id, 0xffff, "is answered with an id of value"},
    {"repeat", AT_ANSWER, spoil_repeat, 2, "is answered value times"},
    {"long", AT_ANSWER, spoil_length, 0xffffffff, "is answered with a length of value"},
    {"short", AT_ANSWER, spoil_length, 0, "is answered with a length of value"},
    {"status", AT_ANSWER, spoil_status, 0x42, "is done; its status says value"},
    {"no-status", AT_ANSWER, spoil_no_status, 0, "is done; its status is not written"},
    {"index", AT_ANSWER, spoil_index, 7, "moves the used index by value too much"},
    {"deaf", AT_ANSWER, spoil_interrupts, 0, "is answered without an interrupt"},
    {"spurious", AT_ANSWER, spoil_interrupts, 2,
     "is answered with value interrupts, wanted or not"},
    {"drop-cache", AT_RESET, spoil_drop_cache, 0, "a reset loses what was not flushed"},
    {"slow-reset", AT_RESET, spoil_slow_reset, 0, "a reset takes ms"},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

void faults_help(FILE *out)
{
    for (unsigned i = 0; i < KINDS; i++)
        fprintf(out, "  %-12s %s%s\n", kinds[i].name,
                kinds[i].moment == AT_RESET ? "" : "a request ", kinds[i].text);
}

/* ---- triggers ---- */

static uint64_t random_next(struct faults *faults)
{
    faults->random += 0x9e3779b97f4a7c15u;
    uint64_t mixed = (faults->random ^ (faults->random >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

static bool matches(const struct fault *fault, const struct fault_subject *subject)
{
    if (fault->kind->moment == AT_RESET)
        return true;
    if (!fault->any_type && subject->type != fault->type)
        return false;
    if (fault->first_sector == 0 && fault->last_sector == UINT64_MAX)
        return true;
    return subject->sectors > 0 && subject->sector <= fault->last_sector &&
           subject->sector + subject->sectors > fault->first_sector;
}

static bool hits(struct faults *faults, struct fault *fault, enum moment moment,
                 const struct fault_subject *subject)
{
    if (fault->kind->moment != moment || !matches(fault, subject) ||
        (fault->count != 0 && fault->hits >= fault->count) || fault->seen++ < fault->skip ||
        (fault->percent < 100 && random_next(faults) % 100 >= fault->percent))
        return false;
    fault->hits++;
    return true;
}

static void faults_at(struct faults *faults, enum moment moment,
                      const struct fault_subject *subject, struct scene *scene)
{
    for (unsigned i = 0; i < faults->count; i++) {
        struct fault *fault = faults->list[i];
        if (!hits(faults, fault, moment, subject))
            continue;
        fault->kind->spoil(fault, scene);
        printf("fault %s: %s %" PRIu64 ", sector %" PRIu64 "\n", fault->kind->name,
               moment == AT_RESET ? "reset" : virtio_blk_type_name(subject->type), subject->number,
               subject->sector);
    }
}

void faults_at_request(struct faults *faults, const struct fault_subject *subject,
                       struct request_plan *plan)
{
    faults_at(faults, AT_REQUEST, subject, &(struct scene){.request = plan});
}

void faults_at_answer(struct faults *faults, const struct fault_subject *subject,
                      const struct ring *ring, struct answer_plan *plan)
{
    faults_at(faults, AT_ANSWER, subject, &(struct scene){.answer = plan, .ring = ring});
}

void faults_at_reset(struct faults *faults, struct reset_plan *plan)
{
    faults_at(faults, AT_RESET, &(struct fault_subject){0}, &(struct scene){.reset = plan});
}

/* ---- reading --fault ---- */

static bool parse_number(const char *text, uint64_t *number, const char **end)
{
    char *stop;
    *number = strtoull(text, &stop, 0);
    *end = stop;
    return stop != text && *text != '-';
}

static bool parse_option(struct fault *fault, const char *name, const char *value)
{
    const struct {
        const char *name;
        uint64_t *number;
    } numbers[] = {
        {"skip", &fault->skip}, {"count", &fault->count}, {"percent", &fault->percent},
        {"ms", &fault->ms},     {"value", &fault->value},
    };
    const char *end;
    if (strcmp(name, "type") == 0) {
        fault->any_type = false;
        return virtio_blk_type_find(value, &fault->type);
    }
    if (strcmp(name, "sectors") == 0)
        return parse_number(value, &fault->first_sector, &end) && *end == '-' &&
               parse_number(end + 1, &fault->last_sector, &end) && *end == '\0';
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strcmp(name, numbers[i].name) == 0)
            return parse_number(value, numbers[i].number, &end) && *end == '\0';
    return false;
}

static bool parse(struct fault *fault, char *text)
{
    char *rest = NULL;
    const char *name = strtok_r(text, ",", &rest);
    for (unsigned i = 0; i < KINDS && name; i++)
        if (strcmp(name, kinds[i].name) == 0)
            fault->kind = &kinds[i];
    if (!fault->kind)
        return false;
    fault->value = fault->kind->value;
    for (char *option = strtok_r(NULL, ",", &rest); option; option = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(option, '=');
        if (!equals)
            return false;
        *equals = '\0';
        if (!parse_option(fault, option, equals + 1))
            return false;
    }
    return true;
}

int faults_add(struct faults *faults, const char *text)
{
    struct fault *fault = malloc(sizeof *fault);
    char *copy = strdup(text);
    bool good = fault && copy && faults->count < FAULTS_MAX;
    if (good) {
        *fault = (struct fault){
            .count = 1, .percent = 100, .last_sector = UINT64_MAX, .any_type = true};
        good = parse(fault, copy);
    }
    free(copy);
    if (!good) {
        fprintf(stderr, "vhost_blk: --fault %s: not understood\n", text);
        free(fault);
        return -1;
    }
    faults->list[faults->count++] = fault;
    return 0;
}

void faults_free(struct faults *faults)
{
    while (faults->count > 0)
        free(faults->list[--faults->count]);
}
