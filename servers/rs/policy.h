/*
 * When does a service that died start again? Policy is data (struct config_recovery): the first
 * deaths within a window are answered at once, further ones after a wait that doubles, quiet time
 * makes RS forget, and a limit gives the service up. Pure: time comes in, a verdict goes out.
 */
#ifndef RS_POLICY_H
#define RS_POLICY_H

#include <libconfig/config.h>
#include <stdint.h>

#define POLICY_DEATHS 32 /* remembered; config_recovery.limit is at most that */

struct policy_history {
    uint64_t death_ms[POLICY_DEATHS]; /* of those within the window, oldest first */
    unsigned count;
    uint32_t backoff_ms; /* the last wait ordered; 0: none since the last reset */
};

enum policy_verdict { POLICY_RESTART, POLICY_GIVE_UP };

/* Counts a death at now_ms. *wait_ms is how long to wait before the restart. */
enum policy_verdict policy_death(const struct config_recovery *recovery,
                                 struct policy_history *history, uint64_t now_ms,
                                 uint32_t *wait_ms);
/* What another death at now_ms would bring; counts nothing. */
enum policy_verdict policy_outlook(const struct config_recovery *recovery,
                                   const struct policy_history *history, uint64_t now_ms,
                                   uint32_t *wait_ms);
/* How many deaths count at now_ms: the last ones of the history. */
unsigned policy_counting(const struct config_recovery *recovery,
                         const struct policy_history *history, uint64_t now_ms);
/* The life that ends at now_ms never came to be of use: no time has passed since the death before. */
void policy_vain(struct policy_history *history, uint64_t now_ms);
/* Forgets what was: after a start by order. */
void policy_forget(struct policy_history *history);

#endif
