/*
 * The ext2 server on images that were tampered with: the input says which image of mke2fs's, and
 * which bytes of its blocks are other ones. It is mounted, walked, read and written to; whatever it
 * says, the server goes on. An image that isn't mounted isn't written to.
 */
#include "servers/ext2/ext2.h"
#include "tests/host/ext2/image.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_LEN (1u << 20)

static const char *const KINDS[] = {
    "-t ext2 -b 1024 -N 64 -O dir_index",
    "-t ext4 -b 1024 -N 64 -O ^has_journal,^metadata_csum,^resize_inode",
    "-t ext4 -b 4096 -N 64 -O ^has_journal,^metadata_csum,^64bit,uninit_bg",
    "-t ext4 -b 1024 -N 64 -O ^has_journal,metadata_csum",
};
#define KIND_COUNT (sizeof(KINDS) / sizeof(KINDS[0]))

/* What inputs change: blocks of 1 KiB that aren't empty, the first of each run of equal ones. */
static struct image {
    uint8_t bytes[IMAGE_LEN];
    uint16_t blocks[IMAGE_LEN / 1024];
    unsigned count;
} images[KIND_COUNT];
static uint8_t now[IMAGE_LEN];

/* ---- the images ---- */

static void put_file(uint64_t in, const char *name, uint64_t len, uint64_t step)
{
    static uint8_t bytes[3000];
    uint64_t node;

    memset(bytes, 'f', sizeof(bytes));
    (void)fs_create(in, name, FS_MODE(FS_TYPE_FILE, 0644), &node);
    for (uint64_t at = 0; at < len; at += step)
        (void)fs_write(node, at, bytes, sizeof(bytes));
}

static void fill(void)
{
    uint64_t directory;
    char name[40];

    put_file(root, "file", 60000, 3000);
    put_file(root, "holes", 200000, 20000);
    (void)fs_symlink(root, "short", "file");
    (void)fs_symlink(root, "long",
                     "a/target/that/has/more/than/sixty/bytes/and/so/it/has/a/block/of/its/own");
    (void)fs_create(root, "directory", FS_MODE(FS_TYPE_DIRECTORY, 0755), &directory);
    for (unsigned i = 0; i < 30; i++) {
        (void)snprintf(name, sizeof(name), "a-name-that-takes-room-%u", i);
        put_file(directory, name, i % 8 == 0 ? 100 : 0, 3000);
    }
}

static void make_image(struct image *image, const char *options)
{
    FILE *file;
    size_t got;

    image_make(options, "1M");
    if (fs_mount(false) != 0)
        abort();
    fill();
    if (fs_unmount() != 0)
        abort();
    file = fopen(image_path, "rb");
    got = file ? fread(image->bytes, 1, IMAGE_LEN, file) : 0;
    if (got != IMAGE_LEN)
        abort();
    (void)fclose(file);
    for (unsigned block = 1; block < IMAGE_LEN / 1024; block++) {
        const uint8_t *bytes = &image->bytes[(size_t)block * 1024];

        if ((bytes[0] || memcmp(bytes, bytes + 1, 1023) != 0) &&
            memcmp(bytes, bytes - 1024, 1024) != 0)
            image->blocks[image->count++] = (uint16_t)block;
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        make_image(&images[i], KINDS[i]);
        fake_cache_reset();
    }
    image_remove();
    return 0;
}

/* ---- what is done with one ---- */

static uint8_t bytes[70000];
static unsigned looked_at; /* files, of at most as many */

#define LOOK_AT_MAX 150u

struct listed {
    uint64_t nodes[16];
    enum fs_type types[16];
    unsigned count;
};

static bool list(void *context, uint64_t node, enum fs_type type, struct fs_name name)
{
    struct listed *listed = context;

    assert(name.len > 0 && name.len <= FS_NAME_MAX);
    if (listed->count == 16)
        return false;
    listed->nodes[listed->count] = node;
    listed->types[listed->count++] = type;
    return true;
}

static struct fs_data data_of(uint64_t len)
{
    return (struct fs_data){.bytes = bytes, .len = len, .fails_at = UINT64_MAX};
}

static void look(uint64_t node, unsigned depth);

static void look_inside(uint64_t node, unsigned depth)
{
    uint64_t cookie = 0;

    for (unsigned calls = 0; calls < 20; calls++) {
        struct listed listed = {0};
        int error = ext2_ops.entries(mounted, node, &cookie, list, &listed);

        for (unsigned i = 0; i < listed.count; i++)
            look(listed.nodes[i], depth + 1);
        if (error || listed.count == 0)
            return;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion) ends at a depth */
static void look(uint64_t node, unsigned depth)
{
    struct fs_data data = data_of(sizeof(bytes));
    struct fs_stat stat;
    uint64_t parent;

    if (depth > 6 || looked_at++ > LOOK_AT_MAX || ext2_ops.stat(mounted, node, &stat) != 0)
        return;
    switch (FS_MODE_TYPE(stat.mode)) {
    case FS_TYPE_DIRECTORY:
        (void)ext2_ops.parent(mounted, node, &parent);
        look_inside(node, depth);
        return;
    case FS_TYPE_LINK:
        (void)ext2_ops.readlink(mounted, node, (char *)bytes, sizeof(bytes));
        return;
    default:
        (void)ext2_ops.read(mounted, node, 0, &data, sizeof(bytes));
        (void)ext2_ops.read(mounted, node, stat.size > 1000 ? stat.size - 1000 : 0, &data, 1000);
    }
}

static struct fs_name name_of(const char *text)
{
    return (struct fs_name){.text = text, .len = strlen(text)};
}

static uint64_t find(uint64_t in, const char *name)
{
    uint64_t node;
    enum fs_type type;

    return ext2_ops.lookup(mounted, in, name_of(name), &node, &type) == 0 ? node : 0;
}

static void change(void)
{
    const struct fs_operation none = {0};
    struct fs_data data = data_of(20000);
    struct fs_new file = {.mode = FS_MODE(FS_TYPE_FILE, 0644)};
    struct fs_new new_directory = {.mode = FS_MODE(FS_TYPE_DIRECTORY, 0755)};
    struct fs_attributes shorter = {.set = FS_SET_SIZE | FS_SET_MODE, .size = 15000};
    uint64_t directory = find(root, "directory");
    uint64_t node;

    if (ext2_ops.create(mounted, none, root, name_of("new"), &file, &node) == 0)
        (void)ext2_ops.write(mounted, node, 0, &data, 20000);
    (void)ext2_ops.create(mounted, none, root, name_of("newer"), &new_directory, &node);
    (void)ext2_ops.write(mounted, find(root, "holes"), 5000, &data, 20000);
    (void)ext2_ops.set_attributes(mounted, find(root, "holes"), &shorter);
    (void)ext2_ops.rename(mounted, none, root, name_of("file"), directory, name_of("moved"));
    (void)ext2_ops.link(mounted, none, find(root, "holes"), directory, name_of("linked"));
    (void)ext2_ops.remove(mounted, none, root, name_of("long"), false);
    (void)ext2_ops.remove(mounted, none, root, name_of("holes"), false);
    (void)ext2_ops.remove(mounted, none, directory, name_of("moved"), false);
    (void)ext2_ops.remove(mounted, none, root, name_of("directory"), true);
    (void)ext2_ops.sync(mounted, root);
}

static void use(void *argument)
{
    uint32_t flags = 0;

    (void)argument;
    mounted = NULL;
    if (ext2_ops.mount(1, "vda", &flags, &mounted, &root) != 0) {
        mounted = NULL;
        return;
    }
    looked_at = 0;
    look(root, 0);
    if (flags == 0)
        change();
    if (ext2_ops.unmount(mounted) != 0)
        mount_discard(mounted);
}

/* One change: which block, where in it, how many bytes, these bytes. */
#define CHANGE_HEADER 4u

static void tamper(const struct image *image, const uint8_t *input, size_t len)
{
    while (len > CHANGE_HEADER) {
        size_t block = image->blocks[input[0] % image->count];
        size_t offset = (input[1] | (size_t)input[2] << 8) % 1024;
        size_t count = 1 + input[3] % 8;

        input += CHANGE_HEADER;
        len -= CHANGE_HEADER;
        if (count > len)
            count = len;
        if (count > 1024 - offset)
            count = 1024 - offset;
        memcpy(&now[block * 1024 + offset], input, count);
        input += count;
        len -= count;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    static uint8_t before[IMAGE_LEN];
    const struct image *image;

    if (len < 1)
        return 0;
    image = &images[input[0] % KIND_COUNT];
    memcpy(now, image->bytes, IMAGE_LEN);
    tamper(image, input + 1, len - 1);
    memcpy(before, now, IMAGE_LEN);
    fake_cache_reset();
    fake_cache_use(-1, now, IMAGE_LEN);
    places_init(image_memory, sizeof(image_memory), 0, 0);
    run_to_end(use, NULL);
    if (!mounted && memcmp(before, now, IMAGE_LEN) != 0)
        abort();
    mounted = NULL;
    return 0;
}
