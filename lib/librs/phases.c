/*
 * Reads the phases of one recovery out of RS's decision log.
 */
#include <librs/rs_client.h>

const char *recovery_phase_name(enum recovery_phase phase)
{
    static const char *const names[PHASES] = {
        [PHASE_DETECTED] = "detected", [PHASE_DEAD] = "dead",   [PHASE_QUIESCED] = "quiesced",
        [PHASE_SPAWNED] = "spawned",   [PHASE_READY] = "ready", [PHASE_PUBLISHED] = "published",
        [PHASE_SERVED] = "served",
    };
    return (unsigned)phase < PHASES ? names[phase] : "?";
}

/* The phase that an event ends, or PHASES. */
static enum recovery_phase phase_of(uint32_t event)
{
    switch (event) {
    case RS_EVENT_DETECTED:
        return PHASE_DETECTED;
    case RS_EVENT_DEAD:
        return PHASE_DEAD;
    case RS_EVENT_QUIESCED:
        return PHASE_QUIESCED;
    case RS_EVENT_SPAWNED:
        return PHASE_SPAWNED;
    case RS_EVENT_READY:
        return PHASE_READY;
    case RS_EVENT_PUBLISHED:
        return PHASE_PUBLISHED;
    case RS_EVENT_SERVED:
        return PHASE_SERVED;
    default:
        return PHASES;
    }
}

void recovery_add(struct recovery *recovery, const char *service, const struct rs_log_entry *entry)
{
    enum recovery_phase phase = phase_of(entry->event);
    bool dead = recovery->reached[PHASE_DEAD];

    if (strncmp(entry->service, service, RS_NAME_LEN) != 0)
        return;
    if (entry->event == RS_EVENT_GIVEN_UP) {
        recovery->given_up = true;
        return;
    }
    if (phase == PHASES || recovery->reached[PHASE_SERVED])
        return;
    /* What leads to the death comes before it, everything else after it. */
    if ((phase <= PHASE_DEAD) == dead)
        return;
    /* A driver publishes its own name and one for each disk: the last one counts. */
    if (recovery->reached[phase] && phase != PHASE_PUBLISHED)
        return;
    if (phase == PHASE_DEAD) {
        recovery->cause = entry->cause;
        recovery->detail = entry->detail;
        recovery->dead_endpoint = entry->endpoint;
    }
    if (phase == PHASE_SPAWNED)
        recovery->new_endpoint = entry->endpoint;
    recovery->reached[phase] = true;
    recovery->time_ticks[phase] = entry->time_ticks;
}
