/*
 * libload: the boot image's directory.
 */
#include "load.h"
#include <libanole/anole.h>
#include <stdbool.h>
#include <string.h>

static bool inside(uint64_t offset, uint64_t len, uint64_t total)
{
    return offset <= total && len <= total - offset;
}

static bool segment_is_sound(const struct boot_segment *segment, uint64_t total)
{
    return segment->vaddr % PAGE_SIZE == 0 && segment->file_offset % PAGE_SIZE == 0 &&
           segment->file_len <= segment->memory_len && segment->memory_len < USER_END &&
           inside(segment->vaddr, segment->memory_len, USER_MAP_BASE) &&
           inside(segment->file_offset, segment->file_len, total);
}

static bool entry_is_sound(const struct boot_entry *entry, uint64_t total)
{
    if (!memchr(entry->name, '\0', sizeof(entry->name)) ||
        !inside(entry->offset, entry->len, total) || entry->segment_count > BOOT_SEGMENTS) {
        return false;
    }
    for (unsigned i = 0; i < entry->segment_count; i++) {
        if (!segment_is_sound(&entry->segment[i], total)) {
            return false;
        }
    }
    return true;
}

int load_image_check(const struct boot_image *image, size_t len)
{
    if (len < sizeof(*image) || image->magic != BOOT_IMAGE_MAGIC || image->len > len ||
        !inside(sizeof(*image), (uint64_t)image->entry_count * sizeof(struct boot_entry),
                image->len)) {
        return -ANOLE_EINVAL;
    }
    for (unsigned i = 0; i < image->entry_count; i++) {
        if (!entry_is_sound(&image->entry[i], image->len)) {
            return -ANOLE_EINVAL;
        }
    }
    return 0;
}

int load_image_map(struct load_image *image)
{
    size_t len;
    unsigned prot;
    void *address;
    int error = kcall_region_info(ENDPOINT_KERNEL, KERNEL_REGION_BOOT_IMAGE, &len, &prot);
    if (!error) {
        error = kcall_region_map(ENDPOINT_KERNEL, KERNEL_REGION_BOOT_IMAGE, 0, len, PROT_READ_BIT,
                                 &address);
    }
    if (!error) {
        *image = (struct load_image){.image = address, .len = len};
        error = load_image_check(address, len);
    }
    return error;
}

const struct boot_entry *load_find(const struct load_image *image, const char *name)
{
    for (unsigned i = 0; i < image->image->entry_count; i++) {
        if (strcmp(image->image->entry[i].name, name) == 0) {
            return &image->image->entry[i];
        }
    }
    return NULL;
}

const struct boot_entry *load_find_program(const struct load_image *image, const char *name)
{
    const struct boot_entry *entry = load_find(image, name);
    return entry && entry->flags & BOOT_PROGRAM ? entry : NULL;
}

const void *load_file(const struct load_image *image, const struct boot_entry *entry)
{
    return (const uint8_t *)image->image + entry->offset;
}
