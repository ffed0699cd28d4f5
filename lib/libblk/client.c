/*
 * libblk, client side: what programs call. See client.h for the contract and client_internal.h for
 * which file does what.
 */
#include <libblk/client_internal.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_DEFAULT 64u
#define POOL_DEFAULT ((size_t)1 << 20)
#define RETAIN_DEFAULT ((size_t)4 << 20)
#define TIMEOUT_DEFAULT_US 5000000u
#define RETAINED_BYTES_AN_ENTRY 2048u /* smaller writes make libblk flush earlier */
#define CLOSE_WAIT_US 100000u

static size_t round_up(size_t len, size_t unit)
{
    return (len + unit - 1) / unit * unit;
}

/* ---- opening ---- */

/* "vda3": driver "vda", minor 3; "vda": minor 0. -ENOENT: can be no such name. */
static int parse_name(struct blk_client *client, const char *name)
{
    size_t len = strlen(name);
    size_t base = len;
    while (base > 0 && isdigit((unsigned char)name[base - 1]))
        base--;
    if (base == 0 || base >= sizeof client->driver_name || len - base > 2 || name[base] == '0')
        return -ANOLE_ENOENT;
    memcpy(client->driver_name, name, base);
    client->minor = base == len ? 0 : (unsigned)strtoul(name + base, NULL, 10);
    return client->minor < BLK_MINORS ? 0 : -ANOLE_ENOENT;
}

static int fill_options(struct blk_client *client, const struct blk_client_options *wanted)
{
    struct blk_client_options *options = &client->options;
    *options = *wanted;
    if (options->depth == 0)
        options->depth = DEPTH_DEFAULT;
    if (options->pool_bytes == 0)
        options->pool_bytes = POOL_DEFAULT;
    if (options->retain_bytes == 0)
        options->retain_bytes = RETAIN_DEFAULT;
    if (options->timeout_us == 0)
        options->timeout_us = TIMEOUT_DEFAULT_US;
    if (options->depth > REPLAY_DEPTH_MAX || options->pool_bytes > SIZE_MAX / 2 ||
        (options->retain_bytes > SIZE_MAX / 2 && options->retain_bytes != BLK_RETAIN_NONE) ||
        (options->pool &&
         ((uintptr_t)options->pool % PAGE_SIZE != 0 || options->pool_bytes % PAGE_SIZE != 0)) ||
        options->notify_bit + 1 >= NOTIFY_OWN_BITS || (options->shared && !options->write))
        return -ANOLE_EINVAL;
    options->pool_bytes = round_up(options->pool_bytes, PAGE_SIZE);
    return 0;
}

static int map_memory(size_t len, uint8_t **memory)
{
    void *address;
    int error = kcall_map(len, PROT_READ_BIT | PROT_WRITE_BIT, &address);
    if (!error)
        *memory = address;
    return error;
}

/* A disk without a volatile cache has nothing to lose; shared writers can't keep what another may
 * have overwritten. */
static bool retains(const struct blk_client *client)
{
    return client->options.write && !client->options.shared &&
           client->options.retain_bytes != BLK_RETAIN_NONE &&
           (client->info.flags & BLK_INFO_FLUSH) != 0;
}

/* The program's own memory, or some with the synchronous calls' part behind it. */
static int make_pool(struct blk_client *client)
{
    client->pool_mapped = client->options.pool_bytes;
    if (client->options.pool) {
        client->pool = client->options.pool;
        return 0;
    }
    client->pool_mapped += REPLAY_SYNC_SLOTS * SYNC_PIECE_BYTES;
    return map_memory(client->pool_mapped, &client->pool);
}

int client_allocate(struct blk_client *client)
{
    int error = make_pool(client);
    if (!error && retains(client)) {
        size_t unit = client->info.logical_block_bytes;
        unit = unit < PAGE_SIZE ? PAGE_SIZE : unit;
        client->copies_bytes = round_up(client->options.retain_bytes, unit);
        error = map_memory(client->copies_bytes, &client->copies);
    }
    if (error)
        return error;
    size_t entries = client->copies_bytes / RETAINED_BYTES_AN_ENTRY + client->options.depth;
    const struct replay_options options = {
        .depth = client->options.depth,
        .pool = client->pool,
        .copies = client->copies,
        .copies_bytes = client->copies_bytes,
        .retained_max = entries < RETAINED_ENTRIES_MAX ? (uint32_t)entries : RETAINED_ENTRIES_MAX,
    };
    return replay_init(&client->replay, &options);
}

void client_dispose(struct blk_client *client)
{
    if (peer_alive(client->session.driver))
        (void)session_quit(client);
    (void)session_release(client, deadline_in_us(CLOSE_WAIT_US));
    replay_free(&client->replay);
    if (client->pool && !client->options.pool)
        (void)kcall_unmap(client->pool, client->pool_mapped);
    if (client->copies)
        (void)kcall_unmap(client->copies, client->copies_bytes);
    free(client);
}

static int try_open(struct blk_client *client)
{
    endpoint_t driver;
    int error = client_find_driver(client, &driver);
    if (!error)
        error = session_begin(client, driver);
    if (!error && client->options.write && (client->info.flags & BLK_INFO_READ_ONLY))
        error = -ANOLE_EROFS;
    if (!error && !client->replay.requests)
        error = client_allocate(client);
    return error ? error : session_establish(client);
}

int client_new(struct blk_client **made, const char *name, const struct blk_client_options *options)
{
    struct blk_client *client = calloc(1, sizeof *client);
    if (!client)
        return -ANOLE_ENOMEM;
    client->session.driver = ENDPOINT_NONE;
    int error = parse_name(client, name);
    if (!error)
        error = fill_options(client, options);
    client->call_us = client->options.timeout_us;
    if (error)
        free(client);
    else
        *made = client;
    return error;
}

int blk_open(struct blk_client **opened, const char *name, const struct blk_client_options *options)
{
    struct blk_client *client;
    int error = client_new(&client, name, options);
    if (error)
        return error;
    error = try_open(client);
    /* The driver died just now: its successor will do. */
    for (unsigned tries = 0; error == -ANOLE_EDEADENDPOINT && tries < BLK_CLIENT_TRIES; tries++) {
        error = session_release(client, client_deadline(client));
        if (!error)
            error = try_open(client);
    }
    client->changed = false;
    if (error)
        client_dispose(client);
    else
        *opened = client;
    return error;
}

int blk_close(struct blk_client *client)
{
    int error = 0;
    while (!client->error && replay_busy(&client->replay))
        client_step(client, true);
    if (client->options.write)
        error = blk_flush(client);
    client_dispose(client);
    return error;
}

const struct blk_info *blk_client_info(const struct blk_client *client)
{
    return &client->info;
}

bool blk_client_changed(struct blk_client *client)
{
    uint64_t mask = NOTIFY_BIT(client_event_bit(client));
    struct ipc_delivery delivery;
    if (!client->error && !client->broken &&
        ipc_receive(&delivery, mask, DEADLINE_POLL, RECEIVE_NO_REQUESTS) == 0)
        client_event(client);
    bool changed = client->changed;
    client->changed = false;
    return changed;
}

int blk_client_cache_mode(struct blk_client *client, enum blk_cache_mode mode)
{
    enum blk_cache_mode before = client->cache_mode;
    int error = -ANOLE_EDEADENDPOINT;
    client->cache_mode = mode;
    while (error == -ANOLE_EDEADENDPOINT && !client->error) {
        if (client->broken)
            client_recover(client);
        error = session_set_cache(client);
        client->broken = client->broken || error == -ANOLE_EDEADENDPOINT;
    }
    if (error)
        client->cache_mode = before;
    return client->error ? client->error : error;
}

void *blk_client_pool(struct blk_client *client, size_t *len)
{
    *len = client->options.pool_bytes;
    return client->pool;
}

/* ---- requests ---- */

static int check_range(const struct blk_client *client, const struct blk_io *io)
{
    uint32_t block = client->info.logical_block_bytes;
    uint64_t capacity = client->info.capacity_sectors;
    if (block == 0)
        return -ANOLE_EAGAIN; /* no instance has said yet what the disk is */
    if (io->len_bytes == 0 || io->len_bytes % block != 0 ||
        io->sector % (block / BLK_SECTOR_SIZE) != 0)
        return -ANOLE_EINVAL;
    if (io->sector > capacity || io->len_bytes / BLK_SECTOR_SIZE > capacity - io->sector)
        return -ANOLE_ERANGE;
    return 0;
}

int client_check_io(const struct blk_client *client, const struct blk_io *io)
{
    static const uint32_t flags_allowed[] = {
        [BLK_OP_READ] = 0,    [BLK_OP_WRITE] = BLK_FUA,          [BLK_OP_FLUSH] = 0,
        [BLK_OP_DISCARD] = 0, [BLK_OP_WRITE_ZEROES] = BLK_UNMAP,
    };
    if ((unsigned)io->op > BLK_OP_WRITE_ZEROES || (io->flags & ~flags_allowed[io->op]) != 0)
        return -ANOLE_EINVAL;
    if (io->op == BLK_OP_FLUSH)
        return 0;
    if (io->op != BLK_OP_READ && !client->options.write)
        return -ANOLE_EROFS;
    if ((io->op == BLK_OP_DISCARD && !(client->info.flags & BLK_INFO_DISCARD)) ||
        (io->op == BLK_OP_WRITE_ZEROES && !(client->info.flags & BLK_INFO_WRITE_ZEROES)))
        return -ANOLE_ENOSYS;
    return check_range(client, io);
}

int blk_submit(struct blk_client *client, const struct blk_io *io)
{
    if (client->error)
        return client->error;
    int error = client_check_io(client, io);
    if (error)
        return error;
    if (io->op == BLK_OP_READ || io->op == BLK_OP_WRITE) {
        if (io->len_bytes > client->info.max_request_bytes)
            return -ANOLE_EINVAL;
        if (io->pool_offset > client->options.pool_bytes ||
            io->len_bytes > client->options.pool_bytes - io->pool_offset)
            return -ANOLE_EINVAL;
    }
    return replay_submit(&client->replay, io, REPLAY_PROGRAM);
}

int blk_reap(struct blk_client *client, struct blk_completion *completions, unsigned max,
             unsigned min)
{
    unsigned count = 0;
    bool published = false;
    while (true) {
        while (count < max && replay_take(&client->replay, REPLAY_PROGRAM, &completions[count]))
            count++;
        bool enough = count >= min || count == max || !replay_busy(&client->replay);
        /* Who waits publishes, rings and sleeps in one step. */
        if (!enough || !published)
            client_step(client, !enough);
        if (enough)
            return (int)count;
        published = true;
    }
}

void blk_client_stats(const struct blk_client *client, struct blk_client_stats *stats)
{
    const struct retained *retained = &client->replay.retained;
    *stats = client->stats;
    stats->replayed = client->replay.replayed;
    stats->own_flushes = client->replay.own_flushes;
    stats->retained_bytes_now = retained->data_tail - retained->data_head;
    stats->retained_bytes_max = retained->data_max;
}
