/*
 * Tables with columns as wide as their widest cell.
 */
#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL_MAX 80 /* longer cells are cut */

void table_init(struct table *table, const struct table_column *columns, unsigned column_count)
{
    *table = (struct table){.columns = columns, .column_count = column_count};
}

static bool make_room(struct table *table)
{
    if (table->cell_count < table->cell_room)
        return true;

    unsigned room = table->cell_room == 0 ? 64 : table->cell_room * 2;
    char **cells = realloc(table->cells, room * sizeof(*cells));
    if (cells == NULL)
        return false;
    table->cells = cells;
    table->cell_room = room;
    return true;
}

void table_cell(struct table *table, const char *format, ...)
{
    char text[CELL_MAX];
    va_list arguments;

    if (table->incomplete)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    char *cell = make_room(table) ? malloc(strlen(text) + 1) : NULL;
    if (cell == NULL) {
        table->incomplete = true;
        return;
    }
    strcpy(cell, text);
    table->cells[table->cell_count++] = cell;
}

void table_endpoint(struct table *table, endpoint_t endpoint)
{
    if (endpoint == ENDPOINT_NONE)
        table_cell(table, "-");
    else
        table_cell(table, "%u/%u", endpoint_slot(endpoint), endpoint_generation(endpoint));
}

static void print_row(const struct table *table, const int widths[], const char *const texts[])
{
    for (unsigned column = 0; column < table->column_count; column++) {
        bool last = column + 1 == table->column_count;
        int width = table->columns[column].right ? widths[column] : last ? 0 : -widths[column];

        printf("%s%*s", column > 0 ? "  " : "", width, texts[column]);
    }
    printf("\n");
}

int table_print(struct table *table)
{
    const char *titles[TABLE_COLUMNS_MAX] = {NULL};
    int widths[TABLE_COLUMNS_MAX] = {0};
    unsigned rows = table->cell_count / table->column_count;

    for (unsigned column = 0; column < table->column_count; column++) {
        titles[column] = table->columns[column].title;
        widths[column] = (int)strlen(titles[column]);
        for (unsigned row = 0; row < rows; row++) {
            int len = (int)strlen(table->cells[row * table->column_count + column]);
            if (len > widths[column])
                widths[column] = len;
        }
    }
    print_row(table, widths, titles);
    for (unsigned row = 0; row < rows; row++)
        print_row(table, widths, (const char *const *)&table->cells[row * table->column_count]);
    for (unsigned i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    if (table->incomplete)
        fprintf(stderr, "the list is incomplete: no memory for more\n");
    return table->incomplete ? 1 : 0;
}
