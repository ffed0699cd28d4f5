/*
 * getaddrinfo(): services are numbers; names are asked for at the network server, which knows numbers
 * in text, too.
 */
#include "internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* An entry and the address that it points to, in one piece. */
struct entry {
    struct addrinfo info;
    struct sockaddr_in6 address; /* the larger kind */
};

static int entry_add(struct addrinfo ***tail, const struct sock_address *address, int type,
                     int protocol)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    uint64_t words[3];

    if (!entry)
        return EAI_MEMORY;
    memcpy(words, address, sizeof(words));
    entry->info = (struct addrinfo){
        .ai_family = address->family == SOCK_INET6 ? AF_INET6 : AF_INET,
        .ai_socktype = type,
        .ai_protocol = protocol,
        .ai_addrlen = sizeof(entry->address),
        .ai_addr = (struct sockaddr *)&entry->address,
    };
    address_out(words, entry->info.ai_addr, &entry->info.ai_addrlen);
    **tail = &entry->info;
    *tail = &entry->info.ai_next;
    return 0;
}

static int service_of(const char *service, uint16_t *port)
{
    unsigned long number = 0;
    char *end;

    *port = 0;
    if (!service)
        return 0;
    number = strtoul(service, &end, 10);
    if (*service < '0' || *service > '9' || *end != '\0' || number > UINT16_MAX)
        return EAI_SERVICE;
    *port = (uint16_t)number;
    return 0;
}

/* Without a name: any address to bind to, or this machine itself. */
static void own_address(int family, bool passive, struct sock_address *address)
{
    const struct in6_addr *v6 = passive ? &in6addr_any : &in6addr_loopback;
    in_addr_t v4 = htonl(passive ? INADDR_ANY : INADDR_LOOPBACK);

    if (family == AF_INET6) {
        address->family = SOCK_INET6;
        memcpy(address->ip, v6, sizeof(*v6));
    } else {
        address->family = SOCK_INET;
        memcpy(address->ip, &v4, sizeof(v4));
    }
}

static bool number_in_text(const char *name, int family, struct sock_address *address)
{
    if (family != AF_INET6 && inet_pton(AF_INET, name, address->ip) == 1) {
        address->family = SOCK_INET;
        return true;
    }
    if (family != AF_INET && inet_pton(AF_INET6, name, address->ip) == 1) {
        address->family = SOCK_INET6;
        return true;
    }
    return false;
}

static int ask(const char *name, int family, struct sock_address *address)
{
    struct message message = {.word = {[3] = strlen(name), [6] = DEADLINE_NEVER}};
    endpoint_t inet;
    int status = inet_endpoint(&inet);

    message.word[4] = family == AF_INET ? SOCK_INET : family == AF_INET6 ? SOCK_INET6 : 0;
    if (status == 0)
        status = kcall_grant(inet, name, message.word[3], GRANT_READ, &message.word[1]);
    if (status != 0)
        return EAI_SYSTEM;
    handle_t grant = message.word[1];
    status = anole_call(inet, SOCK_RESOLVE, &message, DEADLINE_NEVER);
    if (kcall_revoke(grant, -1) != 0)
        panic("inet pins a name");
    if (status == 0)
        memcpy(address, &message.word[1], sizeof(*address));
    return status == 0                  ? 0
           : status == -ANOLE_ENOENT    ? EAI_NONAME
           : status == -ANOLE_EINVAL    ? EAI_NONAME
           : status == -ANOLE_EBUSY     ? EAI_AGAIN
           : status == -ANOLE_ETIMEDOUT ? EAI_AGAIN
                                        : EAI_FAIL;
}

static int find(const char *name, int flags, int family, struct sock_address *address)
{
    if (!name) {
        own_address(family, (flags & AI_PASSIVE) != 0, address);
        return 0;
    }
    if (*name == '\0')
        return EAI_NONAME;
    if (number_in_text(name, family, address))
        return 0;
    return flags & AI_NUMERICHOST ? EAI_NONAME : ask(name, family, address);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
    static const struct addrinfo none;
    struct addrinfo **tail = list;
    struct sock_address address = {0};
    int error;

    *list = NULL;
    hints = hints ? hints : &none;
    if (hints->ai_flags & ~(AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV))
        return EAI_BADFLAGS;
    if (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET &&
        hints->ai_family != AF_INET6)
        return EAI_FAMILY;
    if (hints->ai_socktype != 0 && hints->ai_socktype != SOCK_STREAM &&
        hints->ai_socktype != SOCK_DGRAM)
        return EAI_SOCKTYPE;
    if (!name && !service)
        return EAI_NONAME;
    error = service_of(service, &address.port);
    if (error == 0)
        error = find(name, hints->ai_flags, hints->ai_family, &address);
    if (error == 0 && hints->ai_socktype != SOCK_DGRAM)
        error = entry_add(&tail, &address, SOCK_STREAM, IPPROTO_TCP);
    if (error == 0 && hints->ai_socktype != SOCK_STREAM)
        error = entry_add(&tail, &address, SOCK_DGRAM, IPPROTO_UDP);
    if (error != 0) {
        freeaddrinfo(*list);
        *list = NULL;
    }
    return error;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

const char *gai_strerror(int error)
{
    static const char *const texts[] = {
        [0] = "no error",
        [EAI_AGAIN] = "the name server doesn't answer now",
        [EAI_BADFLAGS] = "unknown flags",
        [EAI_FAIL] = "the name can't be looked up",
        [EAI_FAMILY] = "no such address family",
        [EAI_MEMORY] = "out of memory",
        [EAI_NONAME] = "no such host",
        [EAI_SERVICE] = "services are numbers from 0 to 65535",
        [EAI_SOCKTYPE] = "no such socket type",
        [EAI_SYSTEM] = "the network server doesn't answer",
    };

    return error >= 0 && (size_t)error < sizeof(texts) / sizeof(texts[0]) ? texts[error]
                                                                          : "unknown error";
}
