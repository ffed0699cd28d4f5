/*
 * Deaths: of programs, whose result goes to who waits for it or stays until he asks, and of parents,
 * whose programs die with them.
 *
 * A dead program's memory goes back at once. Its death record stays in the kernel until the result has
 * been given to somebody: if pm dies in between, its successor reads it there. So a result may be given
 * twice, and is never lost.
 */
#include "pm.h"
#include <libanole/anole.h>
#include <libanole/service.h>

int child_kill(const struct program *program, enum death_cause cause)
{
    struct message message = {.word = {program->endpoint, cause, 0}};
    return kcall(KCALL_PROCESS_KILL, &message);
}

void result_drop(struct program *program)
{
    (void)load_bury(program->endpoint); /* of its own dead child, a record is all that is left */
    program->state = PROGRAM_FREE;
}

void children_end(endpoint_t parent)
{
    struct program *child = NULL;
    while ((child = program_next_child(&pm.table, parent, PROGRAM_RUNNING, child))) {
        (void)child_kill(child, DEATH_KILLED); /* or it is dead and will be told */
    }
    while ((child = program_next_child(&pm.table, parent, PROGRAM_DEAD, NULL))) {
        result_drop(child);
    }
}

void result_give(struct program *program)
{
    struct message reply = {.endpoint = program->waiter.message.endpoint,
                            .word = {program->cause, program->detail, program->pc}};
    uint64_t call_id = program->waiter.call_id;
    program->waiter.call_id = 0;
    if (call_id != 0 && ipc_reply(&reply, call_id) == 0) {
        result_drop(program);
    }
}

static void log_fault(const struct program *program)
{
    if (program->cause != DEATH_EXIT && program->cause < DEATH_KILLED) {
        log_printf(LOG_INFO, "program 0x%x: %s, detail 0x%lx, pc 0x%lx",
                   (unsigned)program->endpoint, death_cause_text(program->cause),
                   (unsigned long)program->detail, (unsigned long)program->pc);
    }
}

void corpse_handle(endpoint_t corpse)
{
    static struct death_record record;
    struct program *program = program_find(&pm.table, corpse);
    struct message message = {.word = {corpse, (uintptr_t)&record}};
    if (kcall(KCALL_DEATH_RECORD, &message)) {
        record = (struct death_record){.cause = DEATH_NONE};
    }
    if (!program) {
        (void)load_bury(corpse); /* nobody could ask for it */
        return;
    }
    (void)load_strip(corpse); /* of its own dead child: nothing refuses that */
    program_died(&pm.table, program, &record);
    foreground_keep();
    log_fault(program);
    children_end(corpse);
    result_give(program);
    if (program->state == PROGRAM_DEAD && !endpoint_is_alive(program->parent)) {
        result_drop(program);
    }
}

void deaths_collect(void)
{
    for (;;) {
        struct message message = {0};
        if (kcall(KCALL_DEATH_NEXT, &message)) {
            return;
        }
        corpse_handle((endpoint_t)message.word[0]);
    }
}
