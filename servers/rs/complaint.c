/*
 * Complaints about services. Any process may complain; a complaint makes RS look (a ping in the next
 * liveness round), and RS kills when the ping isn't answered, or when a second service that has the
 * right to be believed complains about the same instance. Complaints that lead to nothing are limited
 * for each caller, and the last ones are kept for whoever asks why.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <string.h>

#define COMPLAINTS_PER_CALLER 8u
#define COMPLAINT_WINDOW_MS 10000u
#define COMPLAINT_LOG_MS 1000u
#define COMPLAINERS 32u

static uint64_t ticks_of_ms(uint64_t ms)
{
    return ms * (info_page()->ticks_per_second / 1000);
}

/* How often who complained without good reason: one that does so too much isn't heard for a while. */
static struct {
    endpoint_t process;
    unsigned count;
    uint64_t since;
} complainers[COMPLAINERS];

static bool may_complain_now(endpoint_t process, uint64_t now)
{
    unsigned oldest = 0;
    for (unsigned i = 0; i < COMPLAINERS; i++) {
        bool expired = now - complainers[i].since > ticks_of_ms(COMPLAINT_WINDOW_MS);
        if (complainers[i].process == process && !expired) {
            return ++complainers[i].count <= COMPLAINTS_PER_CALLER;
        }
        if (complainers[i].since < complainers[oldest].since) {
            oldest = i;
        }
    }
    complainers[oldest].process = process;
    complainers[oldest].count = 1;
    complainers[oldest].since = now;
    return true;
}

static bool is_believed(const struct rs_caller *caller)
{
    const struct config_rights *rights = config_rights_by_id(&rs.config, caller->service_id);
    return rights && rights->may_complain;
}

static void note(struct rs_service *victim, const struct rs_caller *caller, uint32_t kind)
{
    struct rs_complaint_info *info = &victim
                                          ->complaint[victim->complaints++ % RS_STATUS_COMPLAINTS];
    const char *who = config_name_by_id(&rs.config, caller->service_id);
    *info = (struct rs_complaint_info){
        .time_ticks = ticks_now(),
        .process = caller->process,
        .about = victim->endpoint,
        .kind = kind,
        .counts = is_believed(caller) ? 1 : 0,
    };
    memcpy(info->who, who, strnlen(who, RS_NAME_LEN - 1));
}

/* Counts a complaint of a service that has the right. True: another one's isn't long ago. */
static bool corroborated(struct rs_service *victim, const struct rs_caller *caller, uint64_t now)
{
    unsigned count = 0;
    if (!is_believed(caller)) {
        return false;
    }
    if (now - victim->believed_ticks > ticks_of_ms(COMPLAINT_WINDOW_MS)) {
        memset(victim->complainers, 0, sizeof(victim->complainers));
    }
    victim->believed_ticks = now;
    victim->complainers[caller->service_id / 64] |= (uint64_t)1 << caller->service_id % 64;
    for (unsigned word = 0; word < SERVICE_ID_WORDS; word++) {
        for (uint64_t bits = victim->complainers[word]; bits; bits &= bits - 1) {
            count++;
        }
    }
    return count >= 2;
}

static void refund(endpoint_t process)
{
    for (unsigned i = 0; i < COMPLAINERS; i++) {
        if (complainers[i].process == process && complainers[i].count > 0) {
            complainers[i].count--;
        }
    }
}

void complaints_were_right(const struct rs_service *victim)
{
    for (unsigned i = 0; i < RS_STATUS_COMPLAINTS; i++) {
        if (victim->complaint[i].about == victim->endpoint) {
            refund(victim->complaint[i].process);
        }
    }
}

/* w0 endpoint, w1 enum rs_complaint. */
int request_complain(struct message *message, const struct rs_caller *caller)
{
    endpoint_t process;
    unsigned id;
    uint64_t now = ticks_now();
    uint64_t kind = message->word[1];
    if (kind != RS_COMPLAINT_TIMEOUT && kind != RS_COMPLAINT_PROTOCOL) {
        return -ANOLE_EINVAL;
    }
    int error = kcall_endpoint_info((endpoint_t)message->word[0], &process, &id);
    if (error) {
        return error;
    }
    struct rs_service *victim = service_of_process(process);
    if (!victim || service_is_rs(victim) || victim == caller->service ||
        victim->config->liveness.caller_ms == 0) {
        return -ANOLE_EINVAL; /* whom nobody waits for can't be found silent, nor answer a ping */
    }
    if (victim->state != RS_STATE_UP) {
        return 0; /* it is being dealt with */
    }
    if (!may_complain_now(caller->process, now)) {
        return -ANOLE_EAGAIN;
    }
    note(victim, caller, (uint32_t)kind);
    if (victim->complaint_logged_ticks == 0 ||
        now - victim->complaint_logged_ticks > ticks_of_ms(COMPLAINT_LOG_MS)) {
        victim->complaint_logged_ticks = now;
        log_event(victim, RS_EVENT_COMPLAINT, kind);
    }
    victim->liveness.complaint = true;
    if (corroborated(victim, caller, now)) {
        complaints_were_right(victim);
        service_kill(victim, DEATH_COMPLAINT, caller->service_id);
    }
    return 0;
}
