/*
 * The table of mounts. Its kept part is all that vfs must not forget; the rest is asked of the file
 * servers again.
 */
#include "vfs.h"

#include <string.h>

#define KEPT_MAGIC 0x32746d5f73667600ull
#define UNMOUNTS 16u

struct kept_service {
    char type[RS_NAME_LEN]; /* "": free. Written last */
    char service[RS_NAME_LEN];
};

struct kept {
    uint64_t magic;
    uint32_t numbers; /* the last one given */
    uint32_t unmounts;
    struct {
        uint64_t origin, number;
    } unmounted[UNMOUNTS];
    struct kept_mount mounts[MOUNTS];
    struct kept_service services[SERVERS];
};

static struct kept own; /* if RS keeps nothing for us */
static struct kept *kept = &own;
static struct mount mounts[MOUNTS];
static bool new;

static void in_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static bool is_valid(const struct kept_mount *mount)
{
    return memchr(mount->path, 0, sizeof(mount->path)) && mount->path[0] == '/' &&
           memchr(mount->type, 0, sizeof(mount->type)) &&
           memchr(mount->source, 0, sizeof(mount->source)) && mount->number <= kept->numbers;
}

static bool all_valid(void)
{
    for (unsigned i = 0; i < MOUNTS; i++)
        if (kept->mounts[i].number != 0 && !is_valid(&kept->mounts[i]))
            return false;
    for (unsigned i = 0; i < SERVERS; i++)
        if (!memchr(kept->services[i].type, 0, RS_NAME_LEN) ||
            !memchr(kept->services[i].service, 0, RS_NAME_LEN))
            return false;
    return true;
}

static int kept_map(void)
{
    struct message message = {0};
    void *memory;
    int error = anole_call(startup_page()->rs, RS_KEPT_REGION, &message, DEADLINE_NEVER);

    if (!error && message.word[1] < sizeof(*kept))
        error = -ANOLE_ENOMEM;
    if (!error)
        error = kcall_region_map(startup_page()->rs, message.word[0], 0, message.word[1],
                                 PROT_READ_BIT | PROT_WRITE_BIT, &memory);
    if (!error)
        kept = memory;
    return error;
}

void mounts_init(void)
{
    int error = kept_map();

    if (error)
        log_printf(LOG_WARNING, "mounts won't survive vfs: %s", anole_error_text(error));
    if (kept->magic == KEPT_MAGIC && !all_valid()) {
        log_printf(LOG_ERROR, "what was kept of the mounts isn't valid");
        kept->magic = 0;
    }
    if (kept->magic != KEPT_MAGIC) {
        memset(kept, 0, sizeof(*kept));
        in_order();
        kept->magic = KEPT_MAGIC;
        new = true;
    }
    for (unsigned i = 0; i < MOUNTS; i++)
        mounts[i] = (struct mount){.kept = &kept->mounts[i]};
}

bool mounts_are_new(void)
{
    return new;
}

bool unmount_was_done(uint64_t origin, uint64_t number)
{
    for (unsigned i = 0; number != 0 && i < UNMOUNTS; i++)
        if (kept->unmounted[i].origin == origin && kept->unmounted[i].number == number)
            return true;
    return false;
}

void unmount_note(uint64_t origin, uint64_t number)
{
    unsigned at = kept->unmounts++ % UNMOUNTS;

    kept->unmounted[at].number = 0;
    in_order();
    kept->unmounted[at].origin = origin;
    in_order();
    kept->unmounted[at].number = number;
}

void service_note(const char *type, const char *service)
{
    unsigned i = 0;

    while (i < SERVERS && kept->services[i].type[0] && strcmp(kept->services[i].type, type) != 0)
        i++;
    if (i == SERVERS || strcmp(kept->services[i].service, service) == 0)
        return;
    struct kept_service *entry = &kept->services[i];
    memset(entry, 0, sizeof(*entry));
    in_order();
    memcpy(entry->service, service, strnlen(service, RS_NAME_LEN - 1));
    in_order();
    memcpy(entry->type, type, strnlen(type, RS_NAME_LEN - 1));
}

const char *service_noted(const char *type)
{
    for (unsigned i = 0; i < SERVERS; i++)
        if (strcmp(kept->services[i].type, type) == 0)
            return kept->services[i].service;
    return "";
}

static struct mount *mount_free(void)
{
    for (unsigned i = 0; i < MOUNTS; i++)
        if (mounts[i].kept->number == 0)
            return &mounts[i];
    return NULL;
}

int mount_add(const struct mount_plan *plan, struct mount **made)
{
    struct mount *mount = mount_free();

    if (!mount)
        return -ANOLE_ENOMEM;
    if (strlen(plan->path) >= MOUNT_PATH_LEN || strlen(plan->source) >= MOUNT_SOURCE_LEN ||
        strlen(plan->type) >= RS_NAME_LEN)
        return -ANOLE_ENAMETOOLONG;
    struct kept_mount *entry = mount->kept;
    *entry = (struct kept_mount){
        .pending = plan->pending,
        .parent = plan->parent,
        .flags = plan->flags,
        .origin = plan->origin,
        .operation = plan->operation,
    };
    memcpy(entry->path, plan->path, strlen(plan->path));
    memcpy(entry->type, plan->type, strlen(plan->type));
    memcpy(entry->source, plan->source, strlen(plan->source));
    *mount = (struct mount){.kept = entry, .flags = plan->flags, .making = plan->pending != 0};
    in_order();
    entry->number = ++kept->numbers;
    *made = mount;
    return 0;
}

void mount_settle(struct mount *mount)
{
    in_order();
    mount->kept->pending = 0;
    mount->making = false;
}

void mount_drop(struct mount *mount)
{
    mount->kept->number = 0;
    mount->making = false;
}

struct mount *mount_next(struct mount *mount)
{
    for (unsigned i = mount ? (unsigned)(mount - mounts) + 1 : 0; i < MOUNTS; i++)
        if (mounts[i].kept->number != 0)
            return &mounts[i];
    return NULL;
}

struct mount *mount_root(void)
{
    for (struct mount *mount = mount_next(NULL); mount; mount = mount_next(mount))
        if (mount->kept->parent == 0 && !mount->kept->pending)
            return mount;
    return NULL;
}

struct mount *mount_find(uint32_t number)
{
    for (struct mount *mount = mount_next(NULL); mount; mount = mount_next(mount))
        if (mount->kept->number == number)
            return mount;
    return NULL;
}

struct mount *mount_on(const struct mount *parent, uint64_t covered)
{
    for (struct mount *mount = mount_next(NULL); mount; mount = mount_next(mount))
        if (mount->kept->parent == parent->kept->number && mount->covered == covered &&
            covered != 0 && !mount->kept->pending)
            return mount;
    return NULL;
}

bool mount_has_children(const struct mount *mount)
{
    for (const struct mount *child = mount_next(NULL); child;
         child = mount_next((struct mount *)(uintptr_t)child))
        if (child->kept->parent == mount->kept->number)
            return true;
    return false;
}
