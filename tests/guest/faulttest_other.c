/*
 * Who must not notice that somebody else dies or misbehaves: all other services keep their instances,
 * and memory comes back to the last frame. What the victim itself has doesn't count: a new instance
 * hasn't handled as much yet as the old one had. Nor does what programs have; and when one ends
 * meanwhile, the services that it used give back what they kept for it, so that more is no fault.
 */
#include "faulttest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLDERS_MAX 64u
#define QUIET_US 50000u /* memory that is the same for so long is at rest */

static struct rs_service_info *noted;
static unsigned noted_count;
static char victim_name[RS_NAME_LEN];

/* Where the memory is: what is free, and what the processes of each name have. */
struct memory {
    uint64_t free;
    unsigned count;
    struct holder {
        char name[PROCESS_NAME_LEN];
        uint32_t frames;
    } holder[HOLDERS_MAX];
};
static struct memory noted_memory;

static struct system_info system_info(void)
{
    struct system_info info;
    int status = kcall_system_info(&info);

    if (status != 0)
        panic("the kernel doesn't tell about memory: %s", anole_error_text(status));
    return info;
}

static struct holder *holder_of(struct memory *memory, const char name[PROCESS_NAME_LEN])
{
    for (unsigned i = 0; i < memory->count; i++)
        if (strncmp(memory->holder[i].name, name, PROCESS_NAME_LEN) == 0)
            return &memory->holder[i];
    if (memory->count == HOLDERS_MAX)
        return NULL;
    struct holder *holder = &memory->holder[memory->count++];
    memcpy(holder->name, name, PROCESS_NAME_LEN);
    return holder;
}

static void look_at_memory(struct memory *memory)
{
    struct system_info info = system_info();
    struct process_info process;

    *memory = (struct memory){.free = info.frames_free};
    for (uint32_t slot = 0; slot < info.process_slots; slot++) {
        if (kcall_process_info(slot, &process) != 0)
            continue;
        struct holder *holder = holder_of(memory, process.name);
        if (holder)
            holder->frames += process.frames;
    }
}

/* Programs end when they like, and give back what they had. */
static bool is_other_service(const char *name)
{
    for (unsigned i = 0; i < noted_count; i++)
        if (strncmp(noted[i].name, name, PROCESS_NAME_LEN - 1) == 0)
            return strncmp(name, victim_name, PROCESS_NAME_LEN - 1) != 0;
    return false;
}

/* What is free, or would be if the victim and all programs had nothing. */
static uint64_t memory_left(const struct memory *memory)
{
    uint64_t left = memory->free;

    for (unsigned i = 0; i < memory->count; i++)
        if (!is_other_service(memory->holder[i].name))
            left += memory->holder[i].frames;
    return left;
}

/* Of two looks: the first name that has another number of pages now. */
static const char *memory_difference(struct memory *then, const struct memory *now)
{
    static char text[128];

    snprintf(text, sizeof text, "free memory: was %lu pages, is %lu", (unsigned long)then->free,
             (unsigned long)now->free);
    for (unsigned i = 0; i < now->count; i++) {
        const struct holder *holder = &now->holder[i];
        const struct holder *before = holder_of(then, holder->name);
        uint32_t had = before ? before->frames : 0;

        if (had != holder->frames) {
            size_t len = strlen(text);
            snprintf(text + len, sizeof text - len, "; %.15s has %u, had %u", holder->name,
                     holder->frames, had);
            break;
        }
    }
    return text;
}

int settle(const char *service, struct rs_service_info *info)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    int status;

    while ((status = service_settle(service, info)) == 0 && info->spare == RS_SPARE_WANTED) {
        if (ticks_now() > deadline)
            return -ANOLE_ETIMEDOUT;
        sleep_us(PAUSE_US);
    }
    return status;
}

/* Others' spares, too: the last test may have been theirs. */
static int list_at_rest(struct rs_service_info **services, unsigned *count)
{
    int status = services_settle();

    return status != 0 ? status : rs_list(services, count);
}

/* Before the first look: services that have just started still take what they work with. */
static void memory_rests(void)
{
    static bool rested;
    uint64_t deadline = deadline_in_us(PATIENCE_US), before;

    if (rested)
        return;
    look_at_memory(&noted_memory);
    do {
        before = memory_left(&noted_memory);
        sleep_us(QUIET_US);
        look_at_memory(&noted_memory);
    } while (memory_left(&noted_memory) != before && ticks_now() < deadline);
    rested = true;
}

bool others_note(const char *victim)
{
    free(noted);
    int status = list_at_rest(&noted, &noted_count);

    if (status != 0) {
        printf("FAIL RS's list of services: %s\n", anole_error_text(status));
        return false;
    }
    snprintf(victim_name, sizeof victim_name, "%s", victim);
    memory_rests();
    look_at_memory(&noted_memory);
    return true;
}

/* Services never leave RS's list, and keep their places. */
static bool is_as_noted(const struct rs_service_info *now, unsigned count, unsigned i)
{
    return strncmp(noted[i].name, victim_name, RS_NAME_LEN) == 0 ||
           (i < count && now[i].endpoint == noted[i].endpoint && now[i].state == noted[i].state);
}

static const char *service_changed(void)
{
    static char text[96];
    struct rs_service_info *now;
    unsigned count, i = 0;
    int status = rs_list(&now, &count);

    if (status != 0)
        return anole_error_text(status);
    while (i < noted_count && is_as_noted(now, count, i))
        i++;
    if (i < noted_count)
        snprintf(text, sizeof text, "%.15s was %s with endpoint %#x, is %s with %#x", noted[i].name,
                 rs_state_text(noted[i].state), noted[i].endpoint,
                 i < count ? rs_state_text(now[i].state) : "gone",
                 i < count ? now[i].endpoint : ENDPOINT_NONE);
    free(now);
    return i < noted_count ? text : NULL;
}

const char *others_wrong(void)
{
    static struct memory now;
    struct rs_service_info info;
    uint64_t deadline = deadline_in_us(PATIENCE_US);

    if (settle(victim_name, &info) != 0)
        return "the service doesn't come to rest";

    /* What is under way (a page that another process is about to give back) is waited for. */
    look_at_memory(&now);
    while (memory_left(&now) < memory_left(&noted_memory) && ticks_now() < deadline) {
        sleep_us(PAUSE_US);
        look_at_memory(&now);
    }
    return memory_left(&now) >= memory_left(&noted_memory) ? service_changed()
                                                           : memory_difference(&noted_memory, &now);
}
