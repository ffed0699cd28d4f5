/*
 * Where mounts are: the kept region is divided among as many as may be at a time. What an earlier
 * instance had mounted is found by the disk's name.
 */
#include "files.h"

#include <libanole/anole.h>
#include <stdio.h>

static struct place_of_mount places[PLACES];

void places_init(void *memory, size_t len, unsigned first_bit, uint64_t age_us)
{
    size_t part = len / PLACES / 4096 * 4096;

    for (unsigned i = 0; i < PLACES; i++)
        places[i] = (struct place_of_mount){.memory = (uint8_t *)memory + i * part,
                                            .memory_len = part,
                                            .notify_bit = first_bit + i * PLACE_BITS,
                                            .age_us = age_us};
}

void places_notified(uint64_t bits)
{
    for (unsigned i = 0; i < PLACES; i++)
        if (places[i].cache)
            cache_notified(places[i].cache, bits);
}

void places_step(void)
{
    for (unsigned i = 0; i < PLACES; i++)
        if (places[i].cache)
            cache_step(places[i].cache);
}

uint64_t places_deadline(void)
{
    uint64_t first = DEADLINE_NEVER;

    for (unsigned i = 0; i < PLACES; i++) {
        uint64_t deadline = places[i].cache ? cache_deadline(places[i].cache) : DEADLINE_NEVER;

        if (deadline < first)
            first = deadline;
    }
    return first;
}

/* The disk's own place, if it was mounted by an earlier instance, or one that nobody has had. */
static struct place_of_mount *find_place(const char *disk)
{
    struct place_of_mount *found = NULL;

    for (unsigned i = 0; i < PLACES; i++) {
        struct place_of_mount *place = &places[i];

        if (place->disk[0])
            continue;
        if (cache_found(place->memory, place->memory_len, disk) != 0)
            return place;
        if (!found)
            found = place;
    }
    return found;
}

static bool mounted(const char *disk)
{
    for (unsigned i = 0; i < PLACES; i++)
        if (strcmp(places[i].disk, disk) == 0)
            return true;
    return false;
}

/* "/dev/vda1" or "vda1". */
static const char *disk_name(const char *source)
{
    return strncmp(source, "/dev/", 5) == 0 ? source + 5 : source;
}

static int op_mount(uint32_t number, const char *source, uint32_t *flags, void **mount,
                    uint64_t *root)
{
    const char *disk = disk_name(source);
    struct place_of_mount *place;
    struct mount *made;
    int error;

    if (!disk[0] || strlen(disk) >= sizeof(place->disk))
        return -ANOLE_EINVAL;
    if (mounted(disk))
        return -ANOLE_EBUSY;
    place = find_place(disk);
    if (!place)
        return -ANOLE_EMFILE;
    strcpy(place->disk, disk);
    error = mount_open(place, number, flags, &made);
    if (error) {
        place->disk[0] = '\0';
        return error;
    }
    *mount = made;
    *root = mount_root(made);
    return 0;
}

static int op_unmount(void *on)
{
    struct mount *mount = on;
    struct place_of_mount *place = mount->place;
    int error = mount_close(mount);

    if (error)
        return error;
    place->disk[0] = '\0';
    return 0;
}

const struct fs_ops ext2_ops = {
    .type = "ext2",
    .mount = op_mount,
    .unmount = op_unmount,
    .lookup = file_lookup,
    .parent = file_parent,
    .stat = file_stat,
    .readlink = file_readlink,
    .read = file_read,
    .entries = file_entries,
    .statvfs = file_statvfs,
    .create = entry_create,
    .link = entry_link,
    .remove = entry_remove,
    .rename = entry_rename,
    .write = file_write,
    .set_attributes = file_set_attributes,
    .sync = file_sync_node,
    .opened = file_opened,
    .closed = file_closed,
};
