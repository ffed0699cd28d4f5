/*
 * What remains of a service's last death: the kernel's record, and the last messages that the service
 * took, read from the ring that libanole keeps in its memory. The corpse may hold anything there.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <libanole/recent.h>
#include <string.h>

static_assert(RS_DEATH_MESSAGES == RECENT_MESSAGES &&
                  sizeof(struct rs_death_message) == sizeof(struct recent_message),
              "the protocol hands libanole's ring on");

static struct rs_death deaths[RS_SERVICES]; /* number 0: none yet */

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
    struct rs_death *death = &deaths[service - rs.services];
    uint32_t number = service->detected ? service->deaths : service->deaths + 1;
    *death = (struct rs_death){.endpoint = corpse, .number = number};
    memcpy(death->program, service->program, strnlen(service->program, RS_NAME_LEN - 1));
    struct message message = {.word = {corpse, (uintptr_t)&death->record}};
    if (kcall(KCALL_DEATH_RECORD, &message)) {
        death->record = (struct death_record){.time_ticks = ticks_now()};
    }
    death->message_count = messages_read(service, corpse, death->message);
    return &death->record;
}

/* w0-1 name, w2 grant. */
int request_record(struct message *message, const struct rs_caller *caller)
{
    char name[RS_NAME_LEN];
    (void)caller;
    if (!name_unpack(name, message->word)) {
        return -ANOLE_EINVAL;
    }
    const struct rs_service *service = service_find(name);
    if (!service || deaths[service - rs.services].number == 0) {
        return -ANOLE_ENOENT;
    }
    return kcall_copy(message->endpoint, message->word[2], 0, &deaths[service - rs.services],
                      sizeof(struct rs_death), COPY_TO_GRANT);
}
