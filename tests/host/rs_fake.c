/*
 * The kernel that tests of RS run on, see rs_fake.h.
 */
#include "rs_fake.h"
#include <libanole/anole.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rs rs;
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
        if (strcmp(fake.processes[i].name, name) == 0) {
            return &fake.processes[i];
        }
    }
    return NULL;
}

struct fake_process *fake_add(const char *name, uint8_t service_id)
{
    if (fake.count == FAKE_PROCESSES) {
        abort();
    }
    struct fake_process *process = &fake.processes[fake.count++];
    *process = (struct fake_process){
        .endpoint = endpoint_make(fake.count + 1, 7),
        .state = PROCESS_RUNNING,
        .service_id = service_id,
        .pc = ~(uint64_t)0,
    };
    snprintf(process->name, sizeof(process->name), "%s", name);
    process->liveness = (struct liveness){
        .thread = process->endpoint, .process = process->endpoint, .state = THREAD_RECEIVING};
    return process;
}

void fake_die(struct fake_process *process, enum death_cause cause, uint64_t detail)
{
    process->state = PROCESS_DEAD;
    process->cause = cause;
    process->detail = detail;
    deaths_collect();
    start_ready();
}

void fake_wait_ms(uint64_t ms)
{
    uint64_t until = fake.now + ms * FAKE_TICKS_PER_MS;
    while (watch_deadline() <= until) {
        fake.now = watch_deadline() > fake.now ? watch_deadline() : fake.now;
        watch_run();
        deaths_collect();
        start_ready();
    }
    fake.now = until;
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
    process->rung |= (uint64_t)1 << doorbell;
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
    (void)maker, (void)direction;
    if (grant == HANDLE_NONE || offset + len > sizeof(fake.copied)) {
        return -ANOLE_EBADHANDLE;
    }
    memcpy(fake.copied + offset, local, len);
    fake.copied_len = offset + len;
    return 0;
}

int kcall_system_info(struct system_info *info)
{
    *info = (struct system_info){.process_slots = FAKE_PROCESSES};
    return 0;
}

int kcall_process_info(unsigned slot, struct process_info *info)
{
    if (slot >= fake.count || fake.processes[slot].state == PROCESS_FREE) {
        return -ANOLE_ENOENT;
    }
    *info = (struct process_info){.endpoint = fake.processes[slot].endpoint,
                                  .service_id = fake.processes[slot].service_id};
    return 0;
}

static int liveness_tell(struct message *message)
{
    struct liveness *out = (struct liveness *)(uintptr_t)message->word[0];
    unsigned count = 0;
    for (unsigned i = 0; i < fake.count; i++) {
        if (fake.processes[i].state == PROCESS_RUNNING) {
            out[count++] = fake.processes[i].liveness;
        }
    }
    message->word[0] = count;
    return 0;
}

static int death_next(struct message *message)
{
    for (unsigned i = 0; i < fake.count; i++) {
        if (fake.processes[i].state == PROCESS_DEAD && !fake.processes[i].reported) {
            fake.processes[i].reported = true;
            message->word[0] = fake.processes[i].endpoint;
            return 0;
        }
    }
    return -ANOLE_EAGAIN;
}

static int process_call(uint32_t call, struct message *message)
{
    struct fake_process *process = fake_find((endpoint_t)message->word[0]);
    struct death_record *record;
    if (!process || process->state == PROCESS_FREE) {
        return -ANOLE_ENOENT;
    }
    switch (call) {
    case KCALL_PROCESS_KILL:
        if (process->state != PROCESS_RUNNING) {
            return -ANOLE_EDEADENDPOINT;
        }
        process->state = PROCESS_DEAD;
        process->killed = true;
        process->cause = (enum death_cause)message->word[1];
        return 0;
    case KCALL_PROCESS_NOTIFY:
        process->notified |= NOTIFY_BIT(message->word[1]);
        return 0;
    case KCALL_PROCESS_REGS:
        process->pc = message->word[1];
        return 0;
    case KCALL_PROCESS_RESOURCE:
        process->resources[process->resource_count++] = message->word[2];
        return 0;
    case KCALL_DEATH_RECORD:
        record = (struct death_record *)(uintptr_t)message->word[1];
        *record = (struct death_record){
            .cause = process->cause, .detail = process->detail, .time_ticks = fake.now};
        return 0;
    default:
        return -ANOLE_ENOSYS;
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
    if (fake.create_error) {
        return fake.create_error;
    }
    struct fake_process *process = fake_add(request->create->name, request->create->service_id);
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
    (void)program, (void)child;
    return 0;
}

int load_bury(endpoint_t corpse)
{
    struct fake_process *process = fake_find(corpse);
    if (!process || process->state != PROCESS_DEAD) {
        return -ANOLE_EBUSY;
    }
    process->state = PROCESS_FREE;
    return 0;
}

void load_discard(endpoint_t child)
{
    fake_find(child)->state = PROCESS_FREE;
}
