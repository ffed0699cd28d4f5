/*
 * What a disk's driver counts.
 */
#include "bench.h"

#include <libanole/anole.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRIVER_TIMEOUT_US 5000000ul
#define NAME_ROOM 16

static int ask(const char *disk, struct blk_stats *stats)
{
    struct message message = {0};
    endpoint_t driver;
    handle_t grant;
    int status = name_lookup(disk, &driver);

    if (status == 0)
        status = kcall_grant(driver, stats, sizeof(*stats), GRANT_WRITE, &grant);
    if (status != 0)
        return status;
    message.word[2] = grant;
    status = anole_call(driver, BLK_STATS, &message, deadline_in_us(DRIVER_TIMEOUT_US));
    int revoked = kcall_revoke(grant, -1);
    return status != 0 ? status : revoked;
}

void bench_disk_stats(const char *name, struct blk_stats *stats)
{
    char disk[NAME_ROOM] = {0};

    strncpy(disk, name, sizeof(disk) - 1);
    for (size_t len = strlen(disk); len > 0 && disk[len - 1] >= '0' && disk[len - 1] <= '9'; len--)
        disk[len - 1] = '\0';
    int status = ask(disk, stats);
    if (status == 0)
        return;
    fprintf(stderr, "the counts of %s's driver: %s\n", disk, anole_error_text(status));
    exit(EXIT_FAILURE);
}
