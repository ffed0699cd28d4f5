/*
 * pm under anything that anyone may send it, with deaths between the requests, its own included. After
 * each step its table must agree with the kernel's processes: none lost, none kept for nobody, nobody
 * with more than his share, no caller forgotten.
 */
#include "../input.h"
#include "../require.h"
#include <libanole/service.h>
#include <proto/common.h>
#include <proto/pm.h>
#include <string.h>
#include <tests/host/pm_boot.h>

#define STEPS 400u

/* ---- what must be true ---- */

static void processes_check(void)
{
    for (unsigned i = 0; i < fake.count; i++) {
        const struct fake_process *process = &fake.processes[i];
        if (process->state == PROCESS_FREE || process->creator != FAKE_PM) {
            continue;
        }
        const struct program *program = program_find(&pm.table, process->endpoint);
        REQUIRE(program && process->started);
        REQUIRE((program->state == PROGRAM_RUNNING) == (process->state == PROCESS_RUNNING) ||
                (program->state == PROGRAM_RUNNING && process->state == PROCESS_DEAD));
        REQUIRE(program->parent == process->parent && program->tag == process->tag);
    }
}

static void table_check(void)
{
    unsigned unprivileged = 0;
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        const struct program *program = &pm.table.programs[i];
        unsigned group = 0;
        if (program->state == PROGRAM_FREE) {
            continue;
        }
        const struct fake_process *process = fake_find(program->endpoint);
        REQUIRE(process && process->state != PROCESS_FREE && process->creator == FAKE_PM);
        if (program->leader == ENDPOINT_NONE) {
            continue;
        }
        unprivileged++;
        for (unsigned j = 0; j < PM_PROGRAMS; j++) {
            group += pm.table.programs[j].state != PROGRAM_FREE &&
                             pm.table.programs[j].leader == program->leader
                         ? 1u
                         : 0u;
        }
        REQUIRE(group <= PM_GROUP);
    }
    REQUIRE(unprivileged <= PM_PROGRAMS - PM_RESERVED);
}

static bool is_held(const struct fake_process *process)
{
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        const struct program *program = &pm.table.programs[i];
        if (program->state == PROGRAM_RUNNING && program->waiter.call_id == process->waits_for &&
            program->waiter.message.endpoint == process->endpoint) {
            return true;
        }
    }
    return false;
}

static void callers_check(void)
{
    for (unsigned i = 0; i < fake.count; i++) {
        REQUIRE(fake.processes[i].waits_for == 0 || is_held(&fake.processes[i]));
    }
}

/* ---- what happens ---- */

static struct fake_process *live_any(struct input *input)
{
    for (unsigned i = 0; i < 8; i++) {
        struct fake_process *process = &fake.processes[input_below(input, fake.count)];
        if (process->state == PROCESS_RUNNING && process->waits_for == 0) {
            return process;
        }
    }
    return NULL;
}

static uint64_t word_any(struct input *input)
{
    switch (input_below(input, 4)) {
    case 0:
        return input_word(input);
    case 1:
        return input_byte(input);
    default:
        return fake.processes[input_below(input, fake.count)].endpoint;
    }
}

static void strings_grant(struct input *input)
{
    static const char *const names[] = {"demo", "poweroff", "missing", ""};
    uint32_t choice = input_below(input, 6);
    memset(fake.granted, input_byte(input), sizeof(fake.granted));
    fake.granted_len = sizeof(fake.granted);
    if (choice < 4) {
        fake.granted_len = strlen(names[choice]) + 1;
        memcpy(fake.granted, names[choice], fake.granted_len);
    }
}

static void request_make(struct input *input)
{
    static const pm_handler handlers[] = {request_spawn, request_spawn,      request_wait,
                                          request_kill,  request_foreground, request_interrupt};
    struct fake_process *process = live_any(input);
    pm_handler handler = handlers[input_below(input, 6)];
    struct message message = {0};
    if (!process) {
        return;
    }
    strings_grant(input);
    for (unsigned i = 0; i < 4; i++) {
        message.word[i] = word_any(input);
    }
    if (handler == request_spawn && input_below(input, 8) != 0) {
        message = (struct message){
            .word = {1, fake.granted_len, input_below(input, 2), input_below(input, 4)}};
    }
    int status = pm_ask(process, handler, &message);
    REQUIRE(status <= 0 || status == SERVICE_NO_REPLY);
}

static void die(struct input *input)
{
    struct fake_process *process = &fake.processes[input_below(input, fake.count)];
    if (process->state == PROCESS_RUNNING) {
        fake_kill(process, (enum death_cause)(1 + input_below(input, DEATH_CAUSES - 1)),
                  input_byte(input));
    }
}

static void deaths_tell(void)
{
    deaths_collect();
    parents_check(children_end);
    deaths_collect();
}

/* A shell comes back; or a service that is no operator has programs. */
static void parent_add(struct input *input)
{
    bool shell = input_below(input, 2);
    const char *name = shell ? "shell" : "service";
    const struct fake_process *last = fake_named(name);
    if (fake_room() && (!last || last->state != PROCESS_RUNNING)) {
        fake_add(name, shell ? ID_SHELL : 9);
    }
}

static void give_up_waiting(struct input *input)
{
    fake.processes[input_below(input, fake.count)].waits_for = 0;
}

static void step(struct input *input)
{
    switch (input_below(input, 16)) {
    case 0:
    case 1:
        die(input);
        deaths_tell();
        break;
    case 2:
        die(input);
        pm_succeed();
        deaths_tell();
        break;
    case 3:
        fake.create_error = input_below(input, 2) ? -ANOLE_ENOMEM : 0;
        break;
    case 4:
        parent_add(input);
        break;
    case 5:
        give_up_waiting(input);
        break;
    default:
        fake.now++;
        request_make(input);
        deaths_tell();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input input = {data, len};
    pm_boot();
    for (unsigned i = 0; i < STEPS && input.len > 0; i++) {
        step(&input);
        processes_check();
        table_check();
        callers_check();
    }
    for (unsigned i = 0; i < fake.count; i++) { /* all that have children end */
        if (fake.processes[i].state == PROCESS_RUNNING && fake.processes[i].creator != FAKE_PM) {
            fake_kill(&fake.processes[i], DEATH_KILLED, 0);
        }
    }
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        deaths_tell();
    }
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        REQUIRE(pm.table.programs[i].state == PROGRAM_FREE);
    }
    return 0;
}
