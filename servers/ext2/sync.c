/*
 * Making things durable: the blocks of a file, and all metadata that was changed since that was
 * last done. So a file's inode, its maps, the bitmaps and the directories that lead to it are
 * always among them. Afterwards the superblock may say that the file system is clean.
 */
#include "ext2.h"

#include <libanole/anole.h>

/* ---- which metadata was changed ---- */

#define CHANGED_SLOTS (2 * CHANGED_MAX)

int changed_open(struct mount *mount)
{
    mount->changed.blocks = calloc(CHANGED_SLOTS, sizeof(uint64_t));
    return mount->changed.blocks ? 0 : -ANOLE_ENOMEM;
}

/* Block numbers are kept plus one. */
void changed_add(struct mount *mount, uint64_t block)
{
    struct changed *changed = &mount->changed;
    uint64_t i = block * 0x9e3779b97f4a7c15u >> 32;

    if (changed->count == CHANGED_MAX)
        changed->all = true;
    if (changed->all)
        return;
    for (i %= CHANGED_SLOTS; changed->blocks[i] != 0; i = (i + 1) % CHANGED_SLOTS)
        if (changed->blocks[i] == block + 1)
            return;
    changed->blocks[i] = block + 1;
    changed->count++;
}

static void changed_clear(struct changed *changed)
{
    memset(changed->blocks, 0, CHANGED_SLOTS * sizeof(uint64_t));
    changed->count = 0;
    changed->all = false;
}

/* ---- one file ---- */

/* A list of blocks that grows. */
struct list {
    uint64_t *blocks;
    size_t count, room;
};

static int list_add(struct list *list, uint64_t block)
{
    if (list->count == list->room) {
        size_t more = list->room ? list->room * 2 : 256;
        uint64_t *larger = realloc(list->blocks, more * sizeof(*larger));

        if (!larger)
            return -ANOLE_ENOMEM;
        list->blocks = larger;
        list->room = more;
    }
    list->blocks[list->count++] = block;
    return 0;
}

static int list_data(struct node *node, uint64_t first, uint64_t end, struct list *list)
{
    while (first < end) {
        struct run run;
        int error = map_find(node, first, &run);

        if (error)
            return error;
        for (uint64_t i = 0; i < run.count && first < end; i++, first++) {
            if (run.disk != 0 && !run.unwritten)
                error = list_add(list, run.disk + i);
            if (error)
                return error;
        }
    }
    return 0;
}

static int list_metadata(const struct changed *changed, struct list *list)
{
    int error = 0;

    for (unsigned i = 0; i < CHANGED_SLOTS && !error; i++)
        if (changed->blocks[i] != 0)
            error = list_add(list, changed->blocks[i] - 1);
    return error;
}

/* Times that are only in memory go into the inode. */
static int store_times(struct node *node)
{
    struct mount *mount = node->mount;
    int error;

    if (!node->times_changed || mount->read_only)
        return 0;
    error = mount_enter_change(mount);
    if (error)
        return error;
    if (!node->gone) {
        error = transaction_node(mount, node);
        if (!error)
            error = mount_commit(mount, operation_none(), 0);
    }
    mount_leave(mount);
    return error;
}

/* With the lock of syncs: who syncs next must not find nothing to do before this one is done. */
static int sync_blocks(struct node *node)
{
    struct mount *mount = node->mount;
    uint64_t first = node->dirty_first;
    uint64_t end = node->dirty_end;
    bool all = mount->changed.all;
    struct list list = {0};
    int error = 0;

    if (!all)
        error = list_data(node, first, end, &list);
    if (!error && !all)
        error = list_metadata(&mount->changed, &list);
    if (error == -ANOLE_ENOMEM)
        all = true;
    else if (error) {
        free(list.blocks);
        return error;
    }
    /* What is changed from here on is the next one's. */
    changed_clear(&mount->changed);
    if (node->dirty_first == first && node->dirty_end == end)
        node->dirty_first = node->dirty_end = 0;
    if (all)
        error = cache_sync(mount->cache);
    else
        error = cache_write(mount->cache, list.blocks, (unsigned)list.count, true);
    free(list.blocks);
    if (error) {
        mount->changed.all = true;
        data_dirty(node, first, end);
    }
    return error;
}

int file_sync(struct node *node)
{
    struct mount *mount = node->mount;
    int error;

    coro_lock(&mount->sync_lock);
    error = store_times(node);
    if (!error && !node->gone)
        error = sync_blocks(node);
    coro_unlock(&mount->sync_lock);
    return error;
}

/* ---- all ---- */

/* A node whose times are only in memory, held. */
static struct node *next_with_times(struct mount *mount)
{
    for (unsigned i = 0; i < NODE_BUCKETS; i++)
        for (struct node *node = mount->buckets[i]; node; node = node->next)
            if (node->times_changed && !node->gone) {
                uint64_t number = node_number(node);

                if (node_get(mount, number, &node) == 0)
                    return node;
                return NULL;
            }
    return NULL;
}

static int store_all_times(struct mount *mount)
{
    struct node *node;
    int error = 0;

    while (!error && (node = next_with_times(mount)) != NULL) {
        error = store_times(node);
        node_put(node);
    }
    return error;
}

static void forget_dirty(struct mount *mount)
{
    for (unsigned i = 0; i < NODE_BUCKETS; i++)
        for (struct node *node = mount->buckets[i]; node; node = node->next)
            node->dirty_first = node->dirty_end = 0;
}

/* Nothing changes meanwhile: what changed since the others were written, then the superblock. */
static int make_clean(struct mount *mount)
{
    uint64_t block = SUPERBLOCK_OFFSET / mount->block_size;
    struct list list = {0};
    int error = mount->changed.all ? -ANOLE_ENOMEM : list_metadata(&mount->changed, &list);

    if (error)
        error = cache_sync(mount->cache);
    else if (list.count > 0)
        error = cache_write(mount->cache, list.blocks, (unsigned)list.count, true);
    free(list.blocks);
    if (error)
        return error;
    changed_clear(&mount->changed);
    if (mount->fs->super->s_state & EXT2_VALID_FS || mount->fs->super->s_last_orphan)
        return 0;
    mount->fs->super->s_state |= EXT2_VALID_FS;
    error = mount_commit(mount, operation_none(), 0);
    return error ? error : cache_write(mount->cache, &block, 1, true);
}

int mount_flush(struct mount *mount)
{
    int error;

    if (mount->corrupt)
        return cache_sync(mount->cache);
    if (mount->read_only)
        return 0;
    coro_lock(&mount->sync_lock);
    error = store_all_times(mount);
    if (!error) {
        forget_dirty(mount);
        changed_clear(&mount->changed);
        error = cache_sync(mount->cache);
    }
    if (!error) {
        mount_enter(mount);
        error = make_clean(mount);
        mount_leave(mount);
    }
    if (error)
        mount->changed.all = true;
    coro_unlock(&mount->sync_lock);
    return error;
}
