/*
 * Tables as the commands print them: columns as wide as what is in them.
 */
#ifndef COMMANDS_TABLE_H
#define COMMANDS_TABLE_H

#include <anole/endpoint.h>
#include <stdbool.h>

#define TABLE_COLUMNS_MAX 12

struct table_column {
    const char *title;
    bool right; /* numbers stand to the right */
};

struct table {
    const struct table_column *columns;
    unsigned column_count;
    char **cells; /* row by row, from malloc */
    unsigned cell_count;
    unsigned cell_room;
    bool incomplete; /* memory ran out: a row is missing */
};

void table_init(struct table *table, const struct table_column *columns, unsigned column_count);
/* Adds the next cell; rows follow from the number of columns. */
__attribute__((format(printf, 2, 3))) void table_cell(struct table *table, const char *format, ...);
/* "slot/generation", or "-" for none. */
void table_endpoint(struct table *table, endpoint_t endpoint);
/* Prints titles and rows and frees them. 0, or 1 (an exit status) if memory ran out. */
int table_print(struct table *table);

#endif
