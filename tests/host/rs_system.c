/*
 * The small system that RS is tested with, see rs_system.h.
 */
#include "rs_system.h"
#include <anole/kcall.h>
#include <anole/layout.h>
#include <stdio.h>

#define STRINGS(list) ((struct config_strings){.data = (list), .len = sizeof(list)})

struct config_service *disk_config, *shell_config;

static struct config_service *service_config(const char *name, uint8_t id, uint64_t kcalls)
{
    struct config_service *config = &rs.config.services[rs.config.service_count++];
    *config = (struct config_service){
        .name = name,
        .program = name,
        .rights = {.id = id, .kcalls = kcalls, .max_threads = 1, .stack_bytes = 16384},
        .liveness = {.spin_ms = 250, .caller_ms = 200, .ready_ms = 5000, .stop_ms = 1000},
        .recovery = {.restart_on = 0x1ff & ~(1u << CONFIG_CAUSE_DONE),
                     .window_ms = 30000,
                     .limit = 12,
                     .at_once = 3,
                     .backoff_ms = 10,
                     .backoff_max_ms = 1000,
                     .quiet_ms = 10000},
    };
    return config;
}

void rs_system(void)
{
    service_config("rs", ID_RS, KCALL_BIT(LIVENESS) | KCALL_BIT(PROCESS_CREATE));
    service_config("devman", ID_DEVMAN, KCALL_BIT(DEVICE_MAP));
    service_config("pm", ID_PM, KCALL_BIT(PROCESS_CREATE));
    disk_config = service_config("disk", ID_DISK, KCALL_BIT(DMA_MAP));
    disk_config->drives = STRINGS("virtio,2");
    disk_config->publishes = STRINGS("vd");
    disk_config->arguments = STRINGS("-v");
    shell_config = service_config("shell", ID_SHELL, 0);
    shell_config->start_after = 1u << ID_PM | 1u << ID_DISK;
    shell_config->liveness.stop_ms = 0;
    shell_config->liveness.spin_ms = 0;
    rs.config.class_count = 1;
    rs.config.classes[0] = (struct config_class){.name = "default", .rights = {.id = ID_PROGRAM}};
    rs.config.default_class = &rs.config.classes[0];
}

struct rs_device_told device_told(uint32_t number, uint64_t base)
{
    struct rs_device_told told = {
        .description = {.number = number,
                        .virtio_id = 2,
                        .transport = DEVICE_VIRTIO_MMIO,
                        .windows = 1,
                        .interrupts = 1},
        .compatible = "virtio,2",
        .windows = {{.base = base, .len_bytes = PAGE_SIZE}},
        .interrupt = number + 1,
    };
    snprintf(told.label, sizeof(told.label), "virtio,2@%lx", (unsigned long)base);
    return told;
}
