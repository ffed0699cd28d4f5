/*
 * The calls to the reincarnation server. Answers that don't fit into a message are written by RS
 * through a grant of the caller's memory, which is taken back before anybody looks at it.
 */
#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdlib.h>
#include <unistd.h>

/* RS answers everything at once; if it doesn't, something is very wrong with it. */
#define RS_TIMEOUT_US 5000000ul
#define VFS_WAIT_US 1000000ul /* for one that is just coming back */

static int call_rs(uint32_t type, struct message *message)
{
    return anole_call(startup_page()->rs, type, message, deadline_in_us(RS_TIMEOUT_US));
}

/*
 * Makes a request whose words 0 and 1 are a grant of buffer and its length. After that only the
 * words of the reply count, and buffer is this process's own again.
 */
static int call_rs_with_buffer(uint32_t type, struct message *message, void *buffer, size_t len)
{
    handle_t grant;
    int status = kcall_grant(startup_page()->rs, buffer, len, GRANT_WRITE, &grant);

    if (status != 0)
        return status;
    message->word[0] = grant;
    message->word[1] = len;
    status = call_rs(type, message);

    int revoked = kcall_revoke(grant, -1);
    return status != 0 ? status : revoked;
}

int rs_list(struct rs_service_info **services, unsigned *count)
{
    unsigned room = 32;

    *services = NULL;
    *count = 0;
    for (;;) {
        struct rs_service_info *list = calloc(room, sizeof(*list));
        struct message message = {0};

        if (list == NULL)
            return -ANOLE_ENOMEM;
        int status = call_rs_with_buffer(RS_LIST, &message, list, (size_t)room * sizeof(*list));
        if (status == 0 && message.word[1] <= message.word[0] && message.word[1] <= room &&
            message.word[0] <= SERVICE_IDS * 4) {
            if (message.word[0] == message.word[1]) {
                *services = list;
                *count = (unsigned)message.word[1];
                return 0;
            }
            room = (unsigned)message.word[0] + 4;
            free(list);
            continue;
        }
        free(list);
        return status != 0 ? status : -ANOLE_EPROTO;
    }
}

int rs_find(const char *name, struct rs_service_info *info)
{
    struct rs_service_info *services;
    unsigned count;
    int status = rs_list(&services, &count);

    if (status != 0)
        return status;
    status = -ANOLE_ENOENT;
    for (unsigned i = 0; i < count; i++) {
        if (strncmp(services[i].name, name, RS_NAME_LEN) == 0) {
            *info = services[i];
            status = 0;
            break;
        }
    }
    free(services);
    return status;
}

int rs_control(const char *name, enum rs_order order)
{
    struct message message = {0};

    rs_name_pack(message.word, name);
    message.word[2] = order;
    return call_rs(RS_CONTROL, &message);
}

int rs_inject(const char *name, enum fault_kind kind, unsigned count)
{
    struct message message = {0};

    rs_name_pack(message.word, name);
    message.word[2] = kind;
    message.word[3] = count;
    return call_rs(RS_INJECT, &message);
}

int rs_log_read(uint64_t first, struct rs_log_entry *entries, unsigned max, uint64_t *next,
                unsigned *count)
{
    struct message message = {.word = {0, 0, first}};
    int status = call_rs_with_buffer(RS_LOG, &message, entries, (size_t)max * sizeof(*entries));

    if (status != 0)
        return status;
    if (message.word[1] > max)
        return -ANOLE_EPROTO;
    *next = message.word[0];
    *count = (unsigned)message.word[1];
    return 0;
}

int rs_log_end(uint64_t *next)
{
    struct rs_log_entry none;
    unsigned count;

    return rs_log_read(UINT64_MAX, &none, 1, next, &count);
}

/* A request with a name in words 0 and 1 whose answer goes to a buffer, granted in word 2. */
static int call_rs_about(uint32_t type, const char *name, struct message *message, void *buffer,
                         size_t len)
{
    handle_t grant;
    int status = kcall_grant(startup_page()->rs, buffer, len, GRANT_WRITE, &grant);

    if (status != 0)
        return status;
    rs_name_pack(message->word, name);
    message->word[2] = grant;
    status = call_rs(type, message);

    int revoked = kcall_revoke(grant, -1);
    return status != 0 ? status : revoked;
}

int rs_record(const char *name, unsigned index, struct rs_death *death, unsigned *kept)
{
    struct message message = {.word = {0, 0, 0, index}};
    int status = call_rs_about(RS_RECORD, name, &message, death, sizeof(*death));

    *kept = status == 0 ? (unsigned)message.word[0] : 0;
    return status;
}

int rs_status(const char *name, struct rs_status *status)
{
    struct message message = {0};

    return call_rs_about(RS_STATUS, name, &message, status, sizeof(*status));
}

int rs_complain(endpoint_t endpoint, enum rs_complaint complaint)
{
    struct message message = {.word = {endpoint, complaint}};

    return call_rs(RS_COMPLAIN, &message);
}

int rs_served(endpoint_t endpoint)
{
    struct message message = {.word = {endpoint}};

    return call_rs(RS_SERVED, &message);
}

int rs_shutdown(uint32_t how, unsigned status)
{
    struct message message = {.word = {how, status}};
    endpoint_t vfs;

    /* Services are stopped one by one, and a file server's disk may be gone before it. */
    if (name_wait("vfs", &vfs, ANOLE_NOTIFY_BIT, deadline_in_us(VFS_WAIT_US)) == 0)
        sync();
    return call_rs(RS_SHUTDOWN, &message);
}
