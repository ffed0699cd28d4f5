/* The raw block protocol, by messages: see buffertest.h. */
#include "buffertest.h"

#include <string.h>

#define SERVICES_MAX 64u
#define STALE_NAME_US 1000u

static int call(const struct disk *disk, uint32_t type, struct message *message)
{
    return anole_call(disk->driver, type, message, deadline_in_us(CALL_US));
}

int disk_open(struct disk *disk, const char *name, endpoint_t dead, uint32_t flags)
{
    uint64_t deadline = deadline_in_us(SETTLE_US);
    *disk = (struct disk){.name = name, .driver = dead};
    while (disk->driver == dead) {
        int status = name_wait(name, &disk->driver, BIT_NAME, deadline);
        if (status != 0)
            return status;
        if (disk->driver == dead)
            sleep_us(STALE_NAME_US); /* RS hasn't heard of the death yet */
        if (ticks_now() >= deadline)
            return -ANOLE_ETIMEDOUT;
    }
    struct message message = {.word = {BLK_ID(++disk->last_id, flags), 0}};
    int status = call(disk, BLK_OPEN, &message);
    disk->session = message.word[1];
    return status;
}

int disk_close(struct disk *disk)
{
    struct message message = {.word = {BLK_ID(++disk->last_id, 0), disk->session}};
    return call(disk, BLK_CLOSE, &message);
}

int disk_request(struct disk *disk, uint32_t type, uint64_t sector, handle_t grant, size_t len,
                 uint64_t within_us, bool *taken)
{
    struct message message = {
        .word = {BLK_ID(++disk->last_id, 0), disk->session, sector, grant, 0, len}};
    int status = anole_call(disk->driver, type, &message, deadline_in_us(within_us));
    if (taken)
        *taken = status == -ANOLE_ETIMEDOUT && message.word[0] == 1;
    return status;
}

int disk_flush(struct disk *disk)
{
    struct message message = {.word = {BLK_ID(++disk->last_id, 0), disk->session}};
    return call(disk, BLK_FLUSH, &message);
}

int disk_move(struct disk *disk, uint32_t type, uint64_t sector, void *memory)
{
    handle_t grant;
    int status = kcall_grant(disk->driver, memory, BUFFER_BYTES,
                             type == BLK_READ ? GRANT_WRITE : GRANT_READ, &grant);
    if (status != 0)
        return status;
    status = disk_request(disk, type, sector, grant, BUFFER_BYTES, CALL_US, NULL);
    int revoked = kcall_revoke(grant, -1);
    return status != 0 ? status : revoked;
}

int disk_complain(const struct disk *disk)
{
    struct message message = {.word = {disk->driver, RS_COMPLAINT_TIMEOUT}};
    return anole_call(startup_page()->rs, RS_COMPLAIN, &message, deadline_in_us(CALL_US));
}

int disk_service(const struct disk *disk, char service[RS_NAME_LEN])
{
    static struct rs_service_info services[SERVICES_MAX];
    endpoint_t rs = startup_page()->rs;
    handle_t grant;
    int status = kcall_grant(rs, services, sizeof services, GRANT_WRITE, &grant);
    if (status != 0)
        return status;
    struct message message = {.word = {grant, sizeof services}};
    status = anole_call(rs, RS_LIST, &message, deadline_in_us(CALL_US));
    int revoked = kcall_revoke(grant, -1);
    if (status != 0 || revoked != 0)
        return status != 0 ? status : revoked;
    for (unsigned i = 0; i < message.word[1] && i < SERVICES_MAX; i++) {
        if (services[i].endpoint == disk->driver) {
            memcpy(service, services[i].name, RS_NAME_LEN);
            service[RS_NAME_LEN - 1] = '\0';
            return 0;
        }
    }
    return -ANOLE_ENOENT;
}

int order(enum rs_request request, const char *service, uint32_t what)
{
    struct message message = {.word = {0, 0, what}};
    rs_name_pack(message.word, service);
    return anole_call(startup_page()->rs, request, &message, deadline_in_us(CALL_US));
}
