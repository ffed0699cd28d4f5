/*
 * Frames of dead creators that others still map: they are in nobody's quota, so RS sees to it that they
 * are few and not held for long. Whoever holds such a region was told of its creator's death.
 */
#include "rs.h"
#include <libanole/anole.h>

#define HOLDERS 64
#define ORPHANS_HELD_MS 2000 /* from the creator's burial on */
#define ORPHANS_SHARE 8      /* more than one in so many frames: the largest holder goes at once */

static struct orphan_holder holders[HOLDERS];

/* The holder that has to go: one that is overdue, or the largest if there are too many; NULL: none. */
static const struct orphan_holder *to_end(unsigned count, bool too_many, uint64_t now_ticks)
{
    uint64_t patience = info_page()->ticks_per_second / 1000 * ORPHANS_HELD_MS;
    const struct orphan_holder *largest = NULL;

    for (unsigned i = 0; i < count; i++) {
        if (now_ticks - holders[i].since_ticks > patience) {
            return &holders[i];
        }
        if (!largest || holders[i].frames > largest->frames) {
            largest = &holders[i];
        }
    }
    return too_many ? largest : NULL;
}

void orphans_round(void)
{
    struct message message = {.word = {(uintptr_t)holders, HOLDERS}};
    struct system_info info = {0};
    const struct orphan_holder *holder;

    if (kcall_system_info(&info) || info.frames_orphaned == 0 || kcall(KCALL_ORPHANS, &message)) {
        return;
    }
    holder = to_end(message.word[0] < HOLDERS ? (unsigned)message.word[0] : HOLDERS,
                    info.frames_orphaned > info.frames_total / ORPHANS_SHARE, ticks_now());
    if (!holder) {
        return;
    }
    log_printf(LOG_WARNING, "%u frames of the dead are held by %u/%u: it is ended", holder->frames,
               endpoint_slot(holder->process), endpoint_generation(holder->process));
    message = (struct message){.word = {holder->process, DEATH_COMPLAINT, holder->frames}};
    (void)kcall(KCALL_PROCESS_KILL, &message); /* it may be gone by now */
}
