/*
 * The restart policy, see policy.h.
 */
#include "policy.h"
#include <string.h>

void policy_forget(struct policy_history *history)
{
    history->count = 0;
    history->backoff_ms = 0;
}

static void drop_oldest(struct policy_history *history, unsigned count)
{
    history->count -= count;
    memmove(history->death_ms, history->death_ms + count,
            history->count * sizeof(history->death_ms[0]));
}

static void add_death(const struct config_recovery *recovery, struct policy_history *history,
                      uint64_t now_ms)
{
    unsigned old = 0;
    if (history->count > 0 &&
        now_ms - history->death_ms[history->count - 1] >= recovery->quiet_ms) {
        policy_forget(history);
    }
    while (old < history->count && now_ms - history->death_ms[old] >= recovery->window_ms) {
        old++;
    }
    if (old == 0 && history->count == POLICY_DEATHS) {
        old = 1;
    }
    drop_oldest(history, old);
    history->death_ms[history->count++] = now_ms;
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
