/*
 * uptime: how long the system is up, how busy it was, and what is left of memory.
 */
#include "common/arguments.h"

#include <libanole/anole.h>
#include <stdio.h>

int main(int argc, char *argv[])
{
    struct system_info info;

    (void)argv;
    if (argc != 1)
        return print_usage("uptime");

    int status = kcall_system_info(&info);
    if (status != 0) {
        fprintf(stderr, "uptime: no answer from the kernel: %s\n", anole_error_text(status));
        return 1;
    }
    uint64_t up = ticks_now() - info.boot_ticks;
    uint64_t ms = ticks_to_us(up) / 1000;
    uint64_t hart_ms = ms * info.harts;
    uint64_t idle_percent = hart_ms == 0 ? 0 : ticks_to_us(info.idle_ticks) / 10 / hart_ms;

    printf("up %lu:%02lu:%02lu.%03lu, %u hart%s, %lu %% idle\n", (unsigned long)(ms / 3600000),
           (unsigned long)(ms / 60000 % 60), (unsigned long)(ms / 1000 % 60),
           (unsigned long)(ms % 1000), info.harts, info.harts == 1 ? "" : "s",
           (unsigned long)(idle_percent > 100 ? 100 : idle_percent));
    printf("%u processes, %u threads\n", info.processes, info.threads);
    printf("%lu of %lu KiB free, %lu KiB quarantined, %lu KiB orphaned\n",
           (unsigned long)(info.frames_free * PAGE_SIZE / 1024),
           (unsigned long)(info.frames_total * PAGE_SIZE / 1024),
           (unsigned long)(info.frames_quarantined * PAGE_SIZE / 1024),
           (unsigned long)(info.frames_orphaned * PAGE_SIZE / 1024));
    return 0;
}
