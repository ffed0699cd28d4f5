/*
 * The victims of `killing`: each is killed, or ordered to commit a fault, when it is its turn. A fault
 * counts when RS's log says that it struck, and another one isn't ordered before that.
 */
#include "killing.h"

#define ENTRIES_AT_ONCE 16u
#define LOOK_US 20000ul /* between two looks at the log, while a fault is awaited */

struct victim victims[VICTIMS];
unsigned victim_count;
static uint64_t log_position;

int victims_begin(void)
{
    return rs_log_end(&log_position);
}

static void count_one(struct victim *victim, const struct rs_log_entry *entry)
{
    strike_add(&victim->strike, victim->service, entry);
    if (victim->strike.state == STRIKE_STRUCK) {
        victim->hits++;
        victim->strike.state = STRIKE_NONE;
        victim->next_ticks = deadline_in_us(victim->every_us);
    }
}

void victims_count(void)
{
    struct rs_log_entry entries[ENTRIES_AT_ONCE];
    unsigned count = 1;

    while (count > 0 &&
           rs_log_read(log_position, entries, ENTRIES_AT_ONCE, &log_position, &count) == 0) {
        for (unsigned i = 0; i < count * victim_count; i++)
            count_one(&victims[i % victim_count], &entries[i / victim_count]);
    }
}

/* One that is just coming back is alive again when its turn comes next. */
static void hit(struct victim *victim)
{
    if (victim->fault == 0) {
        if (rs_control(victim->service, RS_KILL) == 0)
            victim->hits++;
    } else if (rs_inject(victim->service, (enum fault_kind)victim->fault, 0) == 0) {
        strike_ordered(&victim->strike, (enum fault_kind)victim->fault);
    }
}

/* When to come back to it. */
static uint64_t turn(struct victim *victim, unsigned long most)
{
    if (victim->hits >= most)
        return DEADLINE_NEVER;
    if (ticks_now() >= victim->next_ticks && victim->strike.state != STRIKE_ORDERED) {
        hit(victim);
        victim->next_ticks = deadline_in_us(victim->every_us);
    }
    return victim->strike.state == STRIKE_ORDERED ? deadline_in_us(LOOK_US) : victim->next_ticks;
}

uint64_t victims_strike(unsigned long most)
{
    uint64_t first = DEADLINE_NEVER;

    victims_count();
    for (unsigned i = 0; i < victim_count; i++) {
        uint64_t next = turn(&victims[i], most);
        first = next < first ? next : first;
    }
    return first;
}

bool victims_all_hit(unsigned long least)
{
    for (unsigned i = 0; i < victim_count; i++) {
        if (victims[i].hits < least)
            return false;
    }
    return true;
}
