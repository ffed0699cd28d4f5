/*
 * The table of programs: whose child each is, and what became of it.
 */
#include "pm.h"
#include <string.h>

static struct program *oldest_dead(struct program_table *table)
{
    struct program *oldest = NULL;
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        struct program *program = &table->programs[i];
        if (program->state == PROGRAM_DEAD && (!oldest || program->age < oldest->age)) {
            oldest = program;
        }
    }
    return oldest;
}

static struct program *free_entry(struct program_table *table)
{
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        if (table->programs[i].state == PROGRAM_FREE) {
            return &table->programs[i];
        }
    }
    return oldest_dead(table);
}

struct program *program_add(struct program_table *table, endpoint_t endpoint, endpoint_t parent)
{
    struct program *program = free_entry(table);
    if (program) {
        *program = (struct program){
            .state = PROGRAM_RUNNING, .endpoint = endpoint, .parent = parent};
    }
    return program;
}

bool program_room(const struct program_table *table, bool operator)
{
    unsigned running = 0;
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        running += table->programs[i].state == PROGRAM_RUNNING ? 1u : 0u;
    }
    return running < (operator? PM_PROGRAMS : PM_PROGRAMS - PM_RESERVED);
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
                                   const struct program *previous)
{
    unsigned start = previous ? (unsigned)(previous - table->programs) + 1 : 0;
    for (unsigned i = start; i < PM_PROGRAMS; i++) {
        struct program *program = &table->programs[i];
        if (program->state == PROGRAM_RUNNING && program->parent == parent) {
            return program;
        }
    }
    return NULL;
}

void program_forget_children(struct program_table *table, endpoint_t parent)
{
    for (unsigned i = 0; i < PM_PROGRAMS; i++) {
        struct program *program = &table->programs[i];
        if (program->state == PROGRAM_DEAD && program->parent == parent) {
            program->state = PROGRAM_FREE;
        }
    }
}
