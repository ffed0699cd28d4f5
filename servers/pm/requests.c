/*
 * What programs and services ask of pm. Every request is answered at once but PM_WAIT, of which one a
 * program is held: nobody can make pm hold more than that, nor wait for him.
 */
#include "pm.h"
#include <libanole/anole.h>
#include <libanole/service.h>
#include <proto/pm.h>

static int caller_read(const struct message *message, struct caller *caller)
{
    int error = kcall_endpoint_info(message->endpoint, &caller->process, &caller->service_id);
    if (!error) {
        const struct config_rights *rights = config_rights_by_id(&pm.config, caller->service_id);
        caller->operator= rights && rights->may_control;
    }
    return error;
}

/* May the caller say who is in the foreground? The operator, and who is there himself. */
static bool owns_foreground(const struct caller *caller)
{
    return caller->operator|| pm.table.foreground == caller->process;
}

static void foreground_set(const struct program *program)
{
    pm.table.foreground = program ? program->endpoint : ENDPOINT_NONE;
    foreground_keep();
}

/* ---- spawn ---- */

static int room_make(endpoint_t leader)
{
    struct program *giving_way;
    int error = program_room(&pm.table, leader, &giving_way);
    if (error > 0) {
        result_drop(giving_way);
        error = 0;
    }
    return error;
}

static int child_make(struct spawn_request *spawned, struct program **program)
{
    endpoint_t leader = program_leader(&pm.table, spawned->parent, spawned->by_operator);
    endpoint_t endpoint;
    int error = room_make(leader);
    if (!error && !program_find(&pm.table, spawned->parent)) {
        error = parent_watch(spawned->parent);
    }
    if (!error) {
        error = spawn(spawned, &endpoint);
    }
    if (!error) {
        *program = program_add(&pm.table, endpoint, spawned->parent, leader);
        if (!*program) {
            panic("no entry for a program that there was room for");
        }
        (*program)->tag = spawned->tag;
    }
    return error;
}

/* w0 grant, w1 bytes, w2 PM_SPAWN_*, w3 tag, w4 environment -> w0 endpoint. */
int request_spawn(struct ipc_delivery *request)
{
    static char strings[PM_ARGUMENTS_MAX];
    struct message *message = &request->message;
    uint64_t len = message->word[1];
    uint64_t flags = message->word[2];
    struct caller caller;
    int error = caller_read(message, &caller);
    if (error) {
        return error;
    }
    if (len == 0 || len > sizeof(strings) || flags & ~(uint64_t)PM_SPAWN_FOREGROUND ||
        message->word[3] > UINT32_MAX || message->word[4] >= len) {
        return -ANOLE_EINVAL;
    }
    if (flags & PM_SPAWN_FOREGROUND && !owns_foreground(&caller)) {
        return -ANOLE_EPERM;
    }
    struct spawn_request spawned = {.strings = strings,
                                    .len = len,
                                    .parent = caller.process,
                                    .tag = (uint32_t)message->word[3],
                                    .environment_count = (uint32_t)message->word[4],
                                    .by_operator = caller.operator,
                                    .owner = message->endpoint,
                                    .file = message->word[5],
                                    .file_len = message->word[6]};
    struct program *program = program_find_tag(&pm.table, spawned.parent, spawned.tag);
    if (!program) {
        error = kcall_copy(message->endpoint, message->word[0], 0, strings, len, COPY_FROM_GRANT);
        if (!error) {
            error = child_make(&spawned, &program);
        }
        if (error) {
            return error;
        }
    }
    if (flags & PM_SPAWN_FOREGROUND && program->state == PROGRAM_RUNNING) {
        foreground_set(program);
    }
    message->word[0] = program->endpoint;
    return 0;
}

/* ---- wait ---- */

/* w0 endpoint of my child -> w0 cause, w1 detail, w2 pc of a fault. */
int request_wait(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    struct caller caller;
    int error = caller_read(message, &caller);
    if (error) {
        return error;
    }
    struct program *program = program_find(&pm.table, (endpoint_t)message->word[0]);
    if (!program || program->parent != caller.process) {
        return -ANOLE_ENOENT;
    }
    if (program->waiter.call_id != 0) {
        service_reply(&program->waiter, -ANOLE_ECANCELED);
    }
    program->waiter = *request;
    if (program->state == PROGRAM_DEAD) {
        result_give(program);
    }
    return SERVICE_NO_REPLY;
}

/* ---- kill, foreground, interrupt ---- */

/* w0 endpoint: my child, or any for the operator. */
int request_kill(struct ipc_delivery *request)
{
    endpoint_t victim = (endpoint_t)request->message.word[0];
    struct caller caller;
    int error = caller_read(&request->message, &caller);
    if (error) {
        return error;
    }
    const struct program *program = program_find(&pm.table, victim);
    if (!program) {
        return endpoint_is_alive(victim) ? -ANOLE_EPERM : -ANOLE_ENOENT;
    }
    if (program->parent != caller.process && !caller.operator) {
        return -ANOLE_EPERM;
    }
    return program->state == PROGRAM_DEAD ? -ANOLE_EDEADENDPOINT
                                          : child_kill(program, DEATH_KILLED);
}

/* w0 endpoint of my child, or ENDPOINT_NONE. */
int request_foreground(struct ipc_delivery *request)
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
    const struct program *program = program_find(&pm.table, endpoint);
    if (endpoint != ENDPOINT_NONE &&
        (!program || program->state != PROGRAM_RUNNING || program->parent != caller.process)) {
        return -ANOLE_ENOENT;
    }
    foreground_set(endpoint == ENDPOINT_NONE ? NULL : program);
    return 0;
}

/* Of the console driver -> w0 = 1 if a program was killed. */
int request_interrupt(struct ipc_delivery *request)
{
    const struct config_service *console = config_service_with_kcall(&pm.config,
                                                                     KCALL_CONSOLE_TAKE);
    struct caller caller;
    int error = caller_read(&request->message, &caller);
    if (error) {
        return error;
    }
    if (!console || console->rights.id != caller.service_id) {
        return -ANOLE_EPERM;
    }
    const struct program *program = program_find(&pm.table, pm.table.foreground);
    bool running = program && program->state == PROGRAM_RUNNING;
    request->message.word[0] = running && child_kill(program, DEATH_INTERRUPT) == 0;
    return 0;
}
