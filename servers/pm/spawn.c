/*
 * Spawning: from argument strings to a running program, with the rights that system.dts gives its
 * class. A program is in the boot image, or a file that the caller has read for us.
 */
#include "pm.h"
#include <libanole/anole.h>
#include <string.h>

/* The process's name: what is behind the last slash. */
static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static void rights_fill(const struct spawn_request *request, const struct boot_entry *program,
                        const struct config_class *class, struct process_create *create)
{
    *create = (struct process_create){.parent = request->parent, .tag = request->tag};
    config_apply_rights(&class->rights, create);
    create->flags = program->flags & BOOT_FLOAT ? PROCESS_FLOAT : 0;
    const char *name = last_name(request->strings);
    memcpy(create->name, name, strnlen(name, sizeof(create->name) - 1));
}

/* load_request.read: the file is the caller's memory, and may change while it is read. */
static int file_read(void *context, uint64_t offset, void *to, size_t len)
{
    const struct spawn_request *request = context;
    return kcall_copy(request->owner, request->file, offset, to, len, COPY_FROM_GRANT);
}

static int file_program(const struct spawn_request *request, struct boot_entry *program)
{
    static uint8_t head[PAGE_SIZE];
    size_t len = request->file_len < sizeof(head) ? request->file_len : sizeof(head);
    int error = kcall_copy(request->owner, request->file, 0, head, len, COPY_FROM_GRANT);
    return error ? error : load_elf_read(head, len, request->file_len, program);
}

static int start(const struct spawn_request *request, const struct boot_entry *program,
                 const struct config_class *class, endpoint_t *endpoint)
{
    const char *name = last_name(request->strings);
    struct process_create create;
    struct startup_page header = {
        .rs = startup_page()->rs,
        .pm = startup_page()->self,
        .environment_count = request->environment_count,
    };
    struct load_request load = {
        .image = &pm.image,
        .read = request->file_len ? file_read : NULL,
        .context = (void *)(uintptr_t)request,
        .program = program,
        .create = &create,
        .header = &header,
        .strings = request->strings,
        .strings_len = request->len,
        .stack_bytes = class->rights.stack_bytes,
    };
    rights_fill(request, program, class, &create);
    memcpy(header.name, name, strnlen(name, sizeof(header.name) - 1));
    int error = load_create(&load, endpoint);
    return error ? error : load_start(program, *endpoint);
}

int spawn(const struct spawn_request *request, endpoint_t *endpoint)
{
    const char *name = request->strings;
    struct boot_entry file;
    if (request->len == 0 || name[request->len - 1] != '\0' || name[0] == '\0') {
        return -ANOLE_EINVAL;
    }
    if (request->file_len) { /* whatever its name is, it may be anything */
        int error = file_program(request, &file);
        return error ? error : start(request, &file, pm.config.default_class, endpoint);
    }
    const struct boot_entry *program = load_find_program(&pm.image, name);
    if (!program) {
        return -ANOLE_ENOENT;
    }
    const struct config_class *class = config_class_of(&pm.config, name);
    if (class->rights.may_control && !request->by_operator) {
        return -ANOLE_EPERM; /* an operator's rights come from an operator only */
    }
    return start(request, program, class, endpoint);
}
