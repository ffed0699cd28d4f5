/*
 * Starting and ending programs, through pm. When pm dies the programs run on and its successor knows
 * them: what was asked of the dead one is asked again of that. A spawn carries a tag, by which the
 * successor sees that the program has been started already.
 */
#include <libanole/anole.h>
#include <libanole/arguments.h>
#include <libanole/internal.h>
#include <proto/pm.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PM_NAME "pm"
#define PM_WAIT_US 30000000u /* for the next pm; RS gives up, or brings one, much sooner */

static int pm_find(endpoint_t *pm)
{
    static _Atomic endpoint_t known = ENDPOINT_NONE;
    endpoint_t candidate = known, process;
    unsigned service_id;
    int error;

    if (candidate == ENDPOINT_NONE) {
        candidate = startup_page()->pm;
    }
    if (candidate == ENDPOINT_NONE || kcall_endpoint_info(candidate, &process, &service_id)) {
        error = name_lookup(PM_NAME, &candidate);
        if (error == -ANOLE_EAGAIN) {
            error = name_wait(PM_NAME, &candidate, ANOLE_NOTIFY_BIT, deadline_in_us(PM_WAIT_US));
        }
        if (error) {
            return error;
        }
        known = candidate;
    }
    *pm = candidate;
    return 0;
}

/* One try. -EDEADENDPOINT as *delivery: pm died; else it is 0 and pm's answer is returned. */
static int pm_try(endpoint_t pm, uint32_t type, struct message *message, int *delivery)
{
    message->endpoint = pm;
    message->type = type;
    *delivery = ipc_call(message, DEADLINE_NEVER);
    return *delivery ? *delivery : message_status(message);
}

static int pm_call(uint32_t type, struct message *message)
{
    const struct message request = *message;
    int delivery = -ANOLE_EDEADENDPOINT;
    int error = 0;

    while (delivery == -ANOLE_EDEADENDPOINT) { /* how often is RS's policy */
        endpoint_t pm;

        error = pm_find(&pm);
        if (error) {
            return error;
        }
        *message = request;
        error = pm_try(pm, type, message, &delivery);
    }
    return error;
}

static int spawn_try(const char *arguments, size_t len, struct message *message, int *delivery)
{
    handle_t grant;
    endpoint_t pm;
    int error = pm_find(&pm);

    *delivery = 0;
    if (error) {
        return error;
    }
    error = kcall_grant(pm, arguments, len, GRANT_READ, &grant);
    if (error) {
        *delivery = error;
        return error;
    }
    message->word[0] = grant;
    error = pm_try(pm, PM_SPAWN, message, delivery);
    (void)kcall_revoke(grant, -1); /* pm makes no DMA, so nothing can pin it */
    return error;
}

/* Not 0; unique among what this process spawns. */
static uint32_t next_tag(void)
{
    static _Atomic uint32_t tags;
    uint32_t tag = ++tags;

    return tag != 0 ? tag : ++tags;
}

/* Both kinds of strings. */
static int strings_pack(const char *const argv[], char *strings, size_t *len, unsigned *environment)
{
    size_t more = 0;
    int error = arguments_pack(argv, strings, PM_ARGUMENTS_MAX, len);

    *environment = 0;
    if (!error && inheritance_pack) {
        error = inheritance_pack(strings + *len, PM_ARGUMENTS_MAX - *len, &more, environment);
        *len += more;
    }
    return error;
}

int program_spawn(const char *const argv[], bool foreground, endpoint_t *endpoint)
{
    char *strings = malloc(PM_ARGUMENTS_MAX);
    struct message message;
    size_t len;
    unsigned environment;
    uint32_t tag = next_tag();
    int delivery = -ANOLE_EDEADENDPOINT;
    int error = strings ? strings_pack(argv, strings, &len, &environment) : -ANOLE_ENOMEM;

    while (!error && delivery == -ANOLE_EDEADENDPOINT) {
        message = (struct message){
            .word = {0, len, foreground ? PM_SPAWN_FOREGROUND : 0, tag, environment}};
        error = spawn_try(strings, len, &message, &delivery);
        error = delivery == -ANOLE_EDEADENDPOINT ? 0 : error;
    }
    free(strings);
    if (!error) {
        *endpoint = (endpoint_t)message.word[0];
    }
    return error;
}

int program_end(endpoint_t endpoint, struct program_end *end)
{
    struct message message = {.word = {endpoint}};
    int error = pm_call(PM_WAIT, &message);

    if (!error) {
        *end = (struct program_end){
            .cause = (enum death_cause)message.word[0],
            .detail = message.word[1],
            .pc = message.word[2],
        };
    }
    return error;
}

int program_wait(endpoint_t endpoint, enum death_cause *cause, uint64_t *detail)
{
    struct program_end end;
    int error = program_end(endpoint, &end);

    if (!error) {
        *cause = end.cause;
        *detail = end.detail;
    }
    return error;
}

int program_kill(endpoint_t endpoint)
{
    struct message message = {.word = {endpoint}};

    return pm_call(PM_KILL, &message);
}
