/*
 * Reading: from the cache to the client, without the mount's lock where blocks are known.
 * Sequential readers are read ahead for, further each time.
 */
#include "ext2.h"

#define AHEAD_MIN (64u * 1024u)
#define AHEAD_MAX (1024u * 1024u)
/* Block numbers that are handed to the cache at a time. */
#define BATCH 256u

void data_dirty(struct node *node, uint64_t first, uint64_t end)
{
    if (node->dirty_first >= node->dirty_end) {
        node->dirty_first = first;
        node->dirty_end = end;
        return;
    }
    if (first < node->dirty_first)
        node->dirty_first = first;
    if (end > node->dirty_end)
        node->dirty_end = end;
}

/* Hands the batch over: how many of it the cache doesn't take now. */
static unsigned batch_read(struct node *node, const uint64_t *blocks, unsigned *count)
{
    unsigned left = *count - cache_read_ahead(node->mount->cache, blocks, *count);

    *count = 0;
    return left;
}

/* Begins to read the blocks of [first, end): where to go on next time. Waits for the map alone,
 * which the reader needs soon. */
static uint64_t read_ahead(struct node *node, uint64_t first, uint64_t end)
{
    uint64_t blocks[BATCH];
    unsigned count = 0, left = 0;
    struct run run;

    while (first < end && left == 0 && map_find(node, first, &run) == 0) {
        for (uint64_t i = 0; i < run.count && first < end && left == 0; i++, first++) {
            if (run.disk == 0 || run.unwritten)
                continue;
            blocks[count++] = run.disk + i;
            if (count == BATCH)
                left = batch_read(node, blocks, &count);
        }
    }
    if (count > 0)
        left = batch_read(node, blocks, &count);
    return first - left;
}

/* How a reader goes on is known by where it goes on. */
static void look_ahead(struct node *node, uint64_t position, uint64_t len)
{
    uint32_t size = node->mount->block_size;
    uint64_t end = position + len;
    uint64_t last = (node_size(node) + size - 1) / size;
    uint64_t from;
    uint64_t to;

    if (position != node->next_position) {
        node->ahead = 0;
        node->ahead_end = position;
    } else if (node->ahead < AHEAD_MAX) {
        node->ahead = node->ahead ? node->ahead * 2 : AHEAD_MIN;
    }
    node->next_position = end;
    if (node->ahead_end < position)
        node->ahead_end = position;
    /* What was asked for ahead lasts for a while. */
    if (end + node->ahead / 2 <= node->ahead_end)
        return;
    from = node->ahead_end / size;
    to = (end + node->ahead + size - 1) / size;
    node->ahead_end = read_ahead(node, from, to < last ? to : last) * size;
}

static int clear_client(struct fs_data *data, uint64_t offset, uint64_t len)
{
    static const uint8_t zeroes[4096];
    int error = 0;

    while (len > 0 && !error) {
        uint64_t part = len < sizeof(zeroes) ? len : sizeof(zeroes);

        error = fs_data_to_client(data, offset, zeroes, part);
        offset += part;
        len -= part;
    }
    return error;
}

/* Bytes that lie in one block; where it is may change while the disk is waited for. */
static int read_part(struct node *node, uint64_t position, struct fs_data *data, uint64_t offset,
                     uint64_t len)
{
    struct mount *mount = node->mount;

    for (;;) {
        struct cache_block *block;
        struct run run;
        uint8_t *bytes;
        unsigned version;
        int error = map_find(node, position / mount->block_size, &run);

        if (error)
            return error;
        if (run.disk == 0 || run.unwritten)
            return clear_client(data, offset, len);
        version = node->version;
        error = cache_get(mount->cache, run.disk, 0, &block, &bytes);
        if (error)
            return error;
        if (version == node->version) {
            error = fs_data_to_client(data, offset, bytes + position % mount->block_size, len);
            cache_put(mount->cache, block, false);
            return error;
        }
        cache_put(mount->cache, block, false);
    }
}

int64_t read_data(struct node *node, uint64_t position, struct fs_data *data, uint64_t len)
{
    uint32_t size = node->mount->block_size;
    uint64_t file_size = node_size(node);
    uint64_t done = 0;
    struct run run;
    int error = 0;

    if (position >= file_size || len == 0)
        return 0;
    if (len > file_size - position)
        len = file_size - position;
    error = map_find(node, position / size, &run);
    if (error)
        return error;
    look_ahead(node, position, len);
    while (done < len && !error) {
        uint64_t part = size - (position + done) % size;

        if (part > len - done)
            part = len - done;
        error = read_part(node, position + done, data, done, part);
        if (!error)
            done += part;
    }
    return done > 0 ? (int64_t)done : error;
}
