/*
 * The kernel that tests of servers run on, see fake_kernel.h.
 */
#include "fake_kernel.h"
#include <libanole/anole.h>
#include <libload/load.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake fake;
struct startup_page fake_startup_page = {.self = FAKE_RS, .rs = FAKE_RS};
struct info_page fake_info_page = {.ticks_per_second = FAKE_TICKS_PER_MS * 1000};

static struct boot_entry program_entry = {.flags = BOOT_PROGRAM, .inject = 0x11000};

void fake_reset(void)
{
    memset(&fake, 0, sizeof(fake));
    fake.now = 1000 * FAKE_TICKS_PER_MS;
}

struct fake_process *fake_find(endpoint_t endpoint)
{
    for (unsigned i = 0; i < fake.count; i++) {
        if (fake.processes[i].endpoint == endpoint) {
            return &fake.processes[i];
        }
    }
    return NULL;
}

struct fake_process *fake_named(const char *name)
{
    for (unsigned i = fake.count; i-- > 0;) {
        if (fake.processes[i].started && strcmp(fake.processes[i].name, name) == 0) {
            return &fake.processes[i];
        }
    }
    return NULL;
}

/* An entry that was never used, or is free again. */
static struct fake_process *entry_free(void)
{
    if (fake.count < FAKE_PROCESSES) {
        fake.processes[fake.count].endpoint = endpoint_make(fake.count + 2, 6);
        return &fake.processes[fake.count++];
    }
    for (unsigned i = 0; i < FAKE_PROCESSES; i++) {
        if (fake.processes[i].state == PROCESS_FREE) {
            return &fake.processes[i];
        }
    }
    return NULL;
}

bool fake_room(void)
{
    bool room = fake.count < FAKE_PROCESSES;
    for (unsigned i = 0; i < FAKE_PROCESSES && !room; i++) {
        room = fake.processes[i].state == PROCESS_FREE;
    }
    return room;
}

struct fake_process *fake_add(const char *name, uint8_t service_id)
{
    struct fake_process *process = entry_free();
    if (!process) {
        abort();
    }
    *process = (struct fake_process){
        .endpoint = endpoint_make(endpoint_slot(process->endpoint),
                                  endpoint_generation(process->endpoint) + 1),
        .state = PROCESS_RUNNING,
        .creator = ENDPOINT_NONE,
        .parent = ENDPOINT_NONE,
        .start_ticks = fake.now,
        .service_id = service_id,
        .pc = ~(uint64_t)0,
        .started = true,
    };
    snprintf(process->name, sizeof(process->name), "%s", name);
    process->liveness = (struct liveness){
        .thread = process->endpoint, .process = process->endpoint, .state = THREAD_RECEIVING};
    return process;
}

void fake_kill(struct fake_process *process, enum death_cause cause, uint64_t detail)
{
    process->state = PROCESS_DEAD;
    process->waits_for = 0;
    process->cause = cause;
    process->detail = detail;
}

/* ---- libanole ---- */

uint64_t ticks_now(void)
{
    return fake.now;
}

uint64_t ticks_to_us(uint64_t ticks)
{
    return ticks / (FAKE_TICKS_PER_MS / 1000);
}

uint64_t deadline_in_us(uint64_t microseconds)
{
    return fake.now + microseconds * (FAKE_TICKS_PER_MS / 1000);
}

void log_printf(enum log_level level, const char *format, ...)
{
    (void)level, (void)format;
}

_Noreturn void panic(const char *format, ...)
{
    fprintf(stderr, "panic: %s\n", format);
    abort();
}

int ipc_notify(endpoint_t maker, uint64_t doorbell)
{
    struct fake_process *process = fake_find(maker);
    if (!process || process->state != PROCESS_RUNNING) {
        return -ANOLE_EDEADENDPOINT;
    }
    if (doorbell >= 64) {
        return -ANOLE_EBADHANDLE;
    }
    process->rung |= (uint64_t)1 << doorbell;
    return 0;
}

int ipc_reply(const struct message *reply, uint64_t call_id)
{
    struct fake_process *process = fake_find(reply->endpoint);
    if (!process || process->waits_for == 0 || process->waits_for != call_id) {
        return -ANOLE_ENOTWAITING;
    }
    process->waits_for = 0;
    process->answer = *reply;
    process->answers++;
    return 0;
}

int anole_call(endpoint_t endpoint, uint32_t type, struct message *message, uint64_t deadline_ticks)
{
    (void)endpoint, (void)deadline_ticks;
    return fake.call ? fake.call(type, message) : -ANOLE_ENOSYS;
}

int kcall_watch(endpoint_t endpoint, unsigned bit, handle_t *handle)
{
    struct fake_process *process = fake_find(endpoint);
    if (!process || process->state != PROCESS_RUNNING) {
        return -ANOLE_EDEADENDPOINT;
    }
    process->watched = true;
    *handle = (handle_t)endpoint << 8 | bit;
    return 0;
}

/* ---- regions: handles that no watch has ---- */

#define REGION_HANDLES ((handle_t)1 << 48)

struct fake_region *fake_region(handle_t handle)
{
    return handle >= REGION_HANDLES && handle - REGION_HANDLES < fake.region_count
               ? &fake.regions[handle - REGION_HANDLES]
               : NULL;
}

static int region_add(struct fake_region region, handle_t *handle)
{
    if (fake.region_count == FAKE_REGIONS) {
        abort();
    }
    region.open = true;
    fake.regions[fake.region_count] = region;
    *handle = REGION_HANDLES + fake.region_count++;
    return 0;
}

int kcall_region_create(size_t len, unsigned flags, handle_t *handle)
{
    int error = fake.region_error;
    fake.region_error = 0;
    if (error || flags != 0) {
        return error ? error : -ANOLE_EINVAL;
    }
    return region_add((struct fake_region){.len = len}, handle);
}

int kcall_region_offer(handle_t region, endpoint_t peer, unsigned prot, handle_t *offer)
{
    const struct fake_region *found = fake_region(region);
    const struct fake_process *process = fake_find(peer);
    if (!found || !found->open || prot != (PROT_READ_BIT | PROT_WRITE_BIT)) {
        return -ANOLE_EBADHANDLE;
    }
    if (!process || process->state != PROCESS_RUNNING) {
        return -ANOLE_EDEADENDPOINT;
    }
    return region_add((struct fake_region){.len = found->len, .peer = peer, .of = region}, offer);
}

int kcall_close(handle_t handle)
{
    struct fake_region *region = fake_region(handle);
    if (region) {
        int status = region->open ? 0 : -ANOLE_EBADHANDLE;
        region->open = false;
        return status;
    }
    struct fake_process *process = fake_find((endpoint_t)(handle >> 8));
    if (!process || !process->watched) {
        return -ANOLE_EBADHANDLE;
    }
    process->watched = false;
    return 0;
}

int kcall_endpoint_info(endpoint_t endpoint, endpoint_t *process, unsigned *service_id)
{
    const struct fake_process *found = fake_find(endpoint);
    if (!found || found->state != PROCESS_RUNNING) {
        return -ANOLE_EDEADENDPOINT;
    }
    *process = endpoint;
    *service_id = found->service_id;
    return 0;
}

int kcall_copy(endpoint_t maker, handle_t grant, uint64_t offset, void *local, size_t len,
               unsigned direction)
{
    (void)maker;
    if (grant == HANDLE_NONE) {
        return -ANOLE_EBADHANDLE;
    }
    if (offset > sizeof(fake.copied) || len > sizeof(fake.copied) - offset ||
        (direction == COPY_FROM_GRANT && offset + len > fake.granted_len)) {
        return -ANOLE_ERANGE;
    }
    if (direction == COPY_FROM_GRANT) {
        memcpy(local, fake.granted + offset, len);
        return 0;
    }
    memcpy(fake.copied + offset, local, len);
    fake.copied_len = offset + len;
    return 0;
}

int kcall_system_info(struct system_info *info)
{
    *info = (struct system_info){.process_slots = ENDPOINT_SLOTS};
    return 0;
}

static void describe(const struct fake_process *process, struct process_info *info)
{
    *info = (struct process_info){
        .endpoint = process->endpoint,
        .service_id = process->service_id,
        .state = (uint8_t)(process->started ? process->state : PROCESS_NEW),
        .creator = process->creator,
        .parent = process->parent,
        .tag = process->tag,
        .start_ticks = process->start_ticks,
    };
}

int kcall_process_next(unsigned slot, struct process_info *info)
{
    const struct fake_process *first = NULL;
    for (unsigned i = 0; i < fake.count; i++) {
        const struct fake_process *process = &fake.processes[i];
        if (process->state != PROCESS_FREE && endpoint_slot(process->endpoint) >= slot &&
            (!first || endpoint_slot(process->endpoint) < endpoint_slot(first->endpoint))) {
            first = process;
        }
    }
    if (!first) {
        return -ANOLE_ENOENT;
    }
    describe(first, info);
    return 0;
}

int kcall_process_info(unsigned slot, struct process_info *info)
{
    struct process_info found;
    if (kcall_process_next(slot, &found) || endpoint_slot(found.endpoint) != slot) {
        return -ANOLE_ENOENT;
    }
    *info = found;
    return 0;
}

static int liveness_tell(struct message *message)
{
    struct liveness *out = (struct liveness *)(uintptr_t)message->word[0];
    unsigned count = 0;
    for (unsigned i = 0; i < fake.count; i++) {
        if (fake.processes[i].state == PROCESS_RUNNING && fake.processes[i].started) {
            out[count++] = fake.processes[i].liveness;
        }
    }
    message->word[0] = count;
    return 0;
}

static bool is_child(const struct fake_process *process)
{
    return process->creator == fake_startup_page.self;
}

static int death_next(struct message *message)
{
    for (unsigned i = 0; i < fake.count; i++) {
        struct fake_process *process = &fake.processes[i];
        if (process->state == PROCESS_DEAD && !process->reported && is_child(process)) {
            process->reported = true;
            message->word[0] = process->endpoint;
            return 0;
        }
    }
    return -ANOLE_EAGAIN;
}

static int process_give(struct fake_process *process, endpoint_t heir)
{
    const struct fake_process *other = fake_find(heir);
    if (!is_child(process) || !other || !is_child(other)) {
        return -ANOLE_EPERM;
    }
    process->creator = heir;
    process->reported = false;
    return 0;
}

static int resource_add(struct fake_process *process, const struct message *message)
{
    if (process->resource_count == PROCESS_RESOURCES) {
        return -ANOLE_ENOMEM;
    }
    unsigned index = process->resource_count++;
    process->resources[index].kind = message->word[1];
    process->resources[index].base = message->word[2];
    process->resources[index].len = message->word[3];
    return 0;
}

static int process_call(uint32_t call, struct message *message)
{
    struct fake_process *process = fake_find((endpoint_t)message->word[0]);
    struct death_record *record;
    if (!process || process->state == PROCESS_FREE) {
        return fake.kcall ? fake.kcall(call, message) : -ANOLE_ENOENT;
    }
    switch (call) {
    case KCALL_PROCESS_KILL:
        if (process->state != PROCESS_RUNNING) {
            return -ANOLE_EDEADENDPOINT;
        }
        if (fake_startup_page.self != FAKE_RS && !is_child(process)) {
            return -ANOLE_EPERM;
        }
        fake_kill(process, (enum death_cause)message->word[1], message->word[2]);
        process->killed = true;
        return 0;
    case KCALL_PROCESS_GIVE:
        return process_give(process, (endpoint_t)message->word[1]);
    case KCALL_PROCESS_NOTIFY:
        process->notified |= NOTIFY_BIT(message->word[1]);
        return 0;
    case KCALL_PROCESS_REGS:
        process->pc = message->word[1];
        return 0;
    case KCALL_PROCESS_RESOURCE:
        return resource_add(process, message);
    case KCALL_DEATH_RECORD:
        record = (struct death_record *)(uintptr_t)message->word[1];
        *record = (struct death_record){
            .cause = process->cause, .detail = process->detail, .time_ticks = fake.now};
        return 0;
    default:
        return fake.kcall ? fake.kcall(call, message) : -ANOLE_ENOSYS;
    }
}

int kcall(uint32_t call, struct message *message)
{
    switch (call) {
    case KCALL_POWER:
        fake.powered = true;
        fake.power = (uint32_t)message->word[0];
        fake.status = message->word[1];
        longjmp(fake.power_off, 1);
    case KCALL_LIVENESS:
        return liveness_tell(message);
    case KCALL_DEATH_NEXT:
        return death_next(message);
    default:
        return process_call(call, message);
    }
}

/* ---- libload ---- */

const struct boot_entry *load_find_program(const struct load_image *image, const char *name)
{
    (void)image;
    return strcmp(name, "missing") == 0 ? NULL : &program_entry;
}

int load_create(const struct load_request *request, endpoint_t *child)
{
    if (!fake_room()) {
        return -ANOLE_ENOMEM;
    }
    if (fake.create_error) {
        int error = fake.create_error;
        fake.create_error = fake.create_errors == 1 ? 0 : error;
        fake.create_errors -= fake.create_errors > 0 ? 1 : 0;
        return error;
    }
    struct fake_process *process = fake_add(request->create->name, request->create->service_id);
    process->started = false;
    process->creator = fake_startup_page.self;
    process->parent = request->create->parent;
    process->tag = request->create->tag;
    process->kcalls = request->create->kcalls;
    process->give_ids = request->create->give_ids[0];
    process->header = *request->header;
    memcpy(process->strings, request->strings,
           request->strings_len < 256 ? request->strings_len : 256);
    *child = process->endpoint;
    return 0;
}

int load_start(const struct boot_entry *program, endpoint_t child)
{
    (void)program;
    fake_find(child)->started = true;
    return 0;
}

int load_startup_write(const struct load_request *request, endpoint_t child)
{
    fake_find(child)->header = *request->header;
    return 0;
}

/* What it created is RS's now. */
static void orphan(endpoint_t creator)
{
    for (unsigned i = 0; i < fake.count; i++) {
        if (fake.processes[i].creator == creator) {
            fake.processes[i].creator = FAKE_RS;
        }
    }
}

int load_strip(endpoint_t corpse)
{
    struct fake_process *process = fake_find(corpse);
    if (!process || !is_child(process) || process->state != PROCESS_DEAD) {
        return -ANOLE_EBUSY;
    }
    orphan(corpse);
    process->state = PROCESS_BURYING;
    return 0;
}

int load_bury(endpoint_t corpse)
{
    struct fake_process *process = fake_find(corpse);
    if (!process || !is_child(process) ||
        (process->started && process->state != PROCESS_DEAD && process->state != PROCESS_BURYING)) {
        return -ANOLE_EBUSY;
    }
    orphan(corpse);
    process->state = PROCESS_FREE;
    return 0;
}

void load_discard(endpoint_t child)
{
    fake_find(child)->state = PROCESS_FREE;
}
