/*
 * The restart policy, see policy.h.
 */
#include "policy.h"
#include <stdbool.h>
#include <string.h>

void policy_forget(struct policy_history *history)
{
    history->count = 0;
    history->backoff_ms = 0;
}

void policy_vain(struct policy_history *history, uint64_t now_ms)
{
    if (history->count == 0) {
        return;
    }
    uint64_t passed = now_ms - history->death_ms[history->count - 1];
    for (unsigned i = 0; i < history->count; i++) {
        history->death_ms[i] += passed;
    }
}

static bool was_quiet(const struct config_recovery *recovery, const struct policy_history *history,
                      uint64_t now_ms)
{
    return history->count > 0 &&
           now_ms - history->death_ms[history->count - 1] >= recovery->quiet_ms;
}

unsigned policy_counting(const struct config_recovery *recovery,
                         const struct policy_history *history, uint64_t now_ms)
{
    unsigned old = 0;
    if (was_quiet(recovery, history, now_ms)) {
        return 0;
    }
    while (old < history->count && now_ms - history->death_ms[old] >= recovery->window_ms) {
        old++;
    }
    return history->count - old;
}

static void add_death(const struct config_recovery *recovery, struct policy_history *history,
                      uint64_t now_ms)
{
    if (was_quiet(recovery, history, now_ms)) {
        policy_forget(history);
    }
    unsigned counting = policy_counting(recovery, history, now_ms);
    unsigned kept = counting < POLICY_DEATHS ? counting : POLICY_DEATHS - 1;
    memmove(history->death_ms, history->death_ms + (history->count - kept),
            kept * sizeof(history->death_ms[0]));
    history->death_ms[kept] = now_ms;
    history->count = kept + 1;
}

enum policy_verdict policy_death(const struct config_recovery *recovery,
                                 struct policy_history *history, uint64_t now_ms, uint32_t *wait_ms)
{
    add_death(recovery, history, now_ms);
    *wait_ms = 0;
    if (recovery->limit != CONFIG_NO_LIMIT && history->count >= recovery->limit) {
        return POLICY_GIVE_UP;
    }
    if (history->count <= recovery->at_once) {
        history->backoff_ms = 0;
        return POLICY_RESTART;
    }
    uint64_t wait = history->backoff_ms > 0 ? (uint64_t)history->backoff_ms * 2
                                            : recovery->backoff_ms;
    history->backoff_ms = wait < recovery->backoff_max_ms ? (uint32_t)wait
                                                          : recovery->backoff_max_ms;
    *wait_ms = history->backoff_ms;
    return POLICY_RESTART;
}

enum policy_verdict policy_outlook(const struct config_recovery *recovery,
                                   const struct policy_history *history, uint64_t now_ms,
                                   uint32_t *wait_ms)
{
    struct policy_history imagined = *history;
    return policy_death(recovery, &imagined, now_ms, wait_ms);
}
