/*
 * What programs do with open files. Where a request begins is noted before anything moves: asked again
 * after a death, it means the same bytes.
 */
#include "internal.h"

#include <string.h>

#define POSITION_MAX ((uint64_t)INT64_MAX)
#define ENTRIES_BYTES 4096u

struct fs_data {
    const struct request *request;
    struct kept_file *file;
    uint64_t begins; /* what is written at the end */
    bool again;
    endpoint_t client;
    handle_t grant;
    uint64_t offset;
    uint64_t len;
};

static int copy(struct fs_data *data, uint64_t offset, void *local, size_t len, unsigned direction)
{
    if (offset > data->len || len > data->len - offset)
        return -ANOLE_ERANGE;
    return len == 0 ? 0
                    : kcall_copy(data->client, data->grant, data->offset + offset, local, len,
                                 direction);
}

int fs_data_to_client(struct fs_data *data, uint64_t offset, const void *from, size_t len)
{
    return copy(data, offset, (void *)(uintptr_t)from, len, COPY_TO_GRANT);
}

int fs_data_from_client(struct fs_data *data, uint64_t offset, void *to, size_t len)
{
    return copy(data, offset, to, len, COPY_FROM_GRANT);
}

static struct fs_data data_of(const struct request *request, struct kept_file *file, uint64_t len)
{
    const struct message *message = &request->delivery.message;

    return (struct fs_data){.request = request,
                            .file = file,
                            .client = message->endpoint,
                            .grant = message->word[1],
                            .offset = message->word[2],
                            .len = len};
}

static bool wants_here(const struct message *message)
{
    return message->word[4] == FS_HERE;
}

/* What is asked of a read or a write, as far as it is done at a time. 0, or why not. */
static int length_of(const struct message *message, uint64_t *len)
{
    *len = message->word[3] < FS_LENGTH_MAX ? message->word[3] : FS_LENGTH_MAX;
    if (message->word[2] > UINT64_MAX - *len)
        return -ANOLE_EINVAL;
    return !wants_here(message) && message->word[4] > POSITION_MAX ? -ANOLE_EINVAL : 0;
}

/* Noted, unless another thread of the process closed the file meanwhile. True: it was before. */
static bool begins(const struct request *request, struct kept_file *file, uint64_t *position)
{
    const struct message *message = &request->delivery.message;

    return file_find(request->process, message->word[0]) == file &&
           beginning_note(file, message->word[6], position);
}

uint64_t fs_data_at_end(struct fs_data *data, uint64_t end)
{
    uint64_t position = end | BEGINNING_AT_END;

    data->again = begins(data->request, data->file, &position);
    data->begins = position & ~BEGINNING_AT_END;
    return data->begins;
}

/* ---- reading ---- */

static int64_t read_at(const struct request *request, struct kept_file *file, uint64_t position,
                       uint64_t len)
{
    struct fs_data data = data_of(request, file, len);

    return request->mount->ops->read(request->mount->fs, open_of(file)->node, position, &data, len);
}

int data_read(struct request *request, struct kept_file *file)
{
    struct message *message = &request->delivery.message;
    struct kept_open *open = open_of(file);
    struct coro_lock *lock = &open_state(open)->lock;
    uint64_t len;
    int64_t count;
    int error = length_of(message, &len);

    if (!error && !(open->flags & FS_O_READ))
        error = -ANOLE_EBADF;
    if (!error && open->type == FS_TYPE_DIRECTORY)
        error = -ANOLE_EISDIR;
    if (error)
        return error;
    if (wants_here(message)) {
        coro_lock(lock);
        uint64_t position = open->position;
        bool again = begins(request, file, &position);
        count = read_at(request, file, position, len);
        if (count > 0 && !again)
            open->position = position + (uint64_t)count;
        coro_unlock(lock);
    } else {
        count = read_at(request, file, message->word[4], len);
    }
    message->word[0] = count > 0 ? (uint64_t)count : 0;
    return count < 0 ? (int)count : 0;
}

/* ---- writing ---- */

static int64_t write_at(const struct request *request, struct fs_data *data, uint64_t position,
                        uint64_t len)
{
    const struct kept_open *open = open_of(data->file);

    if (position != FS_END && position > POSITION_MAX - len)
        return -ANOLE_EFBIG;
    return request->mount->ops->write(request->mount->fs, open->node, position, data, len);
}

static int64_t write_synced(const struct request *request, struct fs_data *data, uint64_t position,
                            uint64_t len)
{
    const struct kept_open *open = open_of(data->file);
    int64_t count = write_at(request, data, position, len);
    int error = 0;

    if (count > 0 && (open->flags & FS_O_SYNC) && request->mount->ops->sync)
        error = request->mount->ops->sync(request->mount->fs, open->node);
    return error ? error : count;
}

/* Nobody else is at this open until it is done: see beginnings_look. */
static int64_t write_here(const struct request *request, struct kept_file *file, uint64_t len)
{
    struct fs_data data = data_of(request, file, len);
    struct kept_open *open = open_of(file);
    struct coro_lock *lock = &open_state(open)->lock;
    int64_t count;

    coro_lock(lock);
    if (open->flags & FS_O_APPEND) {
        count = write_synced(request, &data, FS_END, len);
    } else {
        data.begins = open->position;
        data.again = begins(request, file, &data.begins);
        count = write_synced(request, &data, data.begins, len);
    }
    if (count > 0 && !data.again)
        open->position = data.begins + (uint64_t)count;
    coro_unlock(lock);
    return count;
}

static int may_change(const struct request *request, const struct kept_open *open)
{
    if (!(open->flags & FS_O_WRITE))
        return -ANOLE_EBADF;
    if (!request->mount->ops->write)
        return -ANOLE_EROFS;
    return read_only(request->mount) ? -ANOLE_EROFS : 0;
}

int data_write(struct request *request, struct kept_file *file)
{
    struct message *message = &request->delivery.message;
    const struct kept_open *open = open_of(file);
    uint64_t len;
    int64_t count;
    int error = length_of(message, &len);

    if (!error)
        error = may_change(request, open);
    if (error)
        return error;
    if (wants_here(message) || (open->flags & FS_O_APPEND)) {
        count = write_here(request, file, len);
    } else {
        struct fs_data data = data_of(request, file, len);
        count = write_synced(request, &data, message->word[4], len);
    }
    message->word[0] = count > 0 ? (uint64_t)count : 0;
    return count < 0 ? (int)count : 0;
}

/* ---- the rest ---- */

static int seek_base(const struct request *request, const struct kept_open *open, uint64_t here,
                     uint64_t whence, uint64_t *base)
{
    struct fs_stat stat;
    int error = 0;

    if (whence == FS_SEEK_SET) {
        *base = 0;
    } else if (whence == FS_SEEK_CURRENT) {
        *base = here;
    } else if (whence == FS_SEEK_END) {
        error = request->mount->ops->stat(request->mount->fs, open->node, &stat);
        *base = error ? 0 : stat.size;
    } else {
        error = -ANOLE_EINVAL;
    }
    return error;
}

int data_seek(struct request *request, struct kept_file *file)
{
    struct message *message = &request->delivery.message;
    struct kept_open *open = open_of(file);
    struct coro_lock *lock = &open_state(open)->lock;
    uint64_t base = 0, position;

    coro_lock(lock);
    uint64_t here = open->position;
    bool again = begins(request, file, &here);
    int error = seek_base(request, open, here, message->word[2], &base);
    position = base + message->word[1];
    if (!error && (base > POSITION_MAX || position > POSITION_MAX ||
                   ((int64_t)message->word[1] > 0 && position < base)))
        error = -ANOLE_EINVAL;
    if (!error)
        message->word[0] = position;
    if (!error && !again)
        open->position = position;
    coro_unlock(lock);
    return error;
}

int data_stat(struct request *request, struct kept_file *file)
{
    const struct message *message = &request->delivery.message;
    const struct kept_open *open = open_of(file);
    struct fs_stat stat = {0};
    int error = request->mount->ops->stat(request->mount->fs, open->node, &stat);

    stat.mount = open->mount;
    return error ? error
                 : kcall_copy(message->endpoint, message->word[1], message->word[2], &stat,
                              sizeof(stat), COPY_TO_GRANT);
}

int data_truncate(struct request *request, struct kept_file *file)
{
    const struct kept_open *open = open_of(file);
    struct fs_attributes attributes = {.set = FS_SET_SIZE,
                                       .size = request->delivery.message.word[1]};
    int error = may_change(request, open);

    if (!error && open->type != FS_TYPE_FILE)
        error = -ANOLE_EINVAL;
    if (!error && attributes.size > POSITION_MAX)
        error = -ANOLE_EFBIG;
    if (!error && !request->mount->ops->set_attributes)
        error = -ANOLE_EROFS;
    return error ? error
                 : request->mount->ops->set_attributes(request->mount->fs, open->node, &attributes);
}

int data_set(struct request *request, struct kept_file *file)
{
    const struct message *message = &request->delivery.message;
    const struct kept_open *open = open_of(file);
    struct fs_attributes attributes;
    int error = kcall_copy(message->endpoint, message->word[1], message->word[2], &attributes,
                           sizeof(attributes), COPY_FROM_GRANT);

    if (!error && (attributes.set & FS_SET_SIZE)) /* that is FS_TRUNCATE's */
        error = -ANOLE_EINVAL;
    return error
               ? error
               : attributes_set(request->mount, open->node, (enum fs_type)open->type, &attributes);
}

int data_sync(struct request *request, struct kept_file *file)
{
    return request->mount->ops->sync
               ? request->mount->ops->sync(request->mount->fs, open_of(file)->node)
               : 0;
}

/* ---- directories ---- */

struct entries {
    size_t room, used;
    bool full;
    _Alignas(struct fs_entry) char bytes[ENTRIES_BYTES];
};

static bool emit(void *context, uint64_t node, enum fs_type type, struct fs_name name)
{
    struct entries *entries = context;
    size_t len = (sizeof(struct fs_entry) + name.len + 7) & ~(size_t)7;

    if (!name_is_valid(name))
        return true; /* "." and ".." */
    if (len > entries->room - entries->used) {
        entries->full = true;
        return false;
    }
    struct fs_entry entry = {
        .node = node, .type = (uint16_t)type, .name_len = (uint16_t)name.len, .len = (uint32_t)len};
    memset(entries->bytes + entries->used, 0, len);
    memcpy(entries->bytes + entries->used, &entry, sizeof(entry));
    memcpy(entries->bytes + entries->used + sizeof(entry), name.text, name.len);
    entries->used += len;
    return true;
}

static int entries_read(struct request *request, struct kept_file *file, struct kept_open *open,
                        struct entries *entries)
{
    const struct message *message = &request->delivery.message;
    uint64_t cookie = open->position;
    (void)begins(request, file, &cookie);
    int error = request->mount->ops->entries(request->mount->fs, open->node, &cookie, emit,
                                             entries);

    if (!error && entries->used == 0 && entries->full)
        error = -ANOLE_EINVAL; /* not even one fits */
    if (!error && entries->used > 0)
        error = kcall_copy(message->endpoint, message->word[1], message->word[2], entries->bytes,
                           entries->used, COPY_TO_GRANT);
    if (!error)
        open->position = cookie;
    return error;
}

int data_entries(struct request *request, struct kept_file *file)
{
    struct message *message = &request->delivery.message;
    struct kept_open *open = open_of(file);
    struct coro_lock *lock = &open_state(open)->lock;
    struct entries entries = {.room = message->word[3] < ENTRIES_BYTES ? message->word[3]
                                                                       : ENTRIES_BYTES};

    if (open->type != FS_TYPE_DIRECTORY)
        return -ANOLE_ENOTDIR;
    coro_lock(lock);
    int error = entries_read(request, file, open, &entries);
    coro_unlock(lock);
    message->word[0] = error ? 0 : entries.used;
    return error;
}
