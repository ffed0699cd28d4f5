/*
 * What survives the server: mounts, open files, positions, offers. In kept memory an entry's first word
 * is written last when it is made and first when it is freed, so that a death in between leaves an
 * entry that is whole, or none.
 */
#include "internal.h"

#include <libpeer/peer.h>
#include <string.h>

#define KEPT_MAGIC 0x31736669656c6f6eull
#define INDEX_BITS 12u
static_assert(FS_FILES <= 1u << INDEX_BITS, "an index fits into a file's number");

/* Who has files: each is watched. */
static struct {
    endpoint_t process; /* 0: free */
    handle_t watch;
    unsigned files;
} owners[FS_PROCESSES];

/* The compiler must keep to the order of stores that a successor relies on. */
static void in_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static unsigned index_of(const struct kept_file *file)
{
    return (unsigned)(file - fs_state.kept->files);
}

/* ---- mounts ---- */

struct mount *mount_find(uint32_t number)
{
    for (unsigned i = 0; number != 0 && i < FS_MOUNTS; i++)
        if (fs_state.mounts[i].kept->number == number)
            return &fs_state.mounts[i];
    return NULL;
}

struct mount *mount_free(void)
{
    for (unsigned i = 0; i < FS_MOUNTS; i++)
        if (fs_state.mounts[i].kept->number == 0 && fs_state.mounts[i].busy == 0)
            return &fs_state.mounts[i];
    return NULL;
}

const struct fs_ops *type_find(const char *type)
{
    for (const struct fs_ops *const *ops = fs_state.types; *ops; ops++)
        if (strcmp((*ops)->type, type) == 0)
            return *ops;
    return NULL;
}

bool mount_has_files(const struct mount *mount)
{
    for (unsigned i = 0; i < FS_FILES; i++)
        if (fs_state.kept->opens[i].used && fs_state.kept->opens[i].mount == mount->kept->number)
            return true;
    return false;
}

bool is_mountpoint(const struct mount *mount, uint64_t node)
{
    for (unsigned i = 0; i < mount->mountpoint_count; i++)
        if (mount->mountpoints[i] == node)
            return true;
    return false;
}

/* ---- owners ---- */

static int owner_add(endpoint_t process)
{
    unsigned room = FS_PROCESSES;

    for (unsigned i = 0; i < FS_PROCESSES; i++) {
        if (owners[i].process == process) {
            if (owners[i].files == FS_FILES_A_PROCESS + FS_OFFERS_A_PROCESS)
                return -ANOLE_EMFILE;
            owners[i].files++;
            return 0;
        }
        if (owners[i].process == 0)
            room = i;
    }
    if (room == FS_PROCESSES)
        return -ANOLE_ENOMEM;
    int error = kcall_watch(process, fs_state.first_bit, &owners[room].watch);
    if (!error) {
        owners[room].process = process;
        owners[room].files = 1;
    }
    return error;
}

static void owner_drop(endpoint_t process)
{
    for (unsigned i = 0; i < FS_PROCESSES; i++) {
        if (owners[i].process != process || --owners[i].files > 0)
            continue;
        (void)kcall_close(owners[i].watch); /* of a dead process the kernel closed it */
        owners[i].process = 0;
    }
}

/* ---- opens ---- */

/* Free only when the file system has done what it must: should we die before, the next instance
 * ends it. */
static void open_end(struct kept_open *open)
{
    const struct mount *mount = mount_find(open->mount);

    open_state(open)->busy++; /* nobody else ends it meanwhile */
    if (mount && mount->up && mount->ops->closed)
        mount->ops->closed(mount->fs, open->node, open->flags);
    open_state(open)->busy--;
    open->used = 0;
}

static void open_look(struct kept_open *open)
{
    const struct open *state = open_state(open);

    if (open->used && state->references == 0 && state->busy == 0)
        open_end(open);
}

void open_hold(struct kept_open *open)
{
    open_state(open)->busy++;
}

void open_release(struct kept_open *open)
{
    open_state(open)->busy--;
    open_look(open);
}

static struct kept_open *open_free(void)
{
    for (unsigned i = 0; i < FS_FILES; i++)
        if (!fs_state.kept->opens[i].used && fs_state.opens[i].busy == 0)
            return &fs_state.kept->opens[i];
    return NULL;
}

/* ---- files ---- */

static struct kept_file *entry_free(void)
{
    for (unsigned i = 0; i < FS_FILES; i++)
        if (fs_state.kept->files[i].process == 0)
            return &fs_state.kept->files[i];
    return NULL;
}

static unsigned files_of(endpoint_t process, bool offers)
{
    unsigned count = 0;

    for (unsigned i = 0; i < FS_FILES; i++) {
        const struct kept_file *file = &fs_state.kept->files[i];
        count += file->process == process && (file->token != 0) == offers;
    }
    return count;
}

/* An entry for that open. The number's generation tells it from what was there before. */
static int file_make(struct kept_open *open, endpoint_t process, uint64_t operation, uint64_t token,
                     struct kept_file **made)
{
    struct kept_file *file = entry_free();

    if (!file)
        return -ANOLE_ENOMEM;
    int error = owner_add(process);
    if (error)
        return error;
    uint32_t generation = (file->number >> INDEX_BITS) + 1;
    *file = (struct kept_file){
        .number = generation << INDEX_BITS | index_of(file),
        .open = (uint32_t)(open - fs_state.kept->opens),
        .operation = operation,
        .token = token,
        .age = ++fs_state.kept->ages,
    };
    open_state(open)->references++;
    in_order();
    file->process = process;
    *made = file;
    return 0;
}

int file_open(const struct mount *mount, uint64_t node, uint32_t type, uint32_t flags,
              endpoint_t process, uint64_t operation, struct kept_file **file)
{
    struct kept_open *open = open_free();

    if (files_of(process, false) >= FS_FILES_A_PROCESS)
        return -ANOLE_EMFILE;
    if (!open)
        return -ANOLE_ENOMEM;
    int error = mount->ops->opened ? mount->ops->opened(mount->fs, node, flags) : 0;
    if (error)
        return error;
    /* opened() may have waited: others may have taken what was free. */
    open = open_free();
    if (open) {
        *open = (struct kept_open){
            .mount = mount->kept->number, .node = node, .flags = flags, .type = type};
        in_order();
        open->used = 1;
        error = file_make(open, process, operation, 0, file);
        if (error)
            open_look(open);
    } else {
        error = -ANOLE_ENOMEM;
        if (mount->ops->closed)
            mount->ops->closed(mount->fs, node, flags);
    }
    return error;
}

struct kept_file *file_find(endpoint_t process, uint64_t number)
{
    struct kept_file *file = &fs_state.kept
                                  ->files[number & ((1u << INDEX_BITS) - 1) & (FS_FILES - 1)];

    return file->process == process && process != 0 && file->number == number && file->token == 0
               ? file
               : NULL;
}

struct kept_file *file_opened_by(endpoint_t process, uint64_t operation)
{
    for (unsigned i = 0; operation != 0 && i < FS_FILES; i++) {
        struct kept_file *file = &fs_state.kept->files[i];
        if (file->process == process && file->operation == operation && file->token == 0)
            return file;
    }
    return NULL;
}

static struct kept_file *oldest_offer(endpoint_t process)
{
    struct kept_file *oldest = NULL;

    for (unsigned i = 0; i < FS_FILES; i++) {
        struct kept_file *file = &fs_state.kept->files[i];
        if (file->process == process && file->token != 0 && (!oldest || file->age < oldest->age))
            oldest = file;
    }
    return oldest;
}

int file_offer(struct kept_file *file, uint64_t operation, uint64_t *token)
{
    struct kept_file *offer;
    uint64_t random[4] = {0};
    int error = kcall_random(random);

    if (!error && random[0] == 0)
        error = -ANOLE_EAGAIN; /* once in 2^64 times */
    if (error)
        return error;
    if (files_of(file->process, true) >= FS_OFFERS_A_PROCESS)
        file_close(oldest_offer(file->process));
    error = file_make(open_of(file), file->process, operation, random[0], &offer);
    *token = random[0];
    return error;
}

int file_take(endpoint_t process, uint64_t token, uint64_t operation, struct kept_file **file)
{
    for (unsigned i = 0; token != 0 && i < FS_FILES; i++) {
        struct kept_file *offer = &fs_state.kept->files[i];
        if (offer->process == 0 || offer->token != token)
            continue;
        if (files_of(process, false) >= FS_FILES_A_PROCESS)
            return -ANOLE_EMFILE;
        int error = file_make(open_of(offer), process, operation, 0, file);
        if (!error)
            file_close(offer);
        return error;
    }
    return -ANOLE_EBADF;
}

void file_close(struct kept_file *file)
{
    struct kept_open *open = open_of(file);
    endpoint_t process = file->process;

    file->process = 0;
    owner_drop(process);
    open_state(open)->references--;
    open_look(open);
}

static void bury_dead(void)
{
    for (unsigned i = 0; i < FS_PROCESSES; i++) {
        endpoint_t process = owners[i].process;
        if (process == 0 || peer_alive(process))
            continue;
        for (unsigned f = 0; f < FS_FILES; f++)
            if (fs_state.kept->files[f].process == process)
                file_close(&fs_state.kept->files[f]);
    }
}

static void bury(void *nothing)
{
    (void)nothing;
    fs_state.burying = true;
    wait_recovered();
    while (fs_state.somebody_died) {
        fs_state.somebody_died = false;
        bury_dead();
    }
    fs_state.burying = false;
    coro_queue_wake_all(&fs_state.buried);
}

void files_bury(void)
{
    if (fs_state.somebody_died && !fs_state.burying)
        (void)coro_start(bury, NULL); /* no memory: at the next step */
}

void wait_buried(void)
{
    while (fs_state.somebody_died || fs_state.burying)
        coro_queue_wait(&fs_state.buried);
}

uint64_t beginning_note(struct kept_file *file, uint64_t operation, uint64_t here)
{
    if (operation == 0)
        return here;
    for (unsigned i = 0; i < KEPT_BEGINNINGS; i++)
        if (file->beginnings[i].number == operation)
            return file->beginnings[i].position;
    struct kept_beginning *beginning = &file->beginnings[file->next % KEPT_BEGINNINGS];
    file->next = (file->next + 1) % KEPT_BEGINNINGS;
    beginning->number = 0;
    in_order();
    beginning->position = here;
    in_order();
    beginning->number = operation;
    return here;
}

/* ---- taking over ---- */

static bool texts_end(const struct kept_mount *mount)
{
    return memchr(mount->type, 0, sizeof(mount->type)) &&
           memchr(mount->source, 0, sizeof(mount->source)) && type_find(mount->type);
}

static bool kept_is_valid(const struct kept *kept)
{
    for (unsigned i = 0; i < FS_MOUNTS; i++)
        if (kept->mounts[i].number != 0 && !texts_end(&kept->mounts[i]))
            return false;
    for (unsigned i = 0; i < FS_FILES; i++) {
        const struct kept_open *open = &kept->opens[i];
        const struct kept_file *file = &kept->files[i];
        if (open->used && !mount_find(open->mount))
            return false;
        if (file->process != 0 && (file->open >= FS_FILES || !kept->opens[file->open].used ||
                                   (file->number & ((1u << INDEX_BITS) - 1)) != i))
            return false;
    }
    return true;
}

int table_init(void *memory, size_t len)
{
    struct kept *kept = memory;
    int error = 0;

    if (len < sizeof(*kept))
        return -ANOLE_EINVAL;
    fs_state.kept = kept;
    for (unsigned i = 0; i < FS_MOUNTS; i++)
        fs_state.mounts[i].kept = &kept->mounts[i];
    if (kept->magic != 0 && (kept->magic != KEPT_MAGIC || !kept_is_valid(kept)))
        error = -ANOLE_EPROTO;
    if (kept->magic != KEPT_MAGIC || error) {
        memset(kept, 0, sizeof(*kept));
        in_order();
        kept->magic = KEPT_MAGIC;
    }
    return error;
}

/* What was to be appended and wasn't before the death isn't bound to where the end was: others may
 * append there before it is asked for again. Appending is one at a time, so what has begun was done
 * if the file is longer now. */
static void forget_appending(struct kept_file *file, uint64_t size)
{
    for (unsigned i = 0; i < KEPT_BEGINNINGS; i++) {
        struct kept_beginning *beginning = &file->beginnings[i];

        if (beginning->position & BEGINNING_APPEND &&
            (beginning->position & ~BEGINNING_APPEND) >= size)
            beginning->number = 0;
    }
}

static void files_look_at_ends(void)
{
    for (unsigned i = 0; i < FS_FILES; i++) {
        struct kept_file *file = &fs_state.kept->files[i];
        const struct kept_open *open = file->process != 0 ? open_of(file) : NULL;
        const struct mount *mount = open ? mount_find(open->mount) : NULL;
        struct fs_stat stat;

        if (mount && mount->up && open->flags & FS_O_APPEND &&
            mount->ops->stat(mount->fs, open->node, &stat) == 0)
            forget_appending(file, stat.size);
    }
}

/* Whose owner is dead is closed with the others of his, later. */
static void files_take_over(void)
{
    for (unsigned i = 0; i < FS_FILES; i++) {
        struct kept_file *file = &fs_state.kept->files[i];
        if (file->process == 0)
            continue;
        if (owner_add(file->process))
            file->process = 0;
        else
            fs_state.opens[file->open].references++;
    }
    for (unsigned i = 0; i < FS_FILES; i++) {
        struct kept_open *open = &fs_state.kept->opens[i];
        const struct mount *mount = open->used ? mount_find(open->mount) : NULL;
        if (mount && mount->up && mount->ops->opened) {
            int error = mount->ops->opened(mount->fs, open->node, open->flags);
            if (error && fs_state.opens[i].references > 0)
                log_printf(LOG_WARNING, "an open file isn't there any more: %s",
                           anole_error_text(error));
        }
        open_look(open); /* nobody may have it: it was being made or ended */
    }
}

void table_recover(void *nothing)
{
    (void)nothing;
    for (unsigned i = 0; i < FS_MOUNTS; i++) {
        struct mount *mount = &fs_state.mounts[i];
        if (mount->kept->number == 0)
            continue;
        mount->ops = type_find(mount->kept->type);
        mount->flags = mount->kept->flags;
        int error = mount->ops->mount(mount->kept->number, mount->kept->source, &mount->flags,
                                      &mount->fs, &mount->root);
        mount->up = error == 0;
        if (error)
            log_printf(LOG_ERROR, "%s on %s isn't there any more: %s", mount->kept->type,
                       mount->kept->source, anole_error_text(error));
    }
    files_take_over();
    files_look_at_ends();
    fs_state.recovered = true;
    coro_queue_wake_all(&fs_state.recovering);
}
