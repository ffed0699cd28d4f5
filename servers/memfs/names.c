/*
 * Directories: entries in lists by their directory, and all of them in one hash table.
 */
#include "mem.h"

#include <libanole/anole.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096u
#define ENTRY_STEP 32u /* names are kept in pieces of that size */
#define ENTRY_CLASSES (FS_NAME_MAX / ENTRY_STEP + 1)

static struct mem_entry *buckets[BUCKETS];
static struct mem_entry *free_entries[ENTRY_CLASSES];

/* FNV-1a */
static struct mem_entry **bucket_of(const struct mem_node *directory, struct fs_name name)
{
    uint64_t hash = 0xcbf29ce484222325u ^ directory->number * 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.text[i]) * 0x100000001b3u;
    return &buckets[(hash ^ hash >> 32) % BUCKETS];
}

struct mem_entry *entry_find(const struct mem_node *directory, struct fs_name name)
{
    for (struct mem_entry *entry = *bucket_of(directory, name); entry; entry = entry->bucket_next)
        if (entry->directory == directory && entry->len == name.len &&
            memcmp(entry->name, name.text, name.len) == 0)
            return entry;
    return NULL;
}

static struct mem_entry *entry_take(size_t len)
{
    size_t class = len / ENTRY_STEP;
    struct mem_entry *entry = free_entries[class];

    if (!entry)
        return malloc(sizeof(*entry) + (class + 1) * ENTRY_STEP);
    free_entries[class] = entry->next;
    return entry;
}

int entry_add(struct mem_node *directory, struct fs_name name, struct mem_node *node)
{
    struct mem_entry **bucket = bucket_of(directory, name);
    struct mem_entry *entry = entry_take(name.len);

    if (!entry)
        return -ANOLE_ENOMEM;
    *entry = (struct mem_entry){
        .previous = directory->directory.last,
        .bucket_next = *bucket,
        .directory = directory,
        .node = node,
        .cookie = ++directory->directory.next_cookie,
        .len = (uint16_t)name.len,
    };
    memcpy(entry->name, name.text, name.len);
    *bucket = entry;
    if (entry->previous)
        entry->previous->next = entry;
    else
        directory->directory.first = entry;
    directory->directory.last = entry;
    node->links++;
    directory->directory.directories += FS_MODE_TYPE(node->mode) == FS_TYPE_DIRECTORY;
    node_changed(directory);
    return 0;
}

void entry_remove(struct mem_entry *entry)
{
    struct mem_node *node = entry->node;
    struct mem_directory *directory = &entry->directory->directory;
    struct mem_entry **at = bucket_of(entry->directory, (struct fs_name){entry->name, entry->len});

    while (*at != entry)
        at = &(*at)->bucket_next;
    *at = entry->bucket_next;
    if (entry->previous)
        entry->previous->next = entry->next;
    else
        directory->first = entry->next;
    if (entry->next)
        entry->next->previous = entry->previous;
    else
        directory->last = entry->previous;
    directory->directories -= FS_MODE_TYPE(node->mode) == FS_TYPE_DIRECTORY;
    node_changed(entry->directory);
    entry->next = free_entries[entry->len / ENTRY_STEP];
    free_entries[entry->len / ENTRY_STEP] = entry;
    node->links--;
    node->changed = mem_now();
    node_look(node);
}
