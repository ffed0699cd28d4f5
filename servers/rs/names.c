/*
 * Names: who publishes what, and who wants to know. A name belongs to the service that published it
 * first, over all its deaths; while the service is down the name leads nowhere.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <string.h>

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

static struct rs_name *find(const char *name)
{
    for (unsigned i = 0; i < rs.name_count; i++) {
        if (strncmp(rs.names[i].name, name, RS_NAME_LEN) == 0) {
            return &rs.names[i];
        }
    }
    return NULL;
}

int names_reserve(struct rs_service *service, const char *name)
{
    struct rs_name *entry = find(name);
    unsigned owned = 0;
    if (entry) {
        return entry->owner == service ? 0 : -ANOLE_EEXIST;
    }
    for (unsigned i = 0; i < rs.name_count; i++) {
        owned += rs.names[i].owner == service ? 1u : 0u;
    }
    if (rs.name_count == RS_NAMES || owned == RS_NAMES_PER_SERVICE) {
        return -ANOLE_ENOSPC;
    }
    entry = &rs.names[rs.name_count++];
    *entry = (struct rs_name){.owner = service, .endpoint = ENDPOINT_NONE};
    memcpy(entry->name, name, strnlen(name, RS_NAME_LEN - 1));
    return 0;
}

/* Rings everybody who waits for the name; whose doorbell is gone is gone himself. */
static void ring(const char *name)
{
    for (unsigned i = 0; i < rs.subscription_count; i++) {
        struct rs_subscription *subscription = &rs.subscriptions[i];
        if (subscription->thread != ENDPOINT_NONE && strcmp(subscription->name, name) == 0 &&
            ipc_notify(subscription->thread, subscription->doorbell) != 0) {
            subscription->thread = ENDPOINT_NONE;
        }
    }
}

int names_publish(struct rs_service *service, const char *name, endpoint_t endpoint)
{
    int error = names_reserve(service, name);
    if (error) {
        return error;
    }
    struct rs_name *entry = find(name);
    if (entry->endpoint == endpoint) {
        return 0; /* nobody learns anything new by that */
    }
    entry->endpoint = endpoint;
    log_published(service, entry->name, endpoint);
    ring(entry->name);
    return 0;
}

void names_withdraw(const struct rs_service *service)
{
    for (unsigned i = 0; i < rs.name_count; i++) {
        if (rs.names[i].owner == service) {
            rs.names[i].endpoint = ENDPOINT_NONE;
        }
    }
}

bool names_owed(const struct rs_service *service)
{
    for (unsigned i = 0; i < rs.name_count; i++) {
        if (rs.names[i].owner == service && rs.names[i].endpoint == ENDPOINT_NONE) {
            return true;
        }
    }
    return false;
}

void names_ring_all(const struct rs_service *service)
{
    for (unsigned i = 0; i < rs.name_count; i++) {
        if (rs.names[i].owner == service) {
            ring(rs.names[i].name);
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
    case RS_STATE_STOPPED: /* all programs ended with pm: there is none left that could start it */
        return service_makes_programs(service) ? -ANOLE_EGIVENUP : -ANOLE_EAGAIN;
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
    const struct rs_name *entry = find(name);
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

static struct rs_subscription *subscription_find(const char *name, endpoint_t thread)
{
    for (unsigned i = 0; i < rs.subscription_count; i++) {
        struct rs_subscription *subscription = &rs.subscriptions[i];
        if (subscription->thread == thread && strcmp(subscription->name, name) == 0) {
            return subscription;
        }
    }
    return NULL;
}

/* Frees the entries of threads that are no more. */
static void sweep(void)
{
    for (unsigned i = 0; i < rs.subscription_count; i++) {
        struct rs_subscription *subscription = &rs.subscriptions[i];
        if (subscription->thread != ENDPOINT_NONE && !endpoint_is_alive(subscription->thread)) {
            subscription->thread = ENDPOINT_NONE;
        }
    }
}

static struct rs_subscription *subscription_free(void)
{
    for (unsigned i = 0; i < rs.subscription_count; i++) {
        if (rs.subscriptions[i].thread == ENDPOINT_NONE) {
            return &rs.subscriptions[i];
        }
    }
    if (rs.subscription_count == RS_SUBSCRIPTIONS) {
        return NULL;
    }
    struct rs_subscription *subscription = &rs.subscriptions[rs.subscription_count++];
    subscription->thread = ENDPOINT_NONE;
    return subscription;
}

static unsigned subscriptions_of(endpoint_t process)
{
    unsigned count = 0;
    for (unsigned i = 0; i < rs.subscription_count; i++) {
        const struct rs_subscription *subscription = &rs.subscriptions[i];
        count += subscription->thread != ENDPOINT_NONE && subscription->process == process ? 1u
                                                                                           : 0u;
    }
    return count;
}

/* The dead are swept out when somebody's share, or the table, is full of them. */
static struct rs_subscription *subscription_add(endpoint_t process)
{
    if (subscriptions_of(process) >= RS_SUBSCRIPTIONS_EACH) {
        sweep();
        if (subscriptions_of(process) >= RS_SUBSCRIPTIONS_EACH) {
            return NULL;
        }
    }
    struct rs_subscription *subscription = subscription_free();
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
    struct rs_subscription *subscription = subscription_find(name, message->endpoint);
    if (!subscription) {
        subscription = subscription_add(caller->process);
    }
    if (!subscription) {
        return -ANOLE_ENOSPC;
    }
    memcpy(subscription->name, name, RS_NAME_LEN);
    subscription->thread = message->endpoint;
    subscription->process = caller->process;
    subscription->doorbell = message->word[2];
    return 0;
}

/* w0-1 name. */
int request_unsubscribe(struct message *message, const struct rs_caller *caller)
{
    char name[RS_NAME_LEN];
    (void)caller;
    if (!name_unpack(name, message->word)) {
        return -ANOLE_EINVAL;
    }
    struct rs_subscription *subscription = subscription_find(name, message->endpoint);
    if (!subscription) {
        return -ANOLE_ENOENT;
    }
    subscription->thread = ENDPOINT_NONE;
    return 0;
}
