/*
 * Reads out of RS's decision log what became of a fault that was ordered.
 */
#include <librs/rs_client.h>
#include <string.h>

/* Does whoever commits it tell RS so? The others are seen by the death that they lead to. */
static bool is_told(uint32_t kind)
{
    switch (kind) {
    case FAULT_LOAD:
    case FAULT_STORE:
    case FAULT_JUMP:
    case FAULT_ILLEGAL:
    case FAULT_PRIVILEGED:
    case FAULT_OVERFLOW:
    case FAULT_SPIN:
    case FAULT_SLEEP:
    case FAULT_SILENT:
    case FAULT_EXIT:
    case FAULT_PANIC:
    case FAULT_FLOOD_CALLS:
    case FAULT_FLOOD_LOG:
        return false;
    default:
        return true;
    }
}

/* It died before it could come to what was ordered. */
static bool is_other_death(const struct strike *strike, uint32_t cause)
{
    return is_told(strike->kind) || cause == DEATH_KILLED || cause == DEATH_STOPPED;
}

static void add_of_instance(struct strike *strike, const struct rs_log_entry *entry)
{
    switch (entry->event) {
    case RS_EVENT_COMMITTED:
        if (entry->detail == strike->kind)
            strike->state = STRIKE_STRUCK;
        break;
    case RS_EVENT_DEAD:
        strike->state = is_other_death(strike, entry->cause) ? STRIKE_LOST : STRIKE_STRUCK;
        break;
    case RS_EVENT_INJECT: /* takes its place */
        strike->state = STRIKE_LOST;
        break;
    default:
        break;
    }
}

void strike_ordered(struct strike *strike, enum fault_kind kind)
{
    *strike = (struct strike){.kind = kind, .endpoint = ENDPOINT_NONE, .state = STRIKE_ORDERED};
}

void strike_add(struct strike *strike, const char *service, const struct rs_log_entry *entry)
{
    if (strike->state != STRIKE_ORDERED || strncmp(entry->service, service, RS_NAME_LEN) != 0)
        return;
    if (strike->endpoint != ENDPOINT_NONE) {
        if (entry->endpoint == strike->endpoint)
            add_of_instance(strike, entry);
    } else if (entry->event == RS_EVENT_INJECT && entry->detail == strike->kind) {
        strike->endpoint = entry->endpoint;
    }
}
