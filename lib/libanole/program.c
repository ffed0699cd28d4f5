/*
 * Starting and ending programs, through pm. If pm has died since this process was started, its
 * successor is looked up.
 */
#include <libanole/anole.h>
#include <libanole/arguments.h>
#include <proto/pm.h>

#define PM_NAME "pm"

static int pm_find(endpoint_t *pm)
{
    static endpoint_t known = ENDPOINT_NONE;
    endpoint_t process;
    unsigned service_id;

    if (known == ENDPOINT_NONE) {
        known = startup_page()->pm;
    }
    if (known == ENDPOINT_NONE || kcall_endpoint_info(known, &process, &service_id)) {
        int error = name_lookup(PM_NAME, &known);

        if (error) {
            known = ENDPOINT_NONE;
            return error;
        }
    }
    *pm = known;
    return 0;
}

static int pm_call(uint32_t type, struct message *message)
{
    endpoint_t pm;
    int error = pm_find(&pm);

    return error ? error : anole_call(pm, type, message, DEADLINE_NEVER);
}

int program_spawn(const char *const argv[], bool foreground, endpoint_t *endpoint)
{
    char arguments[PM_ARGUMENTS_MAX];
    struct message message;
    endpoint_t pm;
    handle_t grant;
    size_t len;
    int error = arguments_pack(argv, arguments, sizeof(arguments), &len);

    if (!error) {
        error = pm_find(&pm);
    }
    if (!error) {
        error = kcall_grant(pm, arguments, len, GRANT_READ, &grant);
    }
    if (error) {
        return error;
    }
    message = (struct message){.word = {grant, len, foreground ? PM_SPAWN_FOREGROUND : 0}};
    error = anole_call(pm, PM_SPAWN, &message, DEADLINE_NEVER);
    (void)kcall_revoke(grant, -1); /* pm makes no DMA, so nothing can pin it */
    if (!error) {
        *endpoint = (endpoint_t)message.word[0];
    }
    return error;
}

int program_wait(endpoint_t endpoint, enum death_cause *cause, uint64_t *detail)
{
    struct message message = {.word = {endpoint}};
    int error = pm_call(PM_WAIT, &message);

    if (!error) {
        *cause = (enum death_cause)message.word[0];
        *detail = message.word[1];
    }
    return error;
}

int program_kill(endpoint_t endpoint)
{
    struct message message = {.word = {endpoint}};

    return pm_call(PM_KILL, &message);
}
