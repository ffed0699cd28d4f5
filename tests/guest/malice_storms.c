/*
 * malice: storms: more rings, calls with no time to be answered, alarms and threads than anybody could
 * want. The victim goes on, and nothing of it is left afterwards.
 */
#include "malice.h"

#include <stdio.h>
#include <string.h>

#define BIT 20
#define RINGERS 3u

struct ringer {
    endpoint_t victim;
    handle_t bell;
    uint64_t rings;
    unsigned failures;
    _Atomic bool done;
};

static void ring_on(void *argument)
{
    struct ringer *ringer = argument;

    for (uint64_t i = 0; i < ringer->rings; i++)
        ringer->failures += ipc_notify(ringer->victim, ringer->bell) != 0;
    atomic_store_explicit(&ringer->done, true, memory_order_release);
}

static bool answers(endpoint_t victim)
{
    struct message message = {.word = {41}};

    return child_call(victim, CHILD_ECHO, &message) == 0 && message.word[0] == 42;
}

/* Several threads ring one bit; the victim answers meanwhile, and sees that bit and no other. */
static bool storm_of_rings(const struct victim *victim, uint64_t count)
{
    static struct ringer ringers[RINGERS];
    struct message message = {.word = {BIT}};
    bool ok = child_call(victim->endpoint, CHILD_DOORBELL, &message) == 0;
    handle_t bell = message.word[0];

    for (unsigned i = 0; i < RINGERS; i++) {
        ringers[i] = (struct ringer){
            .victim = victim->endpoint, .bell = bell, .rings = count / RINGERS};
        start_thread(ring_on, &ringers[i], 0);
    }
    for (unsigned i = 0; i < RINGERS; i++) {
        while (!atomic_load_explicit(&ringers[i].done, memory_order_acquire)) {
            ok &= answers(victim->endpoint);
            sleep_us(1000);
        }
        ok &= ringers[i].failures == 0;
    }
    message = (struct message){.word = {KCALL_CLOSE, bell}};
    ok &= child_call(victim->endpoint, CHILD_KCALL, &message) == 0;
    ok &= ipc_notify(victim->endpoint, bell) == -ANOLE_EBADHANDLE;
    message = (struct message){0};
    ok &= child_call(victim->endpoint, CHILD_RUNG, &message) == 0 &&
          message.word[0] == NOTIFY_BIT(BIT);
    return ok;
}

/* Requests whose time is over before they can be answered: none is mistaken for another's. */
static bool storm_of_calls(const struct victim *victim, uint64_t count, struct chance *chance)
{
    bool ok = true;

    for (uint64_t i = 0; i < count; i++) {
        struct message message = {.word = {i}};
        int status = anole_call(victim->endpoint, CHILD_ECHO, &message,
                                ticks_now() + chance_below(chance, ticks_from_us(20) + 1));

        ok &= status == -ANOLE_ETIMEDOUT || (status == 0 && message.word[0] == i + 1);
    }
    return ok && answers(victim->endpoint);
}

/* Alarms that are over when they are set, one after the other. */
static bool storm_of_alarms(uint64_t count)
{
    struct ipc_delivery delivery;
    bool ok = true;

    for (uint64_t i = 0; i < count; i++)
        ok &= kcall_alarm(ticks_now() + i % 50, BIT) == 0;
    ok &= ipc_receive(&delivery, NOTIFY_BIT(BIT), deadline_in_us(PATIENCE_US),
                      RECEIVE_NO_REQUESTS) == 0;
    return ok && kcall_alarm(0, BIT) == 0;
}

bool storms_are_weathered(uint64_t seed, uint64_t count, const struct victim *victim)
{
    struct chance chance = chance_make(seed, count);
    bool rings = storm_of_rings(victim, count / 2);
    bool calls = storm_of_calls(victim, count / 4, &chance);
    bool alarms = storm_of_alarms(count / 4);

    if (!rings)
        printf("FAIL storms: rings\n");
    if (!calls)
        printf("FAIL storms: calls\n");
    if (!alarms)
        printf("FAIL storms: alarms\n");
    return rings && calls && alarms;
}
