/*
 * The process manager: programs, which run from the boot image with the rights of their class. Who
 * spawned a program is its parent: it may wait for it and kill it, and its death is the program's.
 *
 * pm owns the table of programs and holds PM_WAIT's callers. If it dies, the programs run on: RS gives
 * them to the next pm, which finds out about them what this one knew (adopt.c), and those who waited
 * ask again.
 */
#include "pm.h"
#include <libanole/anole.h>
#include <libanole/service.h>
#include <proto/pm.h>

struct pm pm = {.table.foreground = ENDPOINT_NONE, .kept_foreground = ENDPOINT_NONE};

static void config_load(void)
{
    int error = load_image_map(&pm.image);
    if (error) {
        panic("can't use the boot image: %s", anole_error_text(error));
    }
    const struct boot_entry *entry = load_find(&pm.image, "system.dtb");
    if (!entry) {
        panic("no system.dtb in the boot image");
    }
    if (config_read(&pm.config, load_file(&pm.image, entry), entry->len)) {
        panic("system.dtb: %s", pm.config.error);
    }
}

static void notified(uint64_t bits)
{
    if (bits & NOTIFY_BIT(NOTIFY_DEATH)) {
        deaths_collect();
    }
    if (bits & NOTIFY_BIT(PARENT_BIT)) {
        parents_check(children_end);
    }
}

static const struct service_entry entries[] = {
    {PM_SPAWN, request_spawn},           {PM_WAIT, request_wait},           {PM_KILL, request_kill},
    {PM_FOREGROUND, request_foreground}, {PM_INTERRUPT, request_interrupt},
};

static const struct service service = {
    .name = "pm",
    .entries = entries,
    .entry_count = sizeof(entries) / sizeof(entries[0]),
    .notified = notified,
};

int main(void)
{
    config_load();
    programs_adopt();
    service_ready();
    service_run(&service);
}
