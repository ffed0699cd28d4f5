/*
 * RS's decisions: a ring of the last ones, which RS_LOG copies out. Sequence numbers start at 1; old
 * entries are overwritten.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <string.h>

#define LOG_ENTRIES 512u

static struct rs_log_entry entries[LOG_ENTRIES];
static uint64_t next_sequence = 1;

static struct rs_log_entry *add(const struct rs_service *service, enum rs_event event)
{
    struct rs_log_entry *entry = &entries[next_sequence % LOG_ENTRIES];
    *entry = (struct rs_log_entry){
        .sequence = next_sequence++,
        .time_ticks = ticks_now(),
        .event = event,
        .death = service->deaths,
        .endpoint = service->endpoint,
    };
    memcpy(entry->service, service->name, RS_NAME_LEN);
    return entry;
}

void log_event(const struct rs_service *service, enum rs_event event, uint64_t detail)
{
    add(service, event)->detail = detail;
}

void log_death(const struct rs_service *service, enum rs_event event, enum death_cause cause,
               uint64_t detail, uint64_t time_ticks)
{
    struct rs_log_entry *entry = add(service, event);
    entry->cause = cause;
    entry->detail = detail;
    entry->time_ticks = time_ticks;
}

void log_published(const struct rs_service *service, const char *name, endpoint_t endpoint)
{
    struct rs_log_entry *entry = add(service, RS_EVENT_PUBLISHED);
    memcpy(entry->name, name, strnlen(name, RS_NAME_LEN - 1));
    entry->endpoint = endpoint;
}

/* w0 grant, w1 bytes, w2 first sequence number -> w0 next, w1 copied. */
int request_log(struct message *message, const struct rs_caller *caller)
{
    uint64_t oldest = next_sequence > LOG_ENTRIES ? next_sequence - LOG_ENTRIES : 1;
    uint64_t first = message->word[2] > oldest ? message->word[2] : oldest;
    uint64_t room = message->word[1] / sizeof(struct rs_log_entry);
    handle_t grant = message->word[0];
    uint64_t copied = 0;
    (void)caller;

    while (first < next_sequence && copied < room) {
        uint64_t slot = first % LOG_ENTRIES;
        uint64_t run = next_sequence - first;
        run = run < LOG_ENTRIES - slot ? run : LOG_ENTRIES - slot;
        run = run < room - copied ? run : room - copied;
        int error = kcall_copy(message->endpoint, grant, copied * sizeof(struct rs_log_entry),
                               &entries[slot], run * sizeof(struct rs_log_entry), COPY_TO_GRANT);
        if (error) {
            return error;
        }
        first += run;
        copied += run;
    }
    message->word[0] = first < next_sequence ? first : next_sequence;
    message->word[1] = copied;
    return 0;
}
