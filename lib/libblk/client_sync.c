/*
 * Synchronous reads, writes and flushes: pieces of what the caller wants, a few at a time, through
 * the same path as everything else. They have request slots and memory of their own, so they may be
 * mixed with submitted requests; the order rules hold among all of them.
 */
#include <libblk/client_internal.h>
#include <string.h>

struct transfer {
    enum blk_op op;
    uint64_t sector;
    uint8_t *buffer;
    size_t len;
    bool in_pool; /* no copy is needed */
};

/* The part of the memory behind the program's pool that belongs to a slot. */
static size_t slot_offset(const struct blk_client *client, unsigned slot)
{
    return client->options.pool_bytes + slot * SYNC_PIECE_BYTES;
}

/* Waits for all synchronous requests: the first error, or 0. A read's data is copied out as each
 * piece is answered; its tag says which slot it has. */
static int wait_all(struct blk_client *client, const struct transfer *transfer,
                    const struct blk_io *pieces, unsigned count)
{
    struct blk_completion completion;
    int error = 0;
    for (unsigned left = count; left > 0;) {
        if (!replay_take(&client->replay, REPLAY_SYNC, &completion)) {
            client_step(client, true);
            continue;
        }
        left--;
        if (completion.status != 0) {
            error = error ? error : completion.status;
        } else if (transfer->op == BLK_OP_READ && !transfer->in_pool) {
            const struct blk_io *io = &pieces[completion.tag];
            size_t done = (io->sector - transfer->sector) * BLK_SECTOR_SIZE;
            memcpy(transfer->buffer + done, client->pool + io->pool_offset, io->len_bytes);
        }
    }
    return error;
}

/* The piece that begins after `done` bytes, for a slot. */
static struct blk_io next_piece(struct blk_client *client, const struct transfer *transfer,
                                size_t done, unsigned slot)
{
    size_t most = transfer->in_pool ? client->info.max_request_bytes : SYNC_PIECE_BYTES;
    if (most > client->info.max_request_bytes)
        most = client->info.max_request_bytes;
    most -= most % client->info.logical_block_bytes;
    struct blk_io io = {
        .op = transfer->op,
        .sector = transfer->sector + done / BLK_SECTOR_SIZE,
        .len_bytes = transfer->len - done < most ? transfer->len - done : most,
        .tag = slot,
    };
    if (transfer->in_pool) {
        io.pool_offset = (size_t)(transfer->buffer - client->pool) + done;
    } else {
        io.pool_offset = slot_offset(client, slot);
        if (transfer->op == BLK_OP_WRITE)
            memcpy(client->pool + io.pool_offset, transfer->buffer + done, io.len_bytes);
    }
    return io;
}

static int transfer_all(struct blk_client *client, const struct transfer *transfer)
{
    for (size_t done = 0; done < transfer->len;) {
        struct blk_io pieces[REPLAY_SYNC_SLOTS];
        unsigned count = 0;
        if (client->error)
            return client->error;
        for (; count < REPLAY_SYNC_SLOTS && done < transfer->len; count++) {
            pieces[count] = next_piece(client, transfer, done, count);
            done += pieces[count].len_bytes;
            int error = replay_submit(&client->replay, &pieces[count], REPLAY_SYNC);
            if (error)
                panic("libblk: no slot for a synchronous request: %s", anole_error_name(error));
        }
        int error = wait_all(client, transfer, pieces, count);
        if (error)
            return error;
    }
    return 0;
}

static int transfer_checked(struct blk_client *client, struct transfer *transfer)
{
    const struct blk_io whole = {
        .op = transfer->op, .sector = transfer->sector, .len_bytes = transfer->len};
    int error = client_check_io(client, &whole);
    if (error)
        return error;
    uintptr_t pool = (uintptr_t)client->pool;
    uintptr_t start = (uintptr_t)transfer->buffer;
    transfer->in_pool = start >= pool && start - pool <= client->options.pool_bytes &&
                        transfer->len <= client->options.pool_bytes - (start - pool);
    return transfer_all(client, transfer);
}

int blk_read(struct blk_client *client, uint64_t sector, void *buffer, size_t len)
{
    struct transfer transfer = {.op = BLK_OP_READ, .sector = sector, .buffer = buffer, .len = len};
    return transfer_checked(client, &transfer);
}

int blk_write(struct blk_client *client, uint64_t sector, const void *buffer, size_t len)
{
    /* Only ever read through: transfer.buffer has no const because reads share the struct. */
    struct transfer transfer = {
        .op = BLK_OP_WRITE, .sector = sector, .buffer = (uint8_t *)(uintptr_t)buffer, .len = len};
    return transfer_checked(client, &transfer);
}

int blk_flush(struct blk_client *client)
{
    const struct transfer transfer = {.op = BLK_OP_FLUSH};
    const struct blk_io flush = {.op = BLK_OP_FLUSH};
    if (client->error)
        return client->error;
    int error = replay_submit(&client->replay, &flush, REPLAY_SYNC);
    return error ? error : wait_all(client, &transfer, &flush, 1);
}
