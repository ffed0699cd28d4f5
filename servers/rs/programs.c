/*
 * Programs while there is no pm. They are pm's children; when it is buried they become RS's, go on
 * running, and are given to the next pm with all that the kernel knows about them: those that died
 * meanwhile, too, for their results are in their death records. RS itself does nothing with them.
 */
#include "rs.h"
#include <libanole/anole.h>

static const struct rs_service *maker(void)
{
    return service_with_kcall(KCALL_PROCESS_CREATE);
}

static bool maker_returns(void)
{
    const struct rs_service *service = maker();
    return service && !shutdown_begun() && !service->stop_wanted &&
           service->state != RS_STATE_STOPPED && service->state != RS_STATE_FAILED;
}

static bool is_program(const struct process_info *info)
{
    return info->endpoint != startup_page()->self &&
           !config_service_by_id(&rs.config, info->service_id);
}

static void for_each_program(void (*act)(const struct process_info *info, endpoint_t argument),
                             endpoint_t argument)
{
    struct process_info info;
    for (unsigned slot = 0; kcall_process_next(slot, &info) == 0;
         slot = endpoint_slot(info.endpoint) + 1) {
        if (is_program(&info)) {
            act(&info, argument);
        }
    }
}

static void give(const struct process_info *info, endpoint_t successor)
{
    struct message message = {.word = {info->endpoint, successor}};
    if (info->creator != startup_page()->self) {
        return;
    }
    int error = kcall(KCALL_PROCESS_GIVE, &message);
    if (error) {
        log_printf(LOG_WARNING, "program %.15s can't be given to the new pm: %s", info->name,
                   anole_error_text(error));
    }
}

/* One that is alive dies and comes back as a corpse. */
static void end(const struct process_info *info, endpoint_t nobody)
{
    struct message message = {.word = {info->endpoint, DEATH_KILLED, 0}};
    (void)nobody;
    if (kcall(KCALL_PROCESS_KILL, &message) != 0 && info->creator == startup_page()->self) {
        load_bury(info->endpoint);
    }
}

void programs_corpse(endpoint_t corpse)
{
    struct process_info info;
    bool is_left = kcall_process_info(endpoint_slot(corpse), &info) == 0 && is_program(&info) &&
                   maker_returns();
    if (!is_left) {
        load_bury(corpse);
    }
}

void programs_give(endpoint_t successor)
{
    for_each_program(give, successor);
}

void programs_end(void)
{
    for_each_program(end, ENDPOINT_NONE);
}
