/*
 * Spawning: from argument strings to a running program, with the rights that system.dts gives its
 * class.
 */
#include "pm.h"
#include <libanole/anole.h>
#include <string.h>

static struct config config;
static struct load_image image;

const struct config *pm_config(void)
{
    return &config;
}

void spawn_init(void)
{
    int error = load_image_map(&image);
    if (error) {
        panic("can't use the boot image: %s", anole_error_text(error));
    }
    const struct boot_entry *entry = load_find(&image, "system.dtb");
    if (!entry) {
        panic("no system.dtb in the boot image");
    }
    if (config_read(&config, load_file(&image, entry), entry->len)) {
        panic("system.dtb: %s", config.error);
    }
}

int spawn(const char *strings, size_t len, endpoint_t *endpoint)
{
    struct process_create create = {0};
    struct startup_page header = {
        .rs = startup_page()->rs,
        .pm = startup_page()->self,
    };
    if (len == 0 || strings[len - 1] != '\0' || strings[0] == '\0') {
        return -ANOLE_EINVAL;
    }
    struct load_request request = {
        .image = &image,
        .program = load_find_program(&image, strings),
        .create = &create,
        .header = &header,
        .strings = strings,
        .strings_len = len,
    };
    if (!request.program) {
        return -ANOLE_ENOENT;
    }
    const struct config_class *class = config_class_of(&config, strings);
    config_apply_rights(&class->rights, &create);
    create.flags = request.program->flags & BOOT_FLOAT ? PROCESS_FLOAT : 0;
    memcpy(create.name, strings, strnlen(strings, sizeof(create.name) - 1));
    memcpy(header.name, strings, strnlen(strings, sizeof(header.name) - 1));
    request.stack_bytes = class->rights.stack_bytes;
    int error = load_create(&request, endpoint);
    return error ? error : load_start(request.program, *endpoint);
}
