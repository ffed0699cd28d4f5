/*
 * Where a file's blocks are: runs that were looked up, so that data that is in the cache can be
 * read without the mount's lock. Only what is committed stands here.
 */
#include "ext2.h"

/* Of one file; a file with more is looked up again and again. */
#define RUNS_MAX 4096u

/* The last run that begins at `block` or before; count: none. */
static unsigned run_before(const struct map *map, uint64_t block)
{
    unsigned low = 0;
    unsigned high = map->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (map->runs[middle].file <= block)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : map->count;
}

static bool run_holds(const struct run *run, uint64_t block)
{
    return block >= run->file && block - run->file < run->count;
}

/* Of the run, what comes from `block` on. */
static struct run run_from(const struct run *run, uint64_t block)
{
    uint64_t skipped = block - run->file;

    return (struct run){.file = block,
                        .disk = run->disk ? run->disk + skipped : 0,
                        .count = run->count - skipped,
                        .unwritten = run->unwritten};
}

bool map_known(const struct node *node, uint64_t block, struct run *run)
{
    unsigned i = run_before(&node->map, block);

    if (i == node->map.count || !run_holds(&node->map.runs[i], block))
        return false;
    *run = run_from(&node->map.runs[i], block);
    return true;
}

void map_forget(struct node *node)
{
    free(node->map.runs);
    node->map = (struct map){0};
    node->version++;
}

static bool follows(const struct run *run, const struct run *next)
{
    return run->file + run->count == next->file && run->unwritten == next->unwritten &&
           (run->disk ? run->disk + run->count == next->disk : next->disk == 0);
}

static bool map_room(struct map *map)
{
    unsigned more = map->room ? map->room * 2 : 4;
    struct run *larger;

    if (map->count + 1 < map->room)
        return true;
    larger = realloc(map->runs, more * sizeof(*larger));
    if (!larger)
        return false;
    map->runs = larger;
    map->room = more;
    return true;
}

/* Makes room at [file, file + count): what is there goes. -1: no memory. */
static int map_cut(struct map *map, uint64_t first, uint64_t count, unsigned *at)
{
    uint64_t end = first + count;
    unsigned i = run_before(map, first);

    if (i == map->count)
        i = 0;
    else if (!run_holds(&map->runs[i], first))
        i++;
    if (i < map->count && map->runs[i].file < first) {
        struct run *run = &map->runs[i];
        uint64_t run_end = run->file + run->count;

        if (run_end > end) { /* it goes on behind */
            if (!map_room(map))
                return -1;
            run = &map->runs[i];
            memmove(run + 2, run + 1, (map->count - i - 1) * sizeof(*run));
            run[1] = run_from(run, end);
            map->count++;
        }
        run->count = first - run->file;
        i++;
    }
    *at = i;
    while (i < map->count && map->runs[i].file + map->runs[i].count <= end)
        i++;
    memmove(&map->runs[*at], &map->runs[i], (map->count - i) * sizeof(*map->runs));
    map->count -= i - *at;
    if (*at < map->count && map->runs[*at].file < end)
        map->runs[*at] = run_from(&map->runs[*at], end);
    return 0;
}

void map_add(struct node *node, const struct run *run)
{
    struct map *map = &node->map;
    unsigned at;

    /* What doesn't fit is looked up again. */
    if (map->count >= RUNS_MAX || !map_room(map) || map_cut(map, run->file, run->count, &at) != 0 ||
        !map_room(map)) {
        map_forget(node);
        return;
    }
    if (at > 0 && follows(&map->runs[at - 1], run)) {
        map->runs[at - 1].count += run->count;
        return;
    }
    memmove(&map->runs[at + 1], &map->runs[at], (map->count - at) * sizeof(*map->runs));
    map->runs[at] = *run;
    map->count++;
}

uint64_t map_limit(const struct node *node)
{
    return node_has_extents(node) ? UINT32_MAX : indirect_limit(node->mount);
}

int map_find_inside(struct node *node, uint64_t block, struct run *run)
{
    int error;

    if (map_known(node, block, run))
        return 0;
    if (block >= map_limit(node))
        return -ANOLE_EFBIG;
    error = node_has_extents(node) ? extents_load(node, block) : indirect_load(node, block);
    if (error)
        return error;
    return map_known(node, block, run) ? 0 : -ANOLE_ENOMEM;
}

int map_find(struct node *node, uint64_t block, struct run *run)
{
    int error;

    if (map_known(node, block, run))
        return 0;
    mount_enter(node->mount);
    error = node->gone ? -ANOLE_ESTALE : map_find_inside(node, block, run);
    mount_leave(node->mount);
    return error;
}

static int extend_extents(struct node *node, uint64_t goal, struct run *run)
{
    int error = blocks_take(node->mount, goal, run->count, &run->disk, &run->count);

    if (error)
        return error;
    error = file_count_blocks(node, (int64_t)run->count);
    if (!error)
        error = extents_add(node, run);
    if (error)
        node->mount->transaction.error = error;
    return error;
}

int file_extend(struct node *node, uint64_t goal, struct run *run)
{
    return node_has_extents(node) ? extend_extents(node, goal, run)
                                  : indirect_extend(node, goal, run);
}

int file_count_blocks(struct node *node, int64_t change)
{
    ext2_filsys fs = node->mount->fs;
    errcode_t error = change > 0 ? ext2fs_iblk_add_blocks(fs, node_inode(node), (blk64_t)change)
                                 : ext2fs_iblk_sub_blocks(fs, node_inode(node), (blk64_t)-change);

    return error_from(node->mount, error, "a count of blocks");
}
