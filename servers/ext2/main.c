/*
 * The ext2 server: files on disks that mke2fs made. It publishes "ext2"; vfs and programs ask it by
 * libfs, it asks block drivers through their channels.
 *
 * All that must survive it is in its kept region: libfs's table of open files, then the mounts'
 * caches with their logs. When it dies, its next instance finds them there, and nobody but who
 * waits sees it.
 *
 * Its argument: how long changed blocks may stay in the cache before they are written, in
 * milliseconds.
 */
#include "ext2.h"

#include <libanole/anole.h>
#include <libanole/service.h>
#include <proto/rs.h>

#define BIT_FS 0u /* and the next */
#define BIT_PLACES 2u

#define AGE_MS 5000u

static const struct fs_ops *const types[] = {&ext2_ops, NULL};

static void notified(uint64_t bits)
{
    places_notified(bits);
    fs_server_notified(bits);
}

/* Requests change the caches, and what their disks answer lets requests go on. */
static void before_wait(void)
{
    do {
        fs_server_step();
        places_step();
    } while (coro_run());
}

/* To look again is all that deadlines ask for. */
static void timeout(void)
{
}

/* What it answers is libfs's. */
static const struct service service = {
    .name = "ext2",
    .notified = notified,
    .before_wait = before_wait,
    .deadline = places_deadline,
    .timeout = timeout,
};

static void *map_kept(size_t *len)
{
    struct message message = {0};
    void *memory = NULL;
    int error = anole_call(startup_page()->rs, RS_KEPT_REGION, &message, DEADLINE_NEVER);

    if (!error)
        error = kcall_region_map(startup_page()->rs, message.word[0], 0, message.word[1],
                                 PROT_READ_BIT | PROT_WRITE_BIT, &memory);
    if (!error && message.word[1] <= FS_KEPT_LEN)
        error = -ANOLE_ENOMEM;
    if (error)
        panic("can't have the kept region: %s", anole_error_text(error));
    *len = message.word[1];
    return memory;
}

int main(int argc, char *argv[])
{
    uint64_t age_ms = argc > 1 ? strtoul(argv[1], NULL, 10) : AGE_MS;
    size_t len;
    uint8_t *kept = map_kept(&len);
    struct fs_server server = {
        .types = types, .kept = kept, .kept_len = FS_KEPT_LEN, .first_bit = BIT_FS};
    int error;

    places_init(kept + FS_KEPT_LEN, len - FS_KEPT_LEN, BIT_PLACES, age_ms * 1000);
    error = fs_server_init(&server);
    if (error == -ANOLE_EPROTO)
        log_printf(LOG_ERROR, "what was kept of open files isn't valid: none is open");
    else if (error)
        panic("can't serve files: %s", anole_error_text(error));
    service_ready();
    service_run(&service);
}
