/*
 * Names: numbers in text, then what lwIP's resolver knows or asks for.
 */
#include "interface.h"

#include <lwip/dns.h>
#include <string.h>

#define NAME_LEN_MAX 255u

/* A question that is under way: lwIP may answer it after the asker gave up. */
struct question {
    struct waiter *waiter; /* NULL: free, or nobody waits any more */
    uint64_t call_id;      /* of the request that waits: waiters are used again */
    bool used;
};
static struct question questions[DNS_TABLE_SIZE];
static bool timers_run;

void resolve_timers(bool run)
{
    timers_run = run;
}

static void answer(struct message *message, const ip_addr_t *ip)
{
    address_write(&message->word[1], ip, 0);
}

static void on_found(const char *name, const ip_addr_t *ip, void *argument)
{
    struct question *question = argument;
    struct waiter *waiter = question->waiter;

    (void)name;
    question->used = false;
    if (!waiter->used || waiter->request.call_id != question->call_id)
        return;
    if (ip)
        answer(&waiter->request.message, ip);
    /* lwIP gives a question up out of its timers, and a name that isn't there when the answer says so. */
    waiter_answer(waiter, ip ? 0 : timers_run ? -ANOLE_ETIMEDOUT : -ANOLE_ENOENT);
}

static struct question *question_free(void)
{
    for (unsigned i = 0; i < DNS_TABLE_SIZE; i++)
        if (!questions[i].used)
            return &questions[i];
    return NULL;
}

static uint8_t addresses_wanted(uint64_t family)
{
    return family == SOCK_INET    ? LWIP_DNS_ADDRTYPE_IPV4
           : family == SOCK_INET6 ? LWIP_DNS_ADDRTYPE_IPV6
                                  : LWIP_DNS_ADDRTYPE_IPV4_IPV6;
}

static int ask(const char *name, uint64_t family, endpoint_t process, struct ipc_delivery *request)
{
    struct message *message = &request->message;
    struct question *question = question_free();
    ip_addr_t ip;

    if (!question)
        return -ANOLE_EBUSY;
    err_t error = dns_gethostbyname_addrtype(name, &ip, on_found, question,
                                             addresses_wanted(family));
    if (error == ERR_OK) {
        answer(message, &ip);
        return 0;
    }
    if (error == ERR_VAL)
        return -ANOLE_ENETUNREACH; /* no name server is known */
    if (error != ERR_INPROGRESS)
        return error_of(error);
    struct waiter *waiter = NULL;
    if (message->word[6] != 0)
        waiter = waiter_alone(process, request, message->word[6]);
    /* lwIP asks anyway: the answer is in its table for the next one who wants it. */
    *question = (struct question){.waiter = waiter, .call_id = request->call_id, .used = true};
    if (waiter)
        return SERVICE_NO_REPLY;
    static struct waiter nobody;
    question->waiter = &nobody;
    return message->word[6] == 0 ? -ANOLE_EAGAIN : -ANOLE_ENOMEM;
}

int request_resolve(struct ipc_delivery *request)
{
    struct message *message = &request->message;
    uint64_t len = message->word[3], family = message->word[4];
    char name[NAME_LEN_MAX + 1] = "";
    endpoint_t process;
    unsigned service_id;
    int error = kcall_endpoint_info(message->endpoint, &process, &service_id);

    if (error)
        return error;
    if (len == 0 || len > NAME_LEN_MAX ||
        (family != 0 && family != SOCK_INET && family != SOCK_INET6))
        return -ANOLE_EINVAL;
    error = kcall_copy(message->endpoint, message->word[1], message->word[2], name, len,
                       COPY_FROM_GRANT);
    if (error)
        return error;
    if (strlen(name) != len)
        return -ANOLE_EINVAL;
    name_servers_apply();
    return ask(name, family, process, request);
}
