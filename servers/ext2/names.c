/*
 * The index of a directory's names, in memory, while the directory is in use: a hash table of the
 * places of its entries, and how much room each block has. So that a directory of ten thousand
 * names is read once, not for each name.
 */
#include "ext2.h"

/* Of one mount, in all directories. A directory that has more than are left is searched. */
#define NAMES_MAX 262144u

struct slot {
    uint32_t hash;
    uint32_t block;  /* + 1; 0: never used */
    uint32_t offset; /* GONE: it was removed, the search goes on */
};

#define GONE UINT32_MAX

struct names {
    struct slot *slots;
    uint32_t room; /* a power of two */
    uint32_t used; /* with those that are gone */
    uint32_t count;
    uint32_t *gaps; /* of each block: the largest one is at most this long */
    uint64_t blocks, blocks_room;
    uint64_t first_gap; /* blocks before it have none to speak of */
};

static uint32_t hash_of(struct fs_name name)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (uint8_t)name.text[i]) * 16777619u;
    return hash ^ hash >> 15;
}

void names_close(struct node *directory)
{
    struct names *names = directory->names;

    if (!names)
        return;
    directory->mount->names_count -= names->room;
    directory->names = NULL;
    free(names->slots);
    free(names->gaps);
    free(names);
}

/* Indexes of others that nobody uses make room. */
static bool make_room(struct node *directory, uint32_t more)
{
    struct mount *mount = directory->mount;

    for (struct node *old = mount->idle.newer;
         old != &mount->idle && mount->names_count + more > NAMES_MAX; old = old->newer)
        names_close(old);
    return mount->names_count + more <= NAMES_MAX;
}

static void put(struct names *names, struct slot new)
{
    uint32_t i = new.hash &(names->room - 1);

    while (names->slots[i].block != 0)
        i = (i + 1) & (names->room - 1);
    names->slots[i] = new;
    names->used++;
    names->count++;
}

/* To `room` slots, without those that are gone. */
static bool resize(struct node *directory, uint32_t room)
{
    struct names *names = directory->names;
    struct names old = *names;
    struct slot *slots;

    if (room > old.room && !make_room(directory, room - old.room))
        return false;
    slots = calloc(room, sizeof(*slots));
    if (!slots)
        return false;
    directory->mount->names_count += room - old.room;
    names->slots = slots;
    names->room = room;
    names->used = names->count = 0;
    for (uint32_t i = 0; i < old.room; i++)
        if (old.slots[i].block != 0 && old.slots[i].offset != GONE)
            put(names, old.slots[i]);
    free(old.slots);
    return true;
}

/* At most three quarters are used. */
static bool add(struct node *directory, struct slot new)
{
    struct names *names = directory->names;

    if ((names->used + 1) * 4 > names->room * 3 &&
        !resize(directory, names->count * 2 >= names->room ? names->room * 2 : names->room))
        return false;
    put(names, new);
    return true;
}

void names_add(struct node *directory, struct fs_name name, uint64_t block, uint32_t offset)
{
    struct slot new = {.hash = hash_of(name), .block = (uint32_t)block + 1, .offset = offset};

    if (directory->names && !add(directory, new))
        names_close(directory);
}

void names_remove(struct node *directory, struct fs_name name, uint64_t block, uint32_t offset)
{
    struct names *names = directory->names;
    uint32_t hash = hash_of(name);

    if (!names)
        return;
    for (uint32_t i = hash & (names->room - 1); names->slots[i].block != 0;
         i = (i + 1) & (names->room - 1)) {
        struct slot *slot = &names->slots[i];

        if (slot->hash == hash && slot->block == block + 1 && slot->offset == offset) {
            slot->offset = GONE;
            names->count--;
            return;
        }
    }
}

bool names_next(const struct node *directory, struct fs_name name, uint64_t *cursor,
                uint64_t *block, uint32_t *offset)
{
    const struct names *names = directory->names;
    uint32_t hash = hash_of(name);

    while (*cursor < names->room) {
        const struct slot *slot = &names->slots[(hash + *cursor) & (names->room - 1)];

        if (slot->block == 0)
            return false;
        ++*cursor;
        if (slot->hash == hash && slot->offset != GONE) {
            *block = slot->block - 1;
            *offset = slot->offset;
            return true;
        }
    }
    return false;
}

void names_set_room(struct node *directory, uint64_t block, uint32_t room)
{
    struct names *names = directory->names;

    if (!names)
        return;
    if (block >= names->blocks_room) {
        uint64_t more = block < 8 ? 16 : block * 2;
        uint32_t *larger = realloc(names->gaps, more * sizeof(*larger));

        if (!larger) {
            names_close(directory);
            return;
        }
        names->gaps = larger;
        names->blocks_room = more;
    }
    while (names->blocks <= block)
        names->gaps[names->blocks++] = 0;
    if (block < names->first_gap && room > names->gaps[block])
        names->first_gap = block;
    names->gaps[block] = room;
}

void names_raise_room(struct node *directory, uint64_t block, uint32_t room)
{
    struct names *names = directory->names;

    if (names && (block >= names->blocks || names->gaps[block] < room))
        names_set_room(directory, block, room);
}

bool names_room(const struct node *directory, uint32_t len, uint64_t *block)
{
    struct names *names = directory->names;

    /* Blocks at the beginning that have no room even for a short name are passed over once. */
    while (names->first_gap < names->blocks && names->gaps[names->first_gap] < entry_len(1))
        names->first_gap++;
    for (uint64_t i = names->first_gap; i < names->blocks; i++)
        if (names->gaps[i] >= len) {
            *block = i;
            return true;
        }
    return false;
}

/* ---- made from the directory ---- */

static int read_block(struct node *directory, uint64_t n)
{
    struct mount *mount = directory->mount;
    uint32_t end = entries_end(mount);
    const uint8_t *data;
    uint64_t disk;
    uint32_t room = 0;
    struct entry entry;
    int more = directory_block(directory, n, true, &data, &disk);

    if (more)
        return more;
    for (uint32_t offset = 0; (more = entry_at(directory, data, offset, &entry)) > 0;) {
        struct slot new = {.hash = hash_of(entry.name), .block = (uint32_t)n + 1, .offset = offset};
        uint32_t gap = entry.len - (entry.ino ? entry_len(entry.name.len) : 0);

        if (entry.ino != 0 && !add(directory, new))
            return -ANOLE_ENOMEM;
        if (offset < end && gap > room)
            room = gap;
        offset += entry.len;
    }
    if (more < 0)
        return more;
    names_set_room(directory, n, room);
    return directory->names ? 0 : -ANOLE_ENOMEM;
}

int names_open(struct node *directory)
{
    int error = 0;

    if (directory->names)
        return 0;
    directory->names = calloc(1, sizeof(*directory->names));
    if (!directory->names)
        return -ANOLE_ENOMEM;
    if (!resize(directory, 32))
        error = -ANOLE_ENOMEM;
    for (uint64_t n = 0; n < directory_blocks(directory) && !error; n++)
        error = read_block(directory, n);
    if (error)
        names_close(directory);
    return error;
}
