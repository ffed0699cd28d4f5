/*
 * The judgement on liveness, see liveness.h.
 */
#include "liveness.h"

void liveness_add(struct liveness_facts *facts, const struct liveness *thread,
                  uint64_t ticks_per_ms)
{
    bool busy = thread->state == THREAD_READY || thread->state == THREAD_RUNNING ||
                thread->state == THREAD_CALLING;
    uint64_t caller_ms = thread->oldest_caller_ticks / ticks_per_ms;
    uint64_t cpu_ms = thread->cpu_since_wait_ticks / ticks_per_ms;

    facts->busy |= busy;
    if (thread->state != THREAD_RECEIVING && cpu_ms > facts->cpu_ms) {
        facts->cpu_ms = cpu_ms;
    }
    if (thread->oldest_caller_ticks != 0 &&
        (facts->oldest_caller == 0 || caller_ms < facts->oldest_caller)) {
        facts->oldest_caller = caller_ms > 0 ? caller_ms : 1;
    }
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Since when somebody has waited for it, in a call or for a name; 0: nobody does. */
static uint64_t waited_since(const struct liveness_facts *facts)
{
    uint64_t caller = facts->oldest_caller, name = facts->owes_name;
    return caller == 0 || (name != 0 && name < caller) ? name : caller;
}

/* Is that longer ago than the bound, and is it time to ask (again) because of it? */
static bool caller_is_old(const struct config_liveness *bounds, uint64_t caller,
                          const struct liveness_memory *memory, uint64_t now_ms)
{
    if (bounds->caller_ms == 0 || caller == 0 || now_ms <= caller ||
        now_ms - caller <= bounds->caller_ms) {
        return false;
    }
    return caller != memory->caller || now_ms >= memory->next_ping_ms;
}

/*
 * Does it keep somebody for longer than it ever should, whatever it answers to pings? The same caller
 * twice in a row: after a pause of the whole machine there is time for the answer.
 */
static bool hoards(const struct config_liveness *bounds, const struct liveness_facts *facts,
                   struct liveness_memory *memory, uint64_t now_ms)
{
    uint64_t caller = facts->oldest_caller, before = memory->hoarded;
    bool over = bounds->answer_ms > 0 && caller != 0 && now_ms > caller &&
                now_ms - caller > bounds->answer_ms;
    memory->hoarded = over ? caller : 0;
    return over && before == caller;
}

static enum liveness_verdict judge_pinged(const struct liveness_facts *facts,
                                          const struct liveness_memory *memory, uint64_t now_ms)
{
    uint64_t waited = now_ms - memory->ping_ms;
    if (waited < LIVENESS_PING_MS || (facts->busy && waited < LIVENESS_STARVED_MS)) {
        return LIVENESS_FINE;
    }
    return memory->complained ? LIVENESS_CORROBORATED : LIVENESS_SILENT;
}

/*
 * Twice in a row, and running in between: a machine that was itself kept from running charges all of
 * that time to the thread that it was at.
 */
static bool spins(const struct config_liveness *bounds, const struct liveness_facts *facts,
                  struct liveness_memory *memory)
{
    uint64_t before = memory->spin_ms;
    bool over = bounds->spin_ms > 0 && facts->cpu_ms > bounds->spin_ms;
    memory->spin_ms = over ? facts->cpu_ms : 0;
    return over && before != 0 && facts->cpu_ms > before;
}

enum liveness_verdict liveness_judge(const struct config_liveness *bounds,
                                     const struct liveness_facts *facts,
                                     struct liveness_memory *memory, uint64_t now_ms)
{
    if (spins(bounds, facts, memory)) {
        return LIVENESS_SPINS;
    }
    if (hoards(bounds, facts, memory, now_ms)) {
        return LIVENESS_HOARDS;
    }
    if (memory->pinged) {
        return judge_pinged(facts, memory, now_ms);
    }
    uint64_t since = waited_since(facts);
    bool old = caller_is_old(bounds, since, memory, now_ms);
    if (!old && !memory->complaint) {
        return LIVENESS_FINE;
    }
    if (old) {
        /* A service that answers pings may keep a caller for long: asked ever more seldom. */
        memory->caller = since;
        memory->next_ping_ms = now_ms + clamp((now_ms - since) / 8, bounds->caller_ms,
                                              LIVENESS_PING_PAUSE_MS);
    }
    memory->pinged = true;
    memory->complained = memory->complaint;
    memory->complaint = false;
    memory->ping_ms = now_ms;
    return LIVENESS_PING;
}

void liveness_pong(struct liveness_memory *memory)
{
    memory->pinged = false;
}

bool liveness_late(uint64_t due_ms, uint64_t now_ms)
{
    return now_ms > due_ms && now_ms - due_ms > LIVENESS_PERIOD_MS;
}
