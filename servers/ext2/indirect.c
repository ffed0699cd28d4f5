/*
 * Maps of blocks (ext2, ext3): twelve numbers in the inode, then trees of blocks full of numbers,
 * one, two and three levels high.
 */
#include "ext2.h"

/* How many numbers a block has. */
static uint64_t per_block(const struct mount *mount)
{
    return mount->block_size / sizeof(uint32_t);
}

/* How many blocks one number of this level stands for. */
static uint64_t span(const struct mount *mount, unsigned level)
{
    uint64_t blocks = 1;

    while (level-- > 0)
        blocks *= per_block(mount);
    return blocks;
}

uint64_t indirect_limit(const struct mount *mount)
{
    uint64_t blocks = EXT2_NDIR_BLOCKS + span(mount, 1) + span(mount, 2) + span(mount, 3);

    return blocks < UINT32_MAX ? blocks : UINT32_MAX;
}

/* The slot of the inode whose tree `block` is in, the level of that slot, and the tree's first
 * block. */
static unsigned root_of(const struct mount *mount, uint64_t block, unsigned *level, uint64_t *first)
{
    if (block < EXT2_NDIR_BLOCKS) {
        *level = 0;
        *first = block;
        return (unsigned)block;
    }
    *first = EXT2_NDIR_BLOCKS;
    for (*level = 1; *level < 3 && block - *first >= span(mount, *level); ++*level)
        *first += span(mount, *level);
    return EXT2_NDIR_BLOCKS + *level - 1;
}

static int check(struct node *node, uint32_t block)
{
    if (block != 0 && !blocks_valid(node->mount, block, 1))
        return mount_corrupt(node->mount, "file %u has block %u", node->ino, block);
    return 0;
}

/* Adds to the map what `count` numbers say of the blocks from `file` on. */
static int load_numbers(struct node *node, const uint32_t *numbers, uint64_t count, uint64_t file)
{
    for (uint64_t i = 0; i < count;) {
        struct run run = {.file = file + i, .disk = numbers[i], .count = 1};
        int error = check(node, numbers[i]);

        if (error)
            return error;
        for (i++; i < count && numbers[i] == (run.disk ? run.disk + run.count : 0); i++) {
            error = check(node, numbers[i]);
            if (error)
                return error;
            run.count++;
        }
        map_add(node, &run);
    }
    return 0;
}

int indirect_load(struct node *node, uint64_t block)
{
    struct mount *mount = node->mount;
    unsigned level;
    uint64_t first;
    unsigned slot = root_of(mount, block, &level, &first);
    uint32_t at = node->inode.i_block[slot];
    const uint8_t *data;

    if (level == 0)
        return load_numbers(node, &node->inode.i_block[slot], EXT2_NDIR_BLOCKS - slot, block);
    for (;; level--) {
        int error;
        uint64_t index;

        if (at == 0) {
            struct run hole = {.file = first, .count = span(mount, level)};

            map_add(node, &hole);
            return 0;
        }
        error = check(node, at);
        if (!error)
            error = metadata_read(mount, at, &data);
        if (error)
            return error;
        if (level == 1)
            return load_numbers(node, (const uint32_t *)data, per_block(mount), first);
        index = (block - first) / span(mount, level - 1);
        first += index * span(mount, level - 1);
        memcpy(&at, data + index * sizeof(at), sizeof(at));
    }
}

/* ---- changes ---- */

/* A block of numbers: the one that *number names, to be changed, or a new one at *goal, which then
 * moves behind it. */
static int numbers_change(struct node *node, uint32_t *number, uint64_t *goal, uint32_t **numbers)
{
    struct mount *mount = node->mount;
    uint64_t block = *number;
    uint64_t count;
    uint8_t *data;
    int error = check(node, *number);

    if (!error && block == 0) {
        error = blocks_take(mount, *goal, 1, &block, &count);
        if (!error)
            error = file_count_blocks(node, 1);
        *goal = block + 1;
    }
    if (!error)
        error = metadata_change(mount, block, *number == 0 ? CACHE_ZERO : 0, &data);
    if (error)
        return error;
    *number = (uint32_t)block;
    *numbers = (uint32_t *)(void *)data;
    return 0;
}

/* The blocks of numbers come right before the first blocks that they name, so that a file that is
 * written from its beginning on is read without a step aside. */
int indirect_extend(struct node *node, uint64_t goal, struct run *run)
{
    struct mount *mount = node->mount;
    unsigned level;
    uint64_t first;
    uint64_t index = root_of(mount, run->file, &level, &first);
    uint64_t end = level == 0 ? EXT2_NDIR_BLOCKS : per_block(mount);
    uint32_t *numbers = node->inode.i_block;
    uint64_t given = goal;
    int error = 0;

    for (; level > 0 && !error; level--) {
        error = numbers_change(node, &numbers[index], &goal, &numbers);
        index = (run->file - first) / span(mount, level - 1);
        first += index * span(mount, level - 1);
    }
    if (run->count > end - index)
        run->count = end - index;
    if (!error)
        error = blocks_take(mount, goal, run->count, &run->disk, &run->count);
    if (!error)
        error = file_count_blocks(node, (int64_t)run->count);
    for (uint64_t i = 0; i < run->count && !error; i++)
        numbers[index + i] = (uint32_t)(run->disk + i);
    if (error && (error != -ANOLE_ENOSPC || goal != given))
        mount->transaction.error = error;
    return error;
}

/* What is to be given back, collected from its end to its beginning. */
struct cut {
    struct node *node;
    uint64_t block, count;
};

static int give_back(struct cut *cut)
{
    uint64_t count = cut->count;
    int error;

    if (count == 0)
        return 0;
    cut->count = 0;
    error = blocks_give(cut->node->mount, cut->block, count);
    return error ? error : file_count_blocks(cut->node, -(int64_t)count);
}

static int cut_block(struct cut *cut, uint32_t *number)
{
    int error = check(cut->node, *number);

    if (!error && cut->count > 0 && *number + 1 != cut->block)
        error = give_back(cut);
    if (error)
        return error;
    cut->block = *number;
    cut->count++;
    *number = 0;
    return 0;
}

/* The tree of one number, from the block `first` of it on; 1: stopped before that. */
/* NOLINTNEXTLINE(misc-no-recursion) three levels at most */
static int cut_tree(struct cut *cut, uint32_t *number, unsigned level, uint64_t first)
{
    struct mount *mount = cut->node->mount;
    uint64_t goal = 0;
    uint64_t below;
    uint32_t *numbers;
    int error;

    if (*number == 0)
        return 0;
    if (level == 0)
        return cut_block(cut, number);
    if (transaction_large(mount))
        return 1;
    error = numbers_change(cut->node, number, &goal, &numbers);
    if (error)
        return error;
    below = span(mount, level - 1);
    for (uint64_t i = per_block(mount); i-- > first / below;) {
        uint64_t start = i * below;

        error = cut_tree(cut, &numbers[i], level - 1, first > start ? first - start : 0);
        if (error)
            return error;
    }
    return first == 0 ? cut_block(cut, number) : 0;
}

int indirect_cut(struct node *node, uint64_t first)
{
    struct cut cut = {.node = node};
    int error = 0;
    int given;

    for (unsigned slot = EXT2_N_BLOCKS; slot-- > 0 && error == 0;) {
        unsigned level = slot < EXT2_NDIR_BLOCKS ? 0 : slot - EXT2_NDIR_BLOCKS + 1;
        uint64_t start = slot;

        if (level > 0) {
            start = EXT2_NDIR_BLOCKS;
            for (unsigned below = 1; below < level; below++)
                start += span(node->mount, below);
        }
        if (start + span(node->mount, level) <= first)
            break;
        error = cut_tree(&cut, &node->inode.i_block[slot], level,
                         first > start ? first - start : 0);
    }
    if (error < 0)
        return error;
    given = give_back(&cut);
    return given ? given : error;
}
