/*
 * pm over the fake kernel, see pm_boot.h.
 */
#include "pm_boot.h"
#include <libanole/anole.h>
#include <libanole/service.h>
#include <proto/pm.h>
#include <proto/rs.h>
#include <stdlib.h>
#include <string.h>

struct pm pm;
uint64_t pm_kept;

static int rs_call(uint32_t type, struct message *message)
{
    switch (type) {
    case RS_KEEP:
        pm_kept = message->word[0];
        return 0;
    case RS_KEPT:
        message->word[0] = pm_kept;
        return 0;
    default:
        return -ANOLE_ENOSYS;
    }
}

static void config_fill(void)
{
    struct config *config = &pm.config;
    config->service_count = 2;
    config->services[0] = (struct config_service){
        .name = "console", .rights = {.id = ID_CONSOLE, .kcalls = KCALL_BIT(CONSOLE_TAKE)}};
    config->services[1] = (struct config_service){.name = "shell",
                                                  .rights = {.id = ID_SHELL, .may_control = true}};
    config->class_count = 2;
    config->classes[0] = (struct config_class){.name = "default", .rights = {.id = ID_PROGRAM}};
    config->classes[1] = (struct config_class){
        .name = "control",
        .programs = {.data = "poweroff", .len = sizeof("poweroff")},
        .rights = {.id = ID_CONTROL, .may_control = true}};
    config->default_class = &config->classes[0];
}

static void pm_reset(void)
{
    memset(&pm, 0, sizeof(pm));
    pm.table.foreground = ENDPOINT_NONE;
    pm.kept_foreground = ENDPOINT_NONE;
    config_fill();
}

void pm_boot(void)
{
    fake_reset();
    fake_startup_page.self = FAKE_PM;
    fake.call = rs_call;
    pm_kept = 0;
    pm_reset();
    fake_add("shell", ID_SHELL);
    fake_add("console", ID_CONSOLE);
}

void pm_succeed(void)
{
    pm_reset();
    for (unsigned i = 0; i < fake.count; i++) {
        fake.processes[i].waits_for = 0; /* the dead pm's callers were told */
        fake.processes[i].reported = false;
        fake.processes[i].watched = false;
    }
    programs_adopt();
}

int pm_ask(struct fake_process *process, pm_handler handler, struct message *message)
{
    static uint64_t call_ids;
    struct ipc_delivery request = {.message = *message, .call_id = ++call_ids};
    request.message.endpoint = process->endpoint;
    process->waits_for = request.call_id;
    int status = handler(&request);
    if (status != SERVICE_NO_REPLY) {
        process->waits_for = 0;
    }
    *message = request.message;
    return status;
}

int pm_spawn(struct fake_process *parent, const char *strings, uint64_t flags, uint32_t tag,
             struct fake_process **program)
{
    fake.granted_len = strlen(strings) + 1;
    memcpy(fake.granted, strings, fake.granted_len);
    struct message message = {.word = {1, fake.granted_len, flags, tag}};
    int status = pm_ask(parent, request_spawn, &message);
    *program = status == 0 ? fake_find((endpoint_t)message.word[0]) : NULL;
    return status;
}

int pm_wait(struct fake_process *parent, endpoint_t child)
{
    struct message message = {.word = {child}};
    return pm_ask(parent, request_wait, &message);
}

void pm_program_dies(struct fake_process *program, enum death_cause cause, uint64_t detail)
{
    fake_kill(program, cause, detail);
    deaths_collect();
}

/* ---- libanole, as far as only pm uses it ---- */

void service_reply(struct ipc_delivery *request, int status)
{
    request->message.type = (uint32_t)status;
    (void)ipc_reply(&request->message, request->call_id);
}
