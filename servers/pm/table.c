/*
 * The table of programs: whose child each is, to whose account it counts, and what became of it.
 *
 * A program that an operator (a shell) spawned is the leader of a group: all that it and its
 * descendants spawn counts to it. So a program that spawns without end fills its own group and no more.
 */
#include "pm.h"
#include <anole/error.h>

static unsigned group_size(const struct program_table *table, endpoint_t leader)
{
    unsigned size = 0;
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        const struct program *program = &table->programs[i];
        size += program->state != PROGRAM_FREE && program->leader == leader ? 1u : 0u;
    }
    return size;
}

static struct program *free_entry(struct program_table *table)
{
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        if (table->programs[i].state == PROGRAM_FREE) {
            return &table->programs[i];
        }
    }
    return NULL;
}

/* The oldest result of that group; NULL. */
static struct program *oldest_result(struct program_table *table, endpoint_t leader)
{
    struct program *oldest = NULL;
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        struct program *program = &table->programs[i];
        if (program->state == PROGRAM_DEAD && program->leader == leader &&
            (!oldest || program->age < oldest->age)) {
            oldest = program;
        }
    }
    return oldest;
}

/* The oldest result of the largest group that has one; operators' children come last. */
static struct program *result_of_largest(struct program_table *table)
{
    unsigned largest = 0;
    endpoint_t leader = ENDPOINT_NONE;
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        const struct program *program = &table->programs[i];
        if (program->state != PROGRAM_DEAD || program->leader == ENDPOINT_NONE) {
            continue;
        }
        unsigned size = group_size(table, program->leader);
        if (size > largest) {
            largest = size;
            leader = program->leader;
        }
    }
    return oldest_result(table, leader);
}

/* All entries but free ones and operators' children. */
static unsigned unprivileged(const struct program_table *table)
{
    unsigned count = 0;
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        const struct program *program = &table->programs[i];
        count += program->state != PROGRAM_FREE && program->leader != ENDPOINT_NONE ? 1u : 0u;
    }
    return count;
}

int program_room(struct program_table *table, endpoint_t leader, struct program **giving_way)
{
    if (leader != ENDPOINT_NONE && group_size(table, leader) >= PM_GROUP) {
        *giving_way = oldest_result(table, leader);
    } else if (!free_entry(table) ||
               (leader != ENDPOINT_NONE && unprivileged(table) >= PM_PROGRAMS - PM_RESERVED)) {
        *giving_way = result_of_largest(table);
    } else {
        return 0;
    }
    return *giving_way ? 1 : -ANOLE_ENOMEM;
}

struct program *program_add(struct program_table *table, endpoint_t endpoint, endpoint_t parent,
                            endpoint_t leader)
{
    struct program *program = free_entry(table);
    if (program) {
        *program = (struct program){
            .state = PROGRAM_RUNNING, .endpoint = endpoint, .parent = parent, .leader = leader};
    }
    return program;
}

endpoint_t program_leader(struct program_table *table, endpoint_t parent, bool parent_is_operator)
{
    if (parent_is_operator) {
        return ENDPOINT_NONE;
    }
    const struct program *program = program_find(table, parent);
    return program && program->leader != ENDPOINT_NONE ? program->leader : parent;
}

struct program *program_find(struct program_table *table, endpoint_t endpoint)
{
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        struct program *program = &table->programs[i];
        if (program->state != PROGRAM_FREE && program->endpoint == endpoint) {
            return program;
        }
    }
    return NULL;
}

struct program *program_find_tag(struct program_table *table, endpoint_t parent, uint32_t tag)
{
    for (unsigned i = 0; tag != 0 && i < PM_PROGRAMS; i++) {
        struct program *program = &table->programs[i];
        if (program->state != PROGRAM_FREE && program->parent == parent && program->tag == tag) {
            return program;
        }
    }
    return NULL;
}

static bool is_fault(uint32_t cause)
{
    return cause >= DEATH_LOAD_FAULT && cause <= DEATH_BREAKPOINT;
}

void program_died(struct program_table *table, struct program *program,
                  const struct death_record *record)
{
    program->state = PROGRAM_DEAD;
    program->cause = record->cause;
    program->detail = record->detail;
    program->pc = is_fault(record->cause) ? record->pc : 0;
    program->age = ++table->deaths;
    if (table->foreground == program->endpoint) {
        const struct program *parent = program_find(table, program->parent);
        table->foreground = parent && parent->state == PROGRAM_RUNNING ? parent->endpoint
                                                                       : ENDPOINT_NONE;
    }
}

struct program *program_next_child(struct program_table *table, endpoint_t parent,
                                   enum program_state state, const struct program *previous)
{
    unsigned start = previous ? (unsigned)(previous - table->programs) + 1 : 0;
    for (unsigned i = start; i < PM_PROGRAMS; i++) {
        struct program *program = &table->programs[i];
        if (program->state == state && program->parent == parent) {
            return program;
        }
    }
    return NULL;
}
