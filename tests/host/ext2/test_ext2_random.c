/*
 * Random operations on ext2 images against a model in memory, with deaths of the server in between:
 * after each round the contents are the same, and e2fsck finds nothing.
 */
#include "servers/ext2/ext2.h"
#include "tests/host/ext2/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define FILES 48u
#define NAMES 96u
#define SIZE_MAX_BYTES (3u << 20)

/* What the file system should have. File 0 is the root. */
struct model_file {
    bool used;
    enum fs_type type;
    uint64_t node;
    unsigned names, opens;
    uint8_t *bytes;
    uint64_t size;
};
struct model_name {
    bool used;
    unsigned directory, file;
    char text[40];
};

static struct model_file files[FILES];
static struct model_name names[NAMES];
static uint64_t random_state;

static uint32_t chance(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

/* ---- the model ---- */

static unsigned free_file(void)
{
    for (unsigned i = 1; i < FILES; i++)
        if (!files[i].used)
            return i;
    return 0;
}

static struct model_name *free_name(void)
{
    for (unsigned i = 0; i < NAMES; i++)
        if (!names[i].used)
            return &names[i];
    return NULL;
}

static struct model_name *find_name(unsigned directory, const char *text)
{
    for (unsigned i = 0; i < NAMES; i++)
        if (names[i].used && names[i].directory == directory && strcmp(names[i].text, text) == 0)
            return &names[i];
    return NULL;
}

static unsigned any_directory(void)
{
    for (unsigned i = 0; i < 8; i++) {
        unsigned file = chance(FILES);

        if (files[file].used && files[file].type == FS_TYPE_DIRECTORY && files[file].names > 0)
            return file;
    }
    return 0;
}

static struct model_name *any_name(void)
{
    for (unsigned i = 0; i < 16; i++) {
        struct model_name *name = &names[chance(NAMES)];

        if (name->used)
            return name;
    }
    return NULL;
}

static bool has_names_inside(unsigned directory)
{
    for (unsigned i = 0; i < NAMES; i++)
        if (names[i].used && names[i].directory == directory)
            return true;
    return false;
}

static bool is_inside(unsigned directory, unsigned above)
{
    while (directory != above && directory != 0)
        for (unsigned i = 0; i < NAMES; i++)
            if (names[i].used && names[i].file == directory) {
                directory = names[i].directory;
                break;
            }
    return directory == above;
}

static void file_unused(unsigned file)
{
    if (files[file].names > 0 || files[file].opens > 0)
        return;
    free(files[file].bytes);
    files[file] = (struct model_file){0};
}

static void lose_name(struct model_name *name)
{
    unsigned file = name->file;

    name->used = false;
    files[file].names--;
    file_unused(file);
}

static void set_size(struct model_file *file, uint64_t size)
{
    file->bytes = realloc(file->bytes, size ? size : 1);
    if (size > file->size)
        memset(file->bytes + file->size, 0, size - file->size);
    file->size = size;
}

static void random_text(char *text)
{
    unsigned len = chance(8) == 0 ? 36 : 1 + chance(3);

    for (unsigned i = 0; i < len; i++)
        text[i] = (char)('a' + chance(4));
    text[len] = '\0';
}

/* ---- operations on both ---- */

static void do_create(void)
{
    static const enum fs_type TYPES[] = {FS_TYPE_FILE, FS_TYPE_FILE, FS_TYPE_DIRECTORY,
                                         FS_TYPE_LINK};
    unsigned directory = any_directory();
    unsigned file = free_file();
    struct model_name *name = free_name();
    enum fs_type type = TYPES[chance(4)];
    bool exists;
    char text[40];
    int error;

    if (!file || !name)
        return;
    random_text(text);
    exists = find_name(directory, text) != NULL;
    if (type == FS_TYPE_LINK) {
        char target[200];

        memset(target, 't', sizeof(target));
        target[1 + chance(198)] = '\0';
        error = fs_symlink(files[directory].node, text, target);
        if (!error) {
            enum fs_type found;

            assert_int_equal(fs_lookup(files[directory].node, text, &files[file].node, &found), 0);
            set_size(&files[file], strlen(target));
            memcpy(files[file].bytes, target, strlen(target));
        }
    } else {
        error = fs_create(files[directory].node, text, FS_MODE(type, 0755), &files[file].node);
    }
    assert_int_equal(error, exists ? -ANOLE_EEXIST : 0);
    if (error)
        return;
    files[file].used = true;
    files[file].type = type;
    files[file].names = 1;
    *name = (struct model_name){.used = true, .directory = directory, .file = file};
    strcpy(name->text, text);
}

static struct model_file *any_file(void)
{
    for (unsigned i = 0; i < 16; i++) {
        struct model_file *file = &files[chance(FILES)];

        if (file->used && file->type == FS_TYPE_FILE)
            return file;
    }
    return NULL;
}

static uint64_t random_position(const struct model_file *file)
{
    switch (chance(3)) {
    case 0:
        return file->size < SIZE_MAX_BYTES ? file->size : 0;
    case 1:
        return chance((uint32_t)file->size + 1);
    default:
        return chance(SIZE_MAX_BYTES);
    }
}

static void do_write(void)
{
    static uint8_t bytes[300000];
    struct model_file *file = any_file();
    uint64_t position;
    uint64_t len = chance(4) ? chance(9000) : chance(sizeof(bytes));
    uint8_t seed = (uint8_t)chance(256);

    if (!file || len == 0)
        return;
    position = random_position(file);
    for (uint64_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(seed + i * 7 + (i >> 8));
    assert_int_equal(fs_write(file->node, position, bytes, len), len);
    if (position + len > file->size)
        set_size(file, position + len);
    memcpy(file->bytes + position, bytes, len);
}

static void check_file(const struct model_file *file)
{
    static uint8_t bytes[SIZE_MAX_BYTES + 300000];
    struct fs_stat stat;

    assert_int_equal(fs_stat(file->node, &stat), 0);
    assert_int_equal(FS_MODE_TYPE(stat.mode), file->type);
    if (file->type == FS_TYPE_DIRECTORY)
        return;
    assert_int_equal(stat.size, file->size);
    assert_int_equal(stat.links, file->names);
    if (file->type == FS_TYPE_LINK) {
        assert_int_equal(fs_readlink(file->node, (char *)bytes, sizeof(bytes)), file->size);
    } else {
        assert_int_equal(fs_read(file->node, 0, bytes, sizeof(bytes)), file->size);
    }
    if (file->size > 0)
        assert_memory_equal(bytes, file->bytes, file->size);
}

static void do_read(void)
{
    struct model_file *file = any_file();

    if (file)
        check_file(file);
}

static void do_truncate(void)
{
    struct model_file *file = any_file();
    uint64_t size;

    if (!file)
        return;
    size = random_position(file);
    assert_int_equal(fs_truncate(file->node, size), 0);
    set_size(file, size);
}

static void do_remove(void)
{
    struct model_name *name = any_name();
    bool is_directory;
    int expected = 0;

    if (!name)
        return;
    is_directory = files[name->file].type == FS_TYPE_DIRECTORY;
    if (is_directory && has_names_inside(name->file))
        expected = -ANOLE_ENOTEMPTY;
    assert_int_equal(fs_remove(files[name->directory].node, name->text, is_directory), expected);
    if (!expected)
        lose_name(name);
}

static void do_link(void)
{
    struct model_file *file = any_file();
    unsigned directory = any_directory();
    struct model_name *name = free_name();
    int expected = 0;
    char text[40];

    if (!file || !name)
        return;
    random_text(text);
    if (find_name(directory, text))
        expected = -ANOLE_EEXIST;
    else if (file->names == 0)
        expected = -ANOLE_ENOENT;
    assert_int_equal(fs_link(file->node, files[directory].node, text), expected);
    if (expected)
        return;
    file->names++;
    *name = (struct model_name){
        .used = true, .directory = directory, .file = (unsigned)(file - files)};
    strcpy(name->text, text);
}

static int expected_of_rename(const struct model_name *name, unsigned directory,
                              const struct model_name *old)
{
    const struct model_file *file = &files[name->file];

    if (file->type == FS_TYPE_DIRECTORY && is_inside(directory, name->file))
        return -ANOLE_EINVAL;
    if (!old || old->file == name->file)
        return 0;
    if (files[old->file].type == FS_TYPE_DIRECTORY && file->type != FS_TYPE_DIRECTORY)
        return -ANOLE_EISDIR;
    if (files[old->file].type != FS_TYPE_DIRECTORY && file->type == FS_TYPE_DIRECTORY)
        return -ANOLE_ENOTDIR;
    return files[old->file].type == FS_TYPE_DIRECTORY && has_names_inside(old->file)
               ? -ANOLE_ENOTEMPTY
               : 0;
}

static void do_rename(void)
{
    struct model_name *name = any_name();
    unsigned directory = any_directory();
    struct model_name *old;
    char text[40];
    int expected;

    if (!name)
        return;
    random_text(text);
    old = find_name(directory, text);
    expected = expected_of_rename(name, directory, old);
    assert_int_equal(
        fs_rename(files[name->directory].node, name->text, files[directory].node, text), expected);
    if (expected || (old && old->file == name->file))
        return;
    if (old)
        lose_name(old);
    name->directory = directory;
    strcpy(name->text, text);
}

static void do_open(void)
{
    struct model_file *file = any_file();

    if (!file || file->opens > 2)
        return;
    assert_int_equal(fs_opened(file->node), 0);
    file->opens++;
}

static void do_close(void)
{
    struct model_file *file = any_file();

    if (!file || file->opens == 0)
        return;
    fs_closed(file->node);
    file->opens--;
    file_unused((unsigned)(file - files));
}

static void do_sync(void)
{
    struct model_file *file = any_file();

    assert_int_equal(fs_sync(file && chance(4) ? file->node : 0), 0);
}

static void do_die(void)
{
    if (chance(10))
        return;
    fs_die();
    assert_int_equal(fs_mount(false), 0);
    assert_false(fs_is_read_only());
    for (unsigned i = 1; i < FILES; i++)
        for (unsigned n = 0; n < files[i].opens; n++)
            assert_int_equal(fs_opened(files[i].node), 0);
}

static void (*const OPERATIONS[])(void) = {
    do_create, do_create, do_create, do_write, do_write, do_write, do_write,    do_read, do_read,
    do_remove, do_remove, do_rename, do_link,  do_open,  do_close, do_truncate, do_sync, do_die,
};

/* ---- what is there in the end ---- */

static unsigned checked_directory;
static unsigned names_seen;

static void see(void *context, const char *text, uint64_t node, enum fs_type type)
{
    const struct model_name *name = find_name(checked_directory, text);

    (void)context;
    if (checked_directory == 0 && strcmp(text, "lost+found") == 0)
        return;
    assert_non_null(name);
    assert_int_equal(node, files[name->file].node);
    assert_true(type == files[name->file].type || type == 0);
    names_seen++;
}

static void check_all(void)
{
    unsigned expected = 0;

    names_seen = 0;
    for (unsigned i = 0; i < FILES; i++) {
        if (!files[i].used)
            continue;
        if (i > 0)
            check_file(&files[i]);
        if (files[i].type != FS_TYPE_DIRECTORY)
            continue;
        checked_directory = i;
        assert_int_equal(fs_entries(files[i].node, 1 + chance(5), see, NULL), 0);
    }
    for (unsigned i = 0; i < NAMES; i++)
        expected += names[i].used;
    assert_int_equal(names_seen, expected);
}

static void close_all(void)
{
    for (unsigned i = 1; i < FILES; i++)
        while (files[i].opens > 0) {
            fs_closed(files[i].node);
            files[i].opens--;
            file_unused(i);
        }
}

static void forget_model(void)
{
    for (unsigned i = 0; i < FILES; i++)
        free(files[i].bytes);
    memset(files, 0, sizeof(files));
    memset(names, 0, sizeof(names));
}

static void run_round(const char *options, uint64_t seed, unsigned operations)
{
    random_state = seed;
    image_make(options, "64M");
    assert_int_equal(fs_mount(false), 0);
    files[0] = (struct model_file){
        .used = true, .type = FS_TYPE_DIRECTORY, .node = root, .names = 1};
    for (unsigned i = 0; i < operations; i++)
        OPERATIONS[chance(sizeof(OPERATIONS) / sizeof(OPERATIONS[0]))]();
    check_all();
    close_all();
    assert_int_equal(fs_unmount(), 0);
    assert_true(image_clean());
    assert_int_equal(fs_mount(true), 0);
    check_all();
    assert_int_equal(fs_unmount(), 0);
    forget_model();
}

static const char *const KINDS[] = {
    "-t ext2 -b 1024", "-t ext2 -b 4096 -I 128",
    "-t ext3 -b 2048", "-t ext4 -b 1024",
    "-t ext4 -b 4096", "-t ext4 -b 2048 -O ^has_journal,^64bit,^metadata_csum,uninit_bg,^extents",
};

static unsigned operations = 1500;
static uint64_t first_seed = 1;

static void test_random(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        print_message("mke2fs %s, seed %llu\n", KINDS[i], (unsigned long long)first_seed + i);
        fake_cache_reset();
        run_round(KINDS[i], first_seed + i, operations);
    }
}

/* test_ext2_random [SEED [OPERATIONS]] */
int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    int failed;

    if (argc > 1)
        first_seed = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        operations = (unsigned)strtoul(argv[2], NULL, 10);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (failed == 0)
        image_remove();
    fake_cache_reset();
    return failed;
}
