/*
 * The file server for what is in memory: "mem" (files that end with this server), and views of what
 * others have: "boot", "dev", "proc". It publishes "memfs"; vfs finds it by the types that it serves.
 *
 * When it dies, mem's files are gone: the directories that mounts need come back empty, open files of
 * "mem" get ESTALE.
 *
 * Argument: how many MiB the files of "mem" may have.
 */
#include "disk.h"
#include "mem.h"
#include "tree.h"

#include <libanole/anole.h>
#include <libanole/service.h>
#include <libcoro/coro.h>
#include <stdlib.h>

#define BIT_FS 0u /* and the next */
#define BIT_DISKS 2u

static _Alignas(8) char kept[FS_KEPT_LEN];

static const struct fs_ops *const types[] = {&mem_ops, &boot_ops, &dev_ops, &proc_ops, NULL};

static void notified(uint64_t bits)
{
    disks_notified(bits);
    fs_server_notified(bits);
}

/* What disks answer lets requests go on, which ask for more. */
static void before_wait(void)
{
    do {
        fs_server_step();
        disks_step();
    } while (coro_run());
}

/* To look again is all that deadlines ask for. */
static void timeout(void)
{
}

/* What it answers is libfs's. */
static const struct service service = {
    .name = "memfs",
    .notified = notified,
    .before_wait = before_wait,
    .deadline = disks_deadline,
    .timeout = timeout,
};

int main(int argc, char *argv[])
{
    struct fs_server server = {
        .types = types, .kept = kept, .kept_len = sizeof(kept), .first_bit = BIT_FS};

    if (argc > 1)
        pages_limit(strtoul(argv[1], NULL, 10) << 20);
    disks_init(BIT_DISKS);
    int error = fs_server_init(&server);
    if (error)
        panic("can't serve files: %s", anole_error_text(error));
    service_ready();
    service_run(&service);
}
