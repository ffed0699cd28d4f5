/*
 * "boot": what is in the boot image, read-only. The image has programs as segments to be mapped; here they
 * are executables again, so that a copy of one on a disk can be started: a header, then the segments,
 * each from its page on.
 */
#include "tree.h"

#include <elf.h>
#include <libanole/anole.h>
#include <libload/load.h>
#include <stdlib.h>
#include <string.h>

#define FLOAT_ABI_DOUBLE 4u /* EF_RISCV_FLOAT_ABI_DOUBLE */

static struct load_image image;

/* ---- programs as files ---- */

struct header {
    Elf64_Ehdr file;
    Elf64_Phdr segment[BOOT_SEGMENTS];
};
static_assert(sizeof(struct header) <= PAGE_SIZE, "segments begin behind it");

static uint64_t pages_of(uint64_t len)
{
    return (len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

/* Where in the file a segment begins. */
static uint64_t offset_of(const struct boot_entry *entry, unsigned segment)
{
    uint64_t offset = PAGE_SIZE;

    for (unsigned i = 0; i < segment; i++)
        offset += pages_of(entry->segment[i].file_len);
    return offset;
}

static uint64_t program_size(const struct boot_entry *entry)
{
    return offset_of(entry, entry->segment_count);
}

static void header_fill(const struct boot_entry *entry, struct header *header)
{
    *header = (struct header){
        .file = {
            .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
            .e_type = ET_EXEC,
            .e_machine = EM_RISCV,
            .e_version = EV_CURRENT,
            .e_entry = entry->entry,
            .e_phoff = offsetof(struct header, segment),
            .e_flags = entry->flags & BOOT_FLOAT ? FLOAT_ABI_DOUBLE : 0,
            .e_ehsize = sizeof(Elf64_Ehdr),
            .e_phentsize = sizeof(Elf64_Phdr),
            .e_phnum = (Elf64_Half)entry->segment_count,
        }};
    for (unsigned i = 0; i < entry->segment_count; i++) {
        const struct boot_segment *segment = &entry->segment[i];
        header->segment[i] = (Elf64_Phdr){
            .p_type = PT_LOAD,
            .p_flags = (segment->prot & PROT_READ_BIT ? PF_R : 0) |
                       (segment->prot & PROT_WRITE_BIT ? PF_W : 0) |
                       (segment->prot & PROT_EXEC_BIT ? PF_X : 0),
            .p_offset = offset_of(entry, i),
            .p_vaddr = segment->vaddr,
            .p_paddr = segment->vaddr,
            .p_filesz = segment->file_len,
            .p_memsz = segment->memory_len,
            .p_align = PAGE_SIZE,
        };
    }
}

/* A piece of the file: which bytes are at that position, and how many of them follow. NULL: zeroes. */
static const void *program_piece(const struct boot_entry *entry, const struct header *header,
                                 uint64_t position, uint64_t *len)
{
    const char *base = (const char *)image.image;

    if (position < sizeof(*header)) {
        *len = sizeof(*header) - position;
        return (const char *)header + position;
    }
    for (unsigned i = 0; i < entry->segment_count; i++) {
        uint64_t start = offset_of(entry, i), file_len = entry->segment[i].file_len;
        if (position < start) {
            *len = start - position;
            return NULL;
        }
        if (position < start + file_len) {
            *len = start + file_len - position;
            return base + entry->segment[i].file_offset + (position - start);
        }
    }
    *len = program_size(entry) - position;
    return NULL;
}

static int64_t program_read(const struct boot_entry *entry, uint64_t position, struct fs_data *data,
                            uint64_t len)
{
    static const char zeroes[PAGE_SIZE];
    uint64_t size = program_size(entry), done = 0;
    struct header header;

    header_fill(entry, &header);
    len = position >= size ? 0 : len < size - position ? len : size - position;
    while (done < len) {
        uint64_t piece;
        const void *bytes = program_piece(entry, &header, position + done, &piece);
        if (piece > len - done)
            piece = len - done;
        if (!bytes && piece > sizeof(zeroes))
            piece = sizeof(zeroes);
        int error = fs_data_to_client(data, done, bytes ? bytes : zeroes, piece);
        if (error)
            return error;
        done += piece;
    }
    return (int64_t)done;
}

/* ---- the file system ---- */

/* The directory that a name with slashes is in, made if it isn't there; *name is what is behind. */
static uint64_t directory_for(struct tree *tree, struct fs_name *name)
{
    const char *slash;
    uint64_t node = 1;

    while (node && (slash = memchr(name->text, '/', name->len))) {
        struct fs_name part = {name->text, (size_t)(slash - name->text)};
        const struct tree_file *found = tree_find(tree, node, part);
        node = found ? (uint64_t)(found - tree->files) + 1
                     : tree_add(tree, node, part.text, part.len, FS_MODE(FS_TYPE_DIRECTORY, 0555));
        name->text += part.len + 1;
        name->len -= part.len + 1;
    }
    return node;
}

static int entry_add(struct tree *tree, unsigned index)
{
    const struct boot_entry *entry = &image.image->entry[index];
    bool program = (entry->flags & BOOT_PROGRAM) != 0;
    struct fs_name name = {entry->name, strlen(entry->name)};
    uint64_t directory = directory_for(tree, &name);
    uint64_t node = directory ? tree_add(tree, directory, name.text, name.len,
                                         FS_MODE(FS_TYPE_FILE, program ? 0555 : 0444))
                              : 0;

    if (!node)
        return -ANOLE_ENOMEM;
    tree->files[node - 1].what = index;
    tree->files[node - 1].size = program ? program_size(entry) : entry->len;
    return 0;
}

static int boot_mount(uint32_t number, const char *source, uint32_t *flags, void **mount,
                      uint64_t *root)
{
    static struct tree tree;
    int error = source[0] ? -ANOLE_EINVAL : 0;

    (void)number;
    if (!error && !image.image) {
        error = load_image_map(&image);
        if (!error)
            error = tree_make(&tree);
        for (unsigned i = 0; !error && i < image.image->entry_count; i++)
            error = entry_add(&tree, i);
    }
    *flags |= FS_MOUNT_READ_ONLY;
    *mount = &tree;
    *root = 1;
    return error;
}

static int64_t boot_read(void *mount, uint64_t node, uint64_t position, struct fs_data *data,
                         uint64_t len)
{
    const struct tree_file *file = tree_file(mount, node);

    if (!file)
        return -ANOLE_ESTALE;
    const struct boot_entry *entry = &image.image->entry[file->what];
    return entry->flags & BOOT_PROGRAM
               ? program_read(entry, position, data, len)
               : tree_read(load_file(&image, entry), entry->len, position, data, len);
}

static int boot_statvfs(void *mount, struct fs_statvfs *statvfs)
{
    const struct tree *tree = mount;

    statvfs->block_size = PAGE_SIZE;
    statvfs->blocks = image.image->len / PAGE_SIZE;
    statvfs->files = tree->count;
    return 0;
}

const struct fs_ops boot_ops = {
    .type = "boot",
    .mount = boot_mount,
    .lookup = tree_lookup,
    .parent = tree_parent,
    .stat = tree_stat,
    .read = boot_read,
    .entries = tree_entries,
    .statvfs = boot_statvfs,
};
