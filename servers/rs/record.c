/*
 * What remains of services' last deaths: the kernel's record, and the last messages that the service
 * took, read from the ring that libanole keeps in its memory. The corpse may hold anything there.
 *
 * Records are kept in a bounded pool: the last few of each service, and under pressure a service that
 * dies all the time never drives out another one's only record.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <libanole/recent.h>
#include <string.h>

#define RECORDS RS_SERVICES

static_assert(RS_DEATH_MESSAGES == RECENT_MESSAGES &&
                  sizeof(struct rs_death_message) == sizeof(struct recent_message),
              "the protocol hands libanole's ring on");

static struct kept {
    const struct rs_service *service; /* NULL: free */
    uint64_t rank;                    /* the greater, the younger */
    struct rs_death death;
} kept[RECORDS];

static uint64_t next_rank = 1;

static unsigned kept_count(const struct rs_service *service)
{
    unsigned count = 0;
    for (unsigned i = 0; i < RECORDS; i++) {
        count += kept[i].service == service ? 1u : 0u;
    }
    return count;
}

/* The oldest record of the service, or (NULL) of all services that have more than one. */
static struct kept *oldest(const struct rs_service *service)
{
    struct kept *found = NULL;
    for (unsigned i = 0; i < RECORDS; i++) {
        struct kept *candidate = &kept[i];
        bool may_go = service ? candidate->service == service : kept_count(candidate->service) > 1;
        if (may_go && (!found || candidate->rank < found->rank)) {
            found = candidate;
        }
    }
    return found;
}

/* Where the next record goes. There are as many places as services: when all are taken and this
 * service has none, some other has two. */
static struct kept *place_for(const struct rs_service *service)
{
    if (kept_count(service) >= RS_RECORDS_PER_SERVICE) {
        return oldest(service);
    }
    for (unsigned i = 0; i < RECORDS; i++) {
        if (!kept[i].service) {
            return &kept[i];
        }
    }
    struct kept *place = oldest(NULL);
    return place ? place : oldest(service);
}

static int corpse_read(endpoint_t corpse, uint64_t address, void *local, size_t len)
{
    struct message message = {.word = {corpse, address, (uintptr_t)local, len}};
    return kcall(KCALL_PROCESS_READ, &message);
}

static unsigned messages_read(const struct rs_service *service, endpoint_t corpse,
                              struct rs_death_message *out)
{
    static struct recent_ring ring;
    static struct recent_message messages[RECENT_MESSAGES];
    const struct boot_entry *program = load_find_program(&rs.image, service->program);
    uint64_t address;
    if (!program || program->inject == 0 ||
        corpse_read(corpse, program->inject + RECENT_POINTER_OFFSET, &address, sizeof(address)) ||
        corpse_read(corpse, address, &ring, sizeof(ring))) {
        return 0;
    }
    unsigned count = recent_read(&ring, messages);
    memcpy(out, messages, count * sizeof(*out));
    return count;
}

const struct death_record *record_take(const struct rs_service *service, endpoint_t corpse)
{
    struct kept *place = place_for(service);
    struct rs_death *death = &place->death;
    uint32_t number = service->detected ? service->deaths : service->deaths + 1;
    place->service = service;
    place->rank = next_rank++;
    *death = (struct rs_death){.endpoint = corpse, .number = number};
    memcpy(death->program, service->program, strnlen(service->program, RS_NAME_LEN - 1));
    struct message message = {.word = {corpse, (uintptr_t)&death->record}};
    if (kcall(KCALL_DEATH_RECORD, &message)) {
        death->record = (struct death_record){.time_ticks = ticks_now()};
    }
    death->message_count = messages_read(service, corpse, death->message);
    return &death->record;
}

/* The record that `younger` others of the service are younger than, or NULL. */
static struct kept *find(const struct rs_service *service, uint64_t younger)
{
    uint64_t below = UINT64_MAX;
    for (;; younger--) {
        struct kept *youngest = NULL;
        for (unsigned i = 0; i < RECORDS; i++) {
            if (kept[i].service == service && kept[i].rank < below &&
                (!youngest || kept[i].rank > youngest->rank)) {
                youngest = &kept[i];
            }
        }
        if (!youngest || younger == 0) {
            return youngest;
        }
        below = youngest->rank;
    }
}

/* w0-1 name, w2 grant, w3 which one: 0 is the last -> w0 how many are kept. */
int request_record(struct message *message, const struct rs_caller *caller)
{
    char name[RS_NAME_LEN];
    (void)caller;
    if (!name_unpack(name, message->word)) {
        return -ANOLE_EINVAL;
    }
    const struct rs_service *service = service_find(name);
    if (!service || message->word[3] >= RS_RECORDS_PER_SERVICE) {
        return -ANOLE_ENOENT;
    }
    struct kept *record = find(service, message->word[3]);
    if (!record) {
        return -ANOLE_ENOENT;
    }
    message->word[0] = kept_count(service);
    return kcall_copy(message->endpoint, message->word[2], 0, &record->death, sizeof(record->death),
                      COPY_TO_GRANT);
}
