/*
 * Who serves the device under test, and ordering its death through RS.
 */
#include "blktest.h"

#include <string.h>

#define SERVICES_MAX 64u

int service_find(char name[RS_NAME_LEN])
{
    static struct rs_service_info services[SERVICES_MAX];
    endpoint_t rs = startup_page()->rs;
    endpoint_t now = ENDPOINT_NONE;
    handle_t grant;
    int status = kcall_grant(rs, services, sizeof services, GRANT_WRITE, &grant);
    if (status != 0)
        return status;
    struct message message = {.word = {grant, sizeof services}};
    status = anole_call(rs, RS_LIST, &message, deadline_in_us(PATIENCE_US));
    int revoked = kcall_revoke(grant, -1);
    if (status == 0)
        status = revoked;
    if (status == 0)
        status = name_lookup(options.driver_name, &now);
    if (status != 0)
        return status;
    for (unsigned i = 0; i < message.word[1] && i < SERVICES_MAX; i++) {
        if (services[i].endpoint == now) {
            memcpy(name, services[i].name, RS_NAME_LEN);
            name[RS_NAME_LEN - 1] = '\0';
            return 0;
        }
    }
    return -ANOLE_ENOENT;
}

static int order(uint32_t type, const char *service, uint64_t what)
{
    struct message message = {.word = {0, 0, what}};
    rs_name_pack(message.word, service);
    return anole_call(startup_page()->rs, type, &message, deadline_in_us(PATIENCE_US));
}

int service_kill(const char *service)
{
    return order(RS_CONTROL, service, RS_KILL);
}

int service_inject(const char *service, enum fault_kind kind)
{
    return order(RS_INJECT, service, kind);
}
