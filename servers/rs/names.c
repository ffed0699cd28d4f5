/*
 * Names: who publishes what, and who wants to know. A name belongs to the service that published it
 * first, over all its deaths; while the service is down the name leads nowhere.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <string.h>

#define NAMES 128
#define NAMES_PER_SERVICE 16
#define SUBSCRIPTIONS 256
#define SUBSCRIPTIONS_PER_PROCESS 32

struct name {
    char name[RS_NAME_LEN];
    struct rs_service *owner; /* NULL: a free entry */
    endpoint_t endpoint;      /* ENDPOINT_NONE: not up */
};

struct subscription {
    char name[RS_NAME_LEN];
    endpoint_t process; /* ENDPOINT_NONE: a free entry */
    handle_t doorbell;
};

static struct name names[NAMES];
static unsigned name_count; /* names are never given back */
static struct subscription subscriptions[SUBSCRIPTIONS];
static unsigned subscription_count; /* entries in use or free below this */

bool name_unpack(char name[RS_NAME_LEN], const uint64_t words[2])
{
    rs_name_unpack(name, words);
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++) {
        if (name[i] <= ' ' || name[i] > '~') {
            return false;
        }
    }
    return len > 0;
}

static struct name *find(const char *name)
{
    for (unsigned i = 0; i < name_count; i++) {
        if (strncmp(names[i].name, name, RS_NAME_LEN) == 0) {
            return &names[i];
        }
    }
    return NULL;
}

int names_reserve(struct rs_service *service, const char *name)
{
    struct name *entry = find(name);
    unsigned owned = 0;
    if (entry) {
        return entry->owner == service ? 0 : -ANOLE_EEXIST;
    }
    for (unsigned i = 0; i < name_count; i++) {
        owned += names[i].owner == service ? 1u : 0u;
    }
    if (name_count == NAMES || owned == NAMES_PER_SERVICE) {
        return -ANOLE_ENOSPC;
    }
    entry = &names[name_count++];
    *entry = (struct name){.owner = service, .endpoint = ENDPOINT_NONE};
    memcpy(entry->name, name, strnlen(name, RS_NAME_LEN - 1));
    return 0;
}

/* Rings everybody who waits for the name; whose doorbell is gone is gone himself. */
static void ring(const char *name)
{
    for (unsigned i = 0; i < subscription_count; i++) {
        struct subscription *subscription = &subscriptions[i];
        if (subscription->process != ENDPOINT_NONE && strcmp(subscription->name, name) == 0 &&
            ipc_notify(subscription->process, subscription->doorbell) != 0) {
            subscription->process = ENDPOINT_NONE;
        }
    }
}

int names_publish(struct rs_service *service, const char *name, endpoint_t endpoint)
{
    int error = names_reserve(service, name);
    if (error) {
        return error;
    }
    struct name *entry = find(name);
    entry->endpoint = endpoint;
    log_published(service, entry->name, endpoint);
    ring(entry->name);
    return 0;
}

void names_withdraw(const struct rs_service *service)
{
    for (unsigned i = 0; i < name_count; i++) {
        if (names[i].owner == service) {
            names[i].endpoint = ENDPOINT_NONE;
        }
    }
}

void names_ring_all(const struct rs_service *service)
{
    for (unsigned i = 0; i < name_count; i++) {
        if (names[i].owner == service) {
            ring(names[i].name);
        }
    }
}

static bool may_publish(const struct rs_service *service, const char *name)
{
    const char *prefix = NULL;
    while ((prefix = config_strings_next(&service->config->publishes, prefix))) {
        if (strncmp(name, prefix, strlen(prefix)) == 0) {
            return true;
        }
    }
    return false;
}

/* w0-1 name. */
int request_publish(struct message *message, const struct rs_caller *caller)
{
    char name[RS_NAME_LEN];
    if (!name_unpack(name, message->word)) {
        return -ANOLE_EINVAL;
    }
    if (!may_publish(caller->service, name)) {
        return -ANOLE_EPERM;
    }
    if (!service_is_live(caller->service)) {
        return -ANOLE_EINVAL;
    }
    return names_publish(caller->service, name, message->endpoint);
}

/* Why a name that exists leads nowhere. */
static int why_down(const struct rs_service *service)
{
    switch (service->state) {
    case RS_STATE_FAILED:
    case RS_STATE_DEVICE_FAILED:
        return -ANOLE_EGIVENUP;
    case RS_STATE_WAITING_DEVICE:
        return rs.devices_done ? -ANOLE_ENOENT : -ANOLE_EAGAIN;
    default:
        return -ANOLE_EAGAIN;
    }
}

/* w0-1 name -> w0 endpoint, w1 generation. */
int request_lookup(struct message *message, const struct rs_caller *caller)
{
    char name[RS_NAME_LEN];
    (void)caller;
    if (!name_unpack(name, message->word)) {
        return -ANOLE_EINVAL;
    }
    const struct name *entry = find(name);
    if (!entry) {
        return -ANOLE_ENOENT;
    }
    if (entry->endpoint == ENDPOINT_NONE) {
        return why_down(entry->owner);
    }
    message->word[0] = entry->endpoint;
    message->word[1] = entry->owner->starts;
    return 0;
}

/* ---- subscriptions ---- */

static struct subscription *subscription_find(const char *name, endpoint_t process)
{
    for (unsigned i = 0; i < subscription_count; i++) {
        if (subscriptions[i].process == process && strcmp(subscriptions[i].name, name) == 0) {
            return &subscriptions[i];
        }
    }
    return NULL;
}

/* Frees the entries of processes that are no more. */
static void sweep(void)
{
    endpoint_t process;
    unsigned id;
    for (unsigned i = 0; i < subscription_count; i++) {
        if (subscriptions[i].process != ENDPOINT_NONE &&
            kcall_endpoint_info(subscriptions[i].process, &process, &id) != 0) {
            subscriptions[i].process = ENDPOINT_NONE;
        }
    }
}

static struct subscription *subscription_free(void)
{
    for (unsigned i = 0; i < subscription_count; i++) {
        if (subscriptions[i].process == ENDPOINT_NONE) {
            return &subscriptions[i];
        }
    }
    return subscription_count < SUBSCRIPTIONS ? &subscriptions[subscription_count++] : NULL;
}

static struct subscription *subscription_add(endpoint_t process)
{
    unsigned owned = 0;
    for (unsigned i = 0; i < subscription_count; i++) {
        owned += subscriptions[i].process == process ? 1u : 0u;
    }
    if (owned >= SUBSCRIPTIONS_PER_PROCESS) {
        return NULL;
    }
    struct subscription *subscription = subscription_free();
    if (!subscription) {
        sweep();
        subscription = subscription_free();
    }
    return subscription;
}

/* w0-1 name, w2 doorbell. */
int request_subscribe(struct message *message, const struct rs_caller *caller)
{
    char name[RS_NAME_LEN];
    if (!name_unpack(name, message->word) || message->word[2] == HANDLE_NONE) {
        return -ANOLE_EINVAL;
    }
    struct subscription *subscription = subscription_find(name, caller->process);
    if (!subscription) {
        subscription = subscription_add(caller->process);
    }
    if (!subscription) {
        return -ANOLE_ENOSPC;
    }
    memcpy(subscription->name, name, RS_NAME_LEN);
    subscription->process = caller->process;
    subscription->doorbell = message->word[2];
    return 0;
}

/* w0-1 name. */
int request_unsubscribe(struct message *message, const struct rs_caller *caller)
{
    char name[RS_NAME_LEN];
    if (!name_unpack(name, message->word)) {
        return -ANOLE_EINVAL;
    }
    struct subscription *subscription = subscription_find(name, caller->process);
    if (!subscription) {
        return -ANOLE_ENOENT;
    }
    subscription->process = ENDPOINT_NONE;
    return 0;
}
