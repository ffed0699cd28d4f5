/*
 * Words for the numbers of proto/rs.h.
 */
#include <librs/rs_client.h>
#include <string.h>

#define TEXT(table, index)                                                                         \
    ((index) < sizeof(table) / sizeof((table)[0]) && (table)[index] != NULL ? (table)[index] : "?")

const char *rs_state_text(uint32_t state)
{
    static const char *const texts[] = {
        [RS_STATE_WAITING_DEVICE] = "no-device",
        [RS_STATE_WAITING_START] = "waiting",
        [RS_STATE_STARTING] = "starting",
        [RS_STATE_UP] = "up",
        [RS_STATE_DYING] = "dying",
        [RS_STATE_RESET] = "reset",
        [RS_STATE_BACKOFF] = "backoff",
        [RS_STATE_STOPPED] = "stopped",
        [RS_STATE_FAILED] = "failed",
        [RS_STATE_DEVICE_FAILED] = "device-failed",
    };
    return TEXT(texts, state);
}

const char *rs_event_text(uint32_t event)
{
    static const char *const texts[] = {
        [RS_EVENT_START] = "start",         [RS_EVENT_READY] = "ready",
        [RS_EVENT_PUBLISHED] = "published", [RS_EVENT_DETECTED] = "detected",
        [RS_EVENT_DEAD] = "dead",           [RS_EVENT_QUIESCED] = "quiesced",
        [RS_EVENT_SPAWNED] = "spawned",     [RS_EVENT_SERVED] = "served",
        [RS_EVENT_BACKOFF] = "backoff",     [RS_EVENT_GIVEN_UP] = "given-up",
        [RS_EVENT_ORDER] = "order",         [RS_EVENT_INJECT] = "inject",
        [RS_EVENT_COMPLAINT] = "complaint", [RS_EVENT_STOPPED] = "stopped",
        [RS_EVENT_DEVICE] = "device",       [RS_EVENT_RESET_FAILED] = "reset-failed",
        [RS_EVENT_COMMITTED] = "committed", [RS_EVENT_SPARE] = "spare",
    };
    return TEXT(texts, event);
}

const char *rs_order_text(uint32_t order)
{
    static const char *const texts[] = {
        [RS_START] = "start",     [RS_STOP] = "stop",         [RS_KILL] = "kill",
        [RS_RESTART] = "restart", [RS_SPARE_ON] = "spare on", [RS_SPARE_OFF] = "spare off",
    };
    return TEXT(texts, order);
}

const char *rs_spare_text(uint32_t spare)
{
    static const char *const texts[] = {
        [RS_SPARE_NONE] = "-",
        [RS_SPARE_WANTED] = "wanted",
        [RS_SPARE_READY] = "ready",
    };
    return TEXT(texts, spare);
}

const char *rs_complaint_text(uint32_t complaint)
{
    static const char *const texts[] = {
        [RS_COMPLAINT_TIMEOUT] = "deadline",
        [RS_COMPLAINT_PROTOCOL] = "protocol",
    };
    return TEXT(texts, complaint);
}

const char *fault_kind_name(uint32_t kind)
{
    static const char *const texts[] = {
#define FAULT_KIND_NAME(id, number, name, text) [number] = name,
        FAULT_KINDS(FAULT_KIND_NAME)
#undef FAULT_KIND_NAME
    };
    return TEXT(texts, kind);
}

const char *fault_kind_text(uint32_t kind)
{
    static const char *const texts[] = {
#define FAULT_KIND_TEXT(id, number, name, text) [number] = text,
        FAULT_KINDS(FAULT_KIND_TEXT)
#undef FAULT_KIND_TEXT
    };
    return TEXT(texts, kind);
}

uint32_t fault_kind_find(const char *name)
{
#define FAULT_KIND_FIND(id, number, kind_name, text)                                               \
    if (strcmp(name, kind_name) == 0)                                                              \
        return number;
    FAULT_KINDS(FAULT_KIND_FIND)
#undef FAULT_KIND_FIND
    return 0;
}
