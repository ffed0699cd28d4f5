/*
 * Taking over from a pm that died. Its programs went on running; RS became their creator and gave them
 * to this one before its start. The kernel tells whose children they are, dead ones' records are there
 * as long as they aren't buried, and RS kept who is in the foreground. Who waited is calling again.
 */
#include "pm.h"
#include <libanole/anole.h>
#include <proto/rs.h>
#include <stdlib.h>

static struct process_info found[PM_PROGRAMS];

/* Parents were made before their children. */
static int by_start(const void *a, const void *b)
{
    const struct process_info *left = a;
    const struct process_info *right = b;
    return left->start_ticks < right->start_ticks ? -1 : left->start_ticks > right->start_ticks;
}

static void one_too_many(const struct process_info *info)
{
    struct program unknown = {.endpoint = info->endpoint};
    log_printf(LOG_WARNING, "no room to take over program %.15s: it ends", info->name);
    if (child_kill(&unknown, DEATH_KILLED)) {
        (void)load_bury(info->endpoint); /* it was dead already */
    }
}

/* pm's children in the kernel; those that were never started are nobody's. */
static unsigned children_find(void)
{
    struct process_info info;
    unsigned count = 0;
    for (unsigned slot = 0; kcall_process_next(slot, &info) == 0;
         slot = endpoint_slot(info.endpoint) + 1) {
        if (info.creator != startup_page()->self) {
            continue;
        }
        if (info.state == PROCESS_NEW) {
            (void)load_bury(info.endpoint); /* its spawn will be asked for again */
        } else if (count == PM_PROGRAMS) {
            one_too_many(&info);
        } else {
            found[count++] = info;
        }
    }
    return count;
}

/* A parent that is dead takes its programs with it, now as ever. */
static bool parent_is_operator(endpoint_t parent)
{
    endpoint_t process;
    unsigned id;
    if (kcall_endpoint_info(parent, &process, &id)) {
        return false;
    }
    const struct config_rights *rights = config_rights_by_id(&pm.config, id);
    return rights && rights->may_control;
}

static void children_enter(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        endpoint_t parent = found[i].parent;
        endpoint_t leader = program_leader(&pm.table, parent, parent_is_operator(parent));
        struct program *program = program_add(&pm.table, found[i].endpoint, parent, leader);
        if (program) { /* there are as many entries as could be found */
            program->tag = found[i].tag;
        }
    }
}

static void parents_learn(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct program *program = program_find(&pm.table, found[i].endpoint);
        if (program && !program_find(&pm.table, program->parent) && parent_watch(program->parent)) {
            children_end(program->parent);
        }
    }
}

void programs_adopt(void)
{
    struct message kept = {0};
    unsigned count = children_find();
    if (count == 0) {
        return;
    }
    qsort(found, count, sizeof(found[0]), by_start);
    children_enter(count);
    if (anole_call(startup_page()->rs, RS_KEPT, &kept, DEADLINE_NEVER) == 0 &&
        program_find(&pm.table, (endpoint_t)kept.word[0])) {
        pm.table.foreground = pm.kept_foreground = (endpoint_t)kept.word[0];
    }
    for (unsigned i = 0; i < count; i++) {
        if (found[i].state == PROCESS_DEAD || found[i].state == PROCESS_BURYING) {
            corpse_handle(found[i].endpoint);
        }
    }
    parents_learn(count);
    log_printf(LOG_INFO, "%u programs of a former pm taken over", count);
}

void foreground_keep(void)
{
    struct message message = {.word = {pm.table.foreground}};
    if (pm.kept_foreground == pm.table.foreground) {
        return;
    }
    pm.kept_foreground = pm.table.foreground;
    int error = anole_call(startup_page()->rs, RS_KEEP, &message, DEADLINE_NEVER);
    if (error) {
        log_printf(LOG_WARNING, "RS doesn't keep who is in the foreground: %s",
                   anole_error_text(error));
    }
}
