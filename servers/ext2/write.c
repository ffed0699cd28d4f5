/*
 * Writing: from the client into the cache. Blocks that the file has are changed in place; others
 * are taken in one transaction for all of them, after their data is in the cache, so that a file
 * never shows what was in its blocks before.
 *
 * What begins at the file's end or behind it becomes part of the file at once, however many
 * transactions it takes: only the last one changes the size. Meanwhile the file is in the list of
 * orphans, so that whoever finds it so cuts off what is behind its end.
 */
#include "ext2.h"

#define BYTES_AT_ONCE (1024u * 1024u)
#define RUNS_AT_ONCE 32u

struct writing {
    struct node *node;
    struct fs_data *data;
    uint64_t position; /* of its first byte */
    uint64_t len, done;
    bool at_end; /* of the file, or behind it */
};

/* ---- one block's bytes ---- */

/* Copies into one block that is at `disk`. fresh: it has no contents yet. */
static int write_part(struct mount *mount, uint64_t disk, bool fresh, uint64_t in_block,
                      struct fs_data *data, uint64_t offset, uint64_t len)
{
    bool whole = len == mount->block_size;
    bool lost = whole && (fresh || !cache_has(mount->cache, disk)); /* if the copy fails */
    unsigned flags = lost ? CACHE_OVERWRITE : fresh ? CACHE_ZERO : CACHE_CHANGE;
    struct cache_block *block;
    uint8_t *bytes;
    int error = cache_get(mount->cache, disk, flags, &block, &bytes);

    if (error)
        return error;
    error = fs_data_from_client(data, offset, bytes + in_block, len);
    /* The cache forgets a new one that was never right. */
    cache_put(mount->cache, block, !(error && lost));
    return error;
}

/* `len` bytes at `position`, of which the first block is at run->disk. */
static int write_run(struct node *node, const struct run *run, bool fresh, uint64_t position,
                     struct fs_data *data, uint64_t offset, uint64_t len)
{
    struct mount *mount = node->mount;
    uint32_t size = mount->block_size;
    int error = 0;

    for (uint64_t done = 0; done < len && !error;) {
        uint64_t block = (position + done) / size;
        uint64_t in_block = (position + done) % size;
        uint64_t part = size - in_block;

        if (part > len - done)
            part = len - done;
        error = write_part(mount, run->disk + (block - run->file), fresh, in_block, data,
                           offset + done, part);
        done += part;
    }
    data_dirty(node, position / size, (position + len + size - 1) / size);
    return error;
}

/* Bytes between the old end and the end of its block become part of the file: zeroes. */
static int clear_tail(struct node *node)
{
    struct mount *mount = node->mount;
    uint64_t from = node_size(node);
    uint64_t in_block = from % mount->block_size;
    struct cache_block *block;
    struct run run;
    uint8_t *bytes;
    int error;

    if (in_block == 0)
        return 0;
    error = map_find_inside(node, from / mount->block_size, &run);
    if (error || run.disk == 0 || run.unwritten)
        return error;
    error = cache_get(mount->cache, run.disk, CACHE_CHANGE, &block, &bytes);
    if (error)
        return error;
    memset(bytes + in_block, 0, mount->block_size - in_block);
    cache_put(mount->cache, block, true);
    data_dirty(node, run.file, run.file + 1);
    return 0;
}

static void modified(struct node *node)
{
    int64_t now = time_now();

    node_set_time(node, TIME_MODIFIED, now);
    node_set_time(node, TIME_CHANGED, now);
    node->times_changed = true;
}

static void grow(struct node *node, uint64_t size)
{
    struct ext2_super_block *super = node->mount->fs->super;

    node_set_size(node, size);
    if (size > INT32_MAX && !ext2fs_has_feature_large_file(super))
        ext2fs_set_feature_large_file(super);
}

/* ---- in place ---- */

/* How many of these bytes lie in blocks that the file has and that are written. */
static int64_t len_in_place(struct node *node, uint64_t position, uint64_t len, struct run *run)
{
    uint32_t size = node->mount->block_size;
    uint64_t file_size = node_size(node);
    uint64_t run_end;
    int error;

    if (position >= file_size)
        return 0;
    error = map_find(node, position / size, run);
    if (error)
        return error;
    if (run->disk == 0 || run->unwritten)
        return 0;
    run_end = (run->file + run->count) * size;
    if (len > file_size - position)
        len = file_size - position;
    return (int64_t)(len < run_end - position ? len : run_end - position);
}

/* ---- new blocks ---- */

/* What a write of new blocks does, planned before anything is changed. */
struct plan {
    struct run runs[RUNS_AT_ONCE]; /* as they are before */
    unsigned count;
    struct run done[RUNS_AT_ONCE]; /* and afterwards */
    unsigned done_count;
    uint64_t goal;
};

static uint64_t first_goal(struct node *node)
{
    ext2_filsys fs = node->mount->fs;

    return ext2fs_group_first_block2(fs, (dgrp_t)ext2fs_group_of_ino(fs, node->ino));
}

static int make_plan(struct node *node, uint64_t first, uint64_t end, struct plan *plan)
{
    struct run run;
    int error;

    plan->count = plan->done_count = 0;
    plan->goal = first_goal(node);
    if (first > 0) {
        error = map_find_inside(node, first - 1, &run);
        if (error)
            return error;
        if (run.disk)
            plan->goal = run.disk + 1;
    }
    while (first < end && plan->count < RUNS_AT_ONCE) {
        error = map_find_inside(node, first, &run);
        if (error)
            return error;
        if (run.count > end - first)
            run.count = end - first;
        plan->runs[plan->count++] = run;
        first += run.count;
    }
    return 0;
}

/* The blocks of *run, as far as they could be had: *run is what is there now. */
static int take_blocks(struct node *node, struct plan *plan, struct run *run)
{
    int error = 0;

    if (run->disk == 0)
        error = file_extend(node, plan->goal, run);
    else if (run->unwritten)
        error = extents_written(node, run->file, run->count);
    run->unwritten = false;
    plan->goal = run->disk + run->count;
    return error;
}

/* Writes what was planned; *done bytes. The map learns of it only after the commit. */
static int write_planned(struct node *node, struct plan *plan, uint64_t position,
                         struct fs_data *data, uint64_t offset, uint64_t len, uint64_t *done)
{
    uint32_t size = node->mount->block_size;

    for (unsigned i = 0; i < plan->count; i++) {
        struct run wanted = plan->runs[i];
        uint64_t left = wanted.count;

        while (left > 0 && *done < len) {
            struct run run = {.file = wanted.file + (wanted.count - left),
                              .disk = wanted.disk,
                              .count = left,
                              .unwritten = wanted.unwritten};
            bool fresh = run.disk == 0 || run.unwritten;
            uint64_t part;
            int error;

            if (plan->done_count == RUNS_AT_ONCE || transaction_large(node->mount))
                return 0;
            error = take_blocks(node, plan, &run);
            if (error)
                return error;
            part = (run.file + run.count) * size - (position + *done);
            if (part > len - *done)
                part = len - *done;
            error = write_run(node, &run, fresh, position + *done, data, offset + *done, part);
            if (error)
                return error;
            *done += part;
            left -= run.count;
            plan->done[plan->done_count++] = run;
        }
    }
    return 0;
}

/* What was written up to there is part of the file now. */
static int becomes_part(struct writing *writing, uint64_t end)
{
    struct node *node = writing->node;

    if (end > node_size(node))
        grow(node, end);
    /* Without a name it stays in the list. */
    return writing->at_end && node->inode.i_links_count > 0 ? orphan_remove(node) : 0;
}

static int64_t write_inside(struct writing *writing, uint64_t len)
{
    struct node *node = writing->node;
    struct mount *mount = node->mount;
    uint64_t position = writing->position + writing->done;
    uint64_t end_block = (position + len + mount->block_size - 1) / mount->block_size;
    uint64_t done = 0;
    struct plan plan;
    int error = node->gone ? -ANOLE_ESTALE : transaction_node(mount, node);

    if (!error)
        error = make_plan(node, position / mount->block_size, end_block, &plan);
    if (!error && writing->done == 0 && position > node_size(node))
        error = clear_tail(node);
    if (error)
        return error;
    error = write_planned(node, &plan, position, writing->data, writing->done, len, &done);
    /* What fits into a full disk is written; anything else undoes all. */
    if (error && !(error == -ANOLE_ENOSPC && done > 0))
        return error;
    if (writing->at_end && writing->done + done < writing->len)
        error = orphan_add(node);
    else
        error = becomes_part(writing, position + done);
    if (error)
        return error;
    modified(node);
    error = mount_commit(mount, operation_none(), 0);
    if (error)
        return error;
    for (unsigned i = 0; i < plan.done_count; i++)
        map_add(node, &plan.done[i]);
    return (int64_t)done;
}

/* A disk that is nearly full may lack room for the maps of so much: then less is written. */
static int64_t write_new(struct writing *writing, uint64_t len)
{
    struct mount *mount = writing->node->mount;
    int64_t result;

    for (;; len = len / 4 < mount->block_size ? mount->block_size : len / 4) {
        result = mount_enter_change(mount);
        if (result)
            return result;
        result = write_inside(writing, len);
        mount_leave(mount);
        if (result != -ANOLE_ENOSPC || len <= mount->block_size ||
            ext2fs_free_blocks_count(mount->fs->super) == 0)
            return result;
    }
}

static int64_t write_some(struct writing *writing)
{
    struct node *node = writing->node;
    uint64_t position = writing->position + writing->done;
    uint64_t len = writing->len - writing->done;
    struct run run;
    int64_t here;
    int error;

    if (len > BYTES_AT_ONCE)
        len = BYTES_AT_ONCE;
    if (node->gone)
        return -ANOLE_ESTALE;
    if (node->mount->read_only)
        return node->mount->corrupt ? -ANOLE_EIO : -ANOLE_EROFS;
    here = len_in_place(node, position, len, &run);
    if (here == 0)
        return write_new(writing, len);
    if (here < 0)
        return here;
    error = write_run(node, &run, false, position, writing->data, writing->done, (uint64_t)here);
    modified(node);
    return error ? error : here;
}

/* What was written at the end without coming to an end, because the disk is full or the client's
 * memory has gone, becomes part of the file, or is cut off. */
static int end_early(struct writing *writing)
{
    struct node *node = writing->node;
    struct mount *mount = node->mount;
    int error = mount_enter_change(mount);

    if (error)
        return error;
    error = transaction_node(mount, node);
    if (!error)
        error = becomes_part(writing, writing->position + writing->done);
    modified(node);
    if (!error)
        error = mount_commit(mount, operation_none(), 0);
    mount_leave(mount);
    if (error)
        (void)file_finish(node); /* if not now, then after the next mount */
    return error;
}

static int64_t write_all(struct writing *writing)
{
    int64_t part = 0;

    while (writing->done < writing->len && part >= 0) {
        part = write_some(writing);
        if (part == 0)
            part = -ANOLE_ENOSPC;
        if (part > 0)
            writing->done += (uint64_t)part;
    }
    if (part < 0 && writing->done > 0 && writing->at_end) {
        int error = end_early(writing);

        if (error)
            return error;
    }
    return writing->done > 0 ? (int64_t)writing->done : part;
}

int64_t write_data(struct node *node, uint64_t position, struct fs_data *data, uint64_t len)
{
    struct writing writing = {.node = node, .data = data, .position = position, .len = len};
    uint64_t limit = map_limit(node) * node->mount->block_size;
    int64_t result = -ANOLE_EFBIG;

    if (len == 0)
        return 0;
    /* This file may be one of them: they are finished while nobody has its lock. */
    mount_finish_orphans(node->mount);
    coro_lock(&node->change);
    if (position == FS_END)
        writing.position = fs_data_at_end(data, node_size(node));
    if (writing.position < limit) {
        if (len > limit - writing.position)
            writing.len = limit - writing.position;
        writing.at_end = writing.position >= node_size(node);
        result = write_all(&writing);
    }
    coro_unlock(&node->change);
    return result;
}

/* ---- the size ---- */

/* 1: orphan_finish must follow. */
static int truncate_inside(struct node *node, uint64_t size)
{
    struct mount *mount = node->mount;
    int more = 0;
    int error = node->gone ? -ANOLE_ESTALE : transaction_node(mount, node);

    if (!error && size > node_size(node)) {
        error = clear_tail(node);
        grow(node, size);
    } else if (!error) {
        node_set_size(node, size);
        more = file_cut(node, (size + mount->block_size - 1) / mount->block_size);
        if (more == 1)
            error = orphan_add(node);
    }
    if (error || more < 0)
        return error ? error : more;
    modified(node);
    error = mount_commit(mount, operation_none(), 0);
    return error ? error : more;
}

int truncate_data(struct node *node, uint64_t size)
{
    int result;

    if (size > map_limit(node) * node->mount->block_size)
        return -ANOLE_EFBIG;
    mount_finish_orphans(node->mount); /* see write_data */
    coro_lock(&node->change);
    result = mount_enter_change(node->mount);
    if (!result) {
        result = truncate_inside(node, size);
        mount_leave(node->mount);
    }
    /* Nobody writes behind the new end before what was there is gone. */
    if (result == 1)
        result = file_finish(node);
    coro_unlock(&node->change);
    return result;
}
