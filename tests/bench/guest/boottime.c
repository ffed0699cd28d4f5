/*
 * boottime: when after the kernel's start each service was ready for the first time, from RS's log.
 */
#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdio.h>

#define ENTRIES_AT_ONCE 16u

static void print_ms(const char *what, uint64_t since_boot_ticks)
{
    uint64_t us = ticks_to_us(since_boot_ticks);

    printf("%-16s %6lu.%03lu ms\n", what, (unsigned long)(us / 1000), (unsigned long)(us % 1000));
}

int main(int argc, char *argv[])
{
    struct rs_log_entry entries[ENTRIES_AT_ONCE];
    struct system_info system;
    uint64_t position = 0;
    unsigned count = 0;

    (void)argv;
    if (argc != 1) {
        fprintf(stderr, "usage: boottime\n");
        return 2;
    }
    int status = kcall_system_info(&system);
    if (status != 0) {
        fprintf(stderr, "boottime: no answer from the kernel: %s\n", anole_error_text(status));
        return 1;
    }
    printf("time from the kernel's start until a service was ready\n");
    do {
        status = rs_log_read(position, entries, ENTRIES_AT_ONCE, &position, &count);
        for (unsigned i = 0; status == 0 && i < count; i++) {
            if (entries[i].event == RS_EVENT_READY && entries[i].death == 0)
                print_ms(entries[i].service, entries[i].time_ticks - system.boot_ticks);
        }
    } while (status == 0 && count > 0);
    if (status != 0) {
        fprintf(stderr, "boottime: RS's log can't be read: %s\n", anole_error_text(status));
        return 1;
    }
    return 0;
}
