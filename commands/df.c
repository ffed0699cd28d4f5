/*
 * df [PATH...]: how much room there is on what is mounted, or where the paths are.
 */
#include "common/arguments.h"
#include "common/files.h"
#include "common/mounts.h"
#include "common/progress.h"
#include "common/table.h"

#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const struct table_column columns[] = {
    {"SOURCE", false}, {"TYPE", false}, {"SIZE", true},       {"USED", true},  {"FREE", true},
    {"USE%", true},    {"FILES", true}, {"FILES FREE", true}, {"PATH", false},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void add_bytes(struct table *table, uint64_t blocks, uint64_t block_bytes)
{
    char text[16];

    table_cell(table, "%s", bytes_text(text, blocks * block_bytes));
}

/* Rounded up, so that a full disk says so and a nearly full one doesn't say less. */
static unsigned percent(uint64_t used, uint64_t available)
{
    uint64_t all = used + available;

    return all > 0 ? (unsigned)((used * 100 + all - 1) / all) : 0;
}

static bool add_path(struct table *table, const char *path)
{
    struct statvfs room;

    if (statvfs(path, &room) != 0)
        return complain("df", path);
    uint64_t used = room.f_blocks - room.f_bfree;
    table_cell(table, "%s", room.f_source[0] != '\0' ? room.f_source : "-");
    table_cell(table, "%s", room.f_basetype);
    add_bytes(table, room.f_blocks, room.f_frsize);
    add_bytes(table, used, room.f_frsize);
    add_bytes(table, room.f_bavail, room.f_frsize);
    table_cell(table, "%u%%", percent(used, room.f_bavail));
    table_cell(table, "%lu", (unsigned long)(room.f_files - room.f_ffree));
    table_cell(table, "%lu", (unsigned long)room.f_ffree);
    table_cell(table, "%s", path);
    return true;
}

int main(int argc, char *argv[])
{
    struct mounts mounts = {0};
    struct table table;
    bool well = true;

    if (getopt(argc, argv, "") != -1)
        return print_usage("df [PATH...]");
    table_init(&table, columns, COLUMNS);
    if (optind == argc && !mounts_read(&mounts))
        well = complain("df", "the list of mounts");
    for (size_t i = 0; i < mounts.count; i++)
        well = add_path(&table, mounts.list[i].path) && well;
    for (int i = optind; i < argc; i++)
        well = add_path(&table, argv[i]) && well;
    mounts_free(&mounts);
    if (table.cell_count > 0)
        well = table_print(&table) == 0 && well;
    return finish_output("df", well ? EXIT_SUCCESS : EXIT_FAILURE);
}
