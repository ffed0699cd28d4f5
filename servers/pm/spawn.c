/*
 * Spawning: from argument strings to a running program, with the rights that system.dts gives its
 * class.
 */
#include "pm.h"
#include <libanole/anole.h>
#include <string.h>

static void rights_fill(const struct spawn_request *request, const struct boot_entry *program,
                        const struct config_class *class, struct process_create *create)
{
    *create = (struct process_create){.parent = request->parent, .tag = request->tag};
    config_apply_rights(&class->rights, create);
    create->flags = program->flags & BOOT_FLOAT ? PROCESS_FLOAT : 0;
    memcpy(create->name, request->strings, strnlen(request->strings, sizeof(create->name) - 1));
}

int spawn(const struct spawn_request *request, endpoint_t *endpoint)
{
    const char *name = request->strings;
    struct process_create create;
    struct startup_page header = {
        .rs = startup_page()->rs,
        .pm = startup_page()->self,
        .environment_count = request->environment_count,
    };
    if (request->len == 0 || name[request->len - 1] != '\0' || name[0] == '\0') {
        return -ANOLE_EINVAL;
    }
    const struct boot_entry *program = load_find_program(&pm.image, name);
    if (!program) {
        return -ANOLE_ENOENT;
    }
    const struct config_class *class = config_class_of(&pm.config, name);
    if (class->rights.may_control && !request->by_operator) {
        return -ANOLE_EPERM; /* an operator's rights come from an operator only */
    }
    rights_fill(request, program, class, &create);
    memcpy(header.name, name, strnlen(name, sizeof(header.name) - 1));
    struct load_request load = {
        .image = &pm.image,
        .program = program,
        .create = &create,
        .header = &header,
        .strings = request->strings,
        .strings_len = request->len,
        .stack_bytes = class->rights.stack_bytes,
    };
    int error = load_create(&load, endpoint);
    return error ? error : load_start(program, *endpoint);
}
