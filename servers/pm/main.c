/*
 * The process manager: programs, which run from the boot image with the rights of their class. Who
 * spawned a program is its parent: it may wait for it and kill it, and its death is the program's.
 *
 * pm owns the table of programs and holds PM_WAIT's callers. If it dies, RS kills all programs, and
 * the next pm begins with an empty table.
 */
#include "pm.h"
#include <libanole/anole.h>
#include <libanole/service.h>
#include <proto/pm.h>
#include <string.h>

static struct program_table table = {.foreground = ENDPOINT_NONE};

static int caller_read(const struct message *message, struct caller *caller)
{
    int error = kcall_endpoint_info(message->endpoint, &caller->process, &caller->service_id);
    if (!error) {
        const struct config_rights *rights = config_rights_by_id(pm_config(), caller->service_id);
        caller->operator= rights && rights->may_control;
    }
    return error;
}

static int program_kill_for(const struct program *program, enum death_cause cause)
{
    struct message message = {.word = {program->endpoint, cause, 0}};
    return kcall(KCALL_PROCESS_KILL, &message);
}

/* ---- deaths ---- */

static void children_kill(endpoint_t parent)
{
    struct program *child = NULL;
    while ((child = program_next_child(&table, parent, child))) {
        (void)program_kill_for(child, DEATH_KILLED); /* or it is dead and will be told */
    }
    program_forget_children(&table, parent);
}

static void result_fill(const struct program *program, struct message *reply)
{
    reply->word[0] = program->cause;
    reply->word[1] = program->detail;
    reply->word[2] = program->pc;
}

/* Answers the one who waits. If he is gone, the result stays. */
static void waiter_answer(struct program *program)
{
    struct message reply = {
        .endpoint = program->waiter.message.endpoint,
    };
    result_fill(program, &reply);
    if (program->waiter.call_id != 0 && ipc_reply(&reply, program->waiter.call_id) == 0) {
        program->state = PROGRAM_FREE;
    }
    program->waiter.call_id = 0;
}

static bool parent_is_gone(const struct program *program)
{
    endpoint_t process;
    unsigned id;
    return kcall_endpoint_info(program->parent, &process, &id) != 0;
}

static void corpse_handle(endpoint_t corpse)
{
    struct program *program = program_find(&table, corpse);
    static struct death_record record;
    struct message message = {.word = {corpse, (uintptr_t)&record}};
    if (kcall(KCALL_DEATH_RECORD, &message)) {
        record = (struct death_record){.cause = DEATH_NONE};
    }
    (void)load_bury(corpse);
    if (!program) {
        return;
    }
    if (record.cause != DEATH_EXIT && record.cause < DEATH_KILLED) {
        log_printf(LOG_INFO, "program 0x%x: %s, detail 0x%lx, pc 0x%lx", (unsigned)corpse,
                   death_cause_text(record.cause), (unsigned long)record.detail,
                   (unsigned long)record.pc);
    }
    program_died(&table, program, &record);
    children_kill(corpse);
    waiter_answer(program);
    if (program->state == PROGRAM_DEAD && parent_is_gone(program)) {
        program->state = PROGRAM_FREE;
    }
}

static void deaths_collect(void)
{
    for (;;) {
        struct message message = {0};
        if (kcall(KCALL_DEATH_NEXT, &message)) {
            return;
        }
        corpse_handle((endpoint_t)message.word[0]);
    }
}

/* ---- requests ---- */

/* May the caller say who is in the foreground? The operator, and who is there himself. */
static bool owns_foreground(const struct caller *caller)
{
    return caller->operator|| table.foreground == caller->process;
}

/* w0 grant, w1 bytes, w2 PM_SPAWN_* -> w0 endpoint. */
static int request_spawn(struct ipc_delivery *request)
{
    static char strings[PM_ARGUMENTS_MAX];
    struct message *message = &request->message;
    uint64_t len = message->word[1];
    uint64_t flags = message->word[2];
    struct caller caller;
    endpoint_t endpoint;
    int error = caller_read(message, &caller);
    if (error) {
        return error;
    }
    if (len == 0 || len > sizeof(strings) || flags & ~(uint64_t)PM_SPAWN_FOREGROUND) {
        return -ANOLE_EINVAL;
    }
    if (flags & PM_SPAWN_FOREGROUND && !owns_foreground(&caller)) {
        return -ANOLE_EPERM;
    }
    if (!program_room(&table, caller.operator)) {
        return -ANOLE_ENOMEM;
    }
    error = kcall_copy(message->endpoint, message->word[0], 0, strings, len, COPY_FROM_GRANT);
    if (!error && !program_find(&table, caller.process)) {
        error = parent_watch(caller.process);
    }
    if (!error) {
        error = spawn(strings, len, &endpoint);
    }
    if (error) {
        return error;
    }
    program_add(&table, endpoint, caller.process);
    if (flags & PM_SPAWN_FOREGROUND) {
        table.foreground = endpoint;
    }
    message->word[0] = endpoint;
    return 0;
}

/* w0 endpoint of my child -> w0 cause, w1 detail, w2 pc of a fault. */
static int request_wait(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    struct caller caller;
    int error = caller_read(message, &caller);
    if (error) {
        return error;
    }
    struct program *program = program_find(&table, (endpoint_t)message->word[0]);
    if (!program || program->parent != caller.process) {
        return -ANOLE_ENOENT;
    }
    if (program->state == PROGRAM_DEAD) {
        result_fill(program, message);
        program->state = PROGRAM_FREE;
        return 0;
    }
    if (program->waiter.call_id != 0 && program->waiter.message.endpoint != message->endpoint) {
        return -ANOLE_EBUSY;
    }
    program->waiter = *request; /* the same thread asks again: its former call is over */
    return SERVICE_NO_REPLY;
}

/* w0 endpoint: my child, or any for the operator. */
static int request_kill(struct ipc_delivery *request)
{
    struct caller caller;
    int error = caller_read(&request->message, &caller);
    if (error) {
        return error;
    }
    endpoint_t victim = (endpoint_t)request->message.word[0];
    const struct program *program = program_find(&table, victim);
    if (!program) {
        endpoint_t process;
        unsigned id;
        return kcall_endpoint_info(victim, &process, &id) ? -ANOLE_ENOENT : -ANOLE_EPERM;
    }
    if (program->parent != caller.process && !caller.operator) {
        return -ANOLE_EPERM;
    }
    return program->state == PROGRAM_DEAD ? -ANOLE_EDEADENDPOINT
                                          : program_kill_for(program, DEATH_KILLED);
}

/* w0 endpoint of my child, or ENDPOINT_NONE. */
static int request_foreground(struct ipc_delivery *request)
{
    endpoint_t endpoint = (endpoint_t)request->message.word[0];
    struct caller caller;
    int error = caller_read(&request->message, &caller);
    if (error) {
        return error;
    }
    if (!caller.operator) {
        return -ANOLE_EPERM;
    }
    const struct program *program = program_find(&table, endpoint);
    if (endpoint != ENDPOINT_NONE &&
        (!program || program->state != PROGRAM_RUNNING || program->parent != caller.process)) {
        return -ANOLE_ENOENT;
    }
    table.foreground = endpoint;
    return 0;
}

/* Of the console driver -> w0 = 1 if a program was killed. */
static int request_interrupt(struct ipc_delivery *request)
{
    const struct config_service *console = config_service_with_kcall(pm_config(),
                                                                     KCALL_CONSOLE_TAKE);
    struct caller caller;
    int error = caller_read(&request->message, &caller);
    if (error) {
        return error;
    }
    if (!console || console->rights.id != caller.service_id) {
        return -ANOLE_EPERM;
    }
    const struct program *program = program_find(&table, table.foreground);
    bool running = program && program->state == PROGRAM_RUNNING;
    request->message.word[0] = running && program_kill_for(program, DEATH_INTERRUPT) == 0;
    return 0;
}

/* ---- the service ---- */

static void notified(uint64_t bits)
{
    if (bits & NOTIFY_BIT(NOTIFY_DEATH)) {
        deaths_collect();
    }
    if (bits & NOTIFY_BIT(PARENT_BIT)) {
        parents_check(children_kill);
    }
}

static void stop(void)
{
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        if (table.programs[i].state == PROGRAM_RUNNING) {
            (void)program_kill_for(&table.programs[i], DEATH_STOPPED);
        }
    }
}

static const struct service_entry entries[] = {
    {PM_SPAWN, request_spawn},           {PM_WAIT, request_wait},           {PM_KILL, request_kill},
    {PM_FOREGROUND, request_foreground}, {PM_INTERRUPT, request_interrupt},
};

static const struct service service = {
    .name = "pm",
    .entries = entries,
    .entry_count = sizeof(entries) / sizeof(entries[0]),
    .notified = notified,
    .stop = stop,
};

int main(void)
{
    spawn_init();
    service_ready();
    service_run(&service);
}
