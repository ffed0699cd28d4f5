/*
 * The startup page, and the check of the boot image's directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <anole/error.h>
#include <libanole/anole.h>
#include <elf.h>
#include <libload/load.h>
#include <stdlib.h>
#include <string.h>

/* What load_image_map would ask the kernel; these tests bring their own image. */
int kcall_region_info(endpoint_t maker, handle_t handle, size_t *len, unsigned *prot)
{
    (void)maker, (void)handle, (void)len, (void)prot;
    return -ANOLE_EPERM;
}

int kcall_region_map(endpoint_t maker, handle_t handle, size_t offset, size_t len, unsigned prot,
                     void **address)
{
    (void)maker, (void)handle, (void)offset, (void)len, (void)prot, (void)address;
    return -ANOLE_EPERM;
}

/* ---- the startup page ---- */

static struct startup_page page;

static void test_arguments(void **state)
{
    static const char strings[] = "blktest\0vda\0\0--rw\0A=b"; /* with an empty one */
    struct startup_page header = {.rs = 5, .unit = 2, .name = "blktest", .environment_count = 1};
    (void)state;
    assert_int_equal(load_startup_build(&page, &header, strings, sizeof(strings)), 0);
    assert_int_equal(page.magic, STARTUP_MAGIC);
    assert_int_equal(page.argument_count, 4);
    assert_int_equal(page.environment_count, 1);
    assert_int_equal(page.strings_len, sizeof(strings));
    assert_int_equal(page.rs, 5);
    assert_int_equal(page.unit, 2);
    /* 22 bytes, five pointers, and two NULLs. */
    assert_int_equal(page.stack_pointer, USER_STACK_TOP - 32 - 64);
}

static void test_arguments_refused(void **state)
{
    struct startup_page header = {0};
    static char many[2 * (STARTUP_ARGUMENTS_MAX + 1)], large[STARTUP_STRINGS_MAX + 1];
    (void)state;
    assert_int_equal(load_startup_build(&page, &header, "abc", 3), -ANOLE_EINVAL);
    for (size_t i = 0; i < sizeof(many); i++) {
        many[i] = i % 2 ? '\0' : 'a';
    }
    assert_int_equal(load_startup_build(&page, &header, many, sizeof(many)), -ANOLE_EINVAL);
    assert_int_equal(load_startup_build(&page, &header, many, sizeof(many) - 2), 0);
    assert_int_equal(page.argument_count, STARTUP_ARGUMENTS_MAX);
    memset(large, 'a', sizeof(large) - 1);
    assert_int_equal(load_startup_build(&page, &header, large, sizeof(large)), -ANOLE_ENOSPC);
    large[STARTUP_STRINGS_MAX - 1] = '\0';
    assert_int_equal(load_startup_build(&page, &header, large, STARTUP_STRINGS_MAX), 0);
    assert_int_equal(load_startup_build(&page, &header, NULL, 0), 0);
    assert_int_equal(page.stack_pointer, USER_STACK_TOP - 16);
    header.environment_count = 2;
    assert_int_equal(load_startup_build(&page, &header, "a", 2), -ANOLE_EINVAL);
}

/* ---- the boot image ---- */

#define IMAGE_LEN (16 * PAGE_SIZE)

static struct boot_image *image;

static int image_setup(void **state)
{
    (void)state;
    image = calloc(1, IMAGE_LEN);
    image->magic = BOOT_IMAGE_MAGIC;
    image->len = IMAGE_LEN;
    image->entry_count = 2;
    image->entry[0] = (struct boot_entry){
        .name = "rs",
        .flags = BOOT_PROGRAM,
        .segment_count = 1,
        .segment = {{.vaddr = USER_TEXT_BASE,
                     .memory_len = 2 * PAGE_SIZE,
                     .file_offset = PAGE_SIZE,
                     .file_len = 100,
                     .prot = PROT_READ_BIT | PROT_EXEC_BIT}},
    };
    image->entry[1] = (struct boot_entry){.name = "system.dtb", .offset = 3 * PAGE_SIZE, .len = 77};
    return 0;
}

static int image_teardown(void **state)
{
    (void)state;
    free(image);
    return 0;
}

static void test_image_sound(void **state)
{
    struct load_image load = {.image = image, .len = IMAGE_LEN};
    (void)state;
    assert_int_equal(load_image_check(image, IMAGE_LEN), 0);
    assert_ptr_equal(load_find(&load, "system.dtb"), &image->entry[1]);
    assert_ptr_equal(load_find_program(&load, "rs"), &image->entry[0]);
    assert_null(load_find_program(&load, "system.dtb"));
    assert_null(load_find(&load, "rsx"));
}

static void test_image_odd(void **state)
{
    struct boot_entry good = image->entry[0];
    struct boot_segment *segment = &image->entry[0].segment[0];
    (void)state;
    image->magic++;
    assert_int_equal(load_image_check(image, IMAGE_LEN), -ANOLE_EINVAL);
    image->magic--;
    assert_int_equal(load_image_check(image, IMAGE_LEN - 1), -ANOLE_EINVAL);
    image->entry_count = UINT32_MAX;
    assert_int_equal(load_image_check(image, IMAGE_LEN), -ANOLE_EINVAL);
    image->entry_count = 2;
    segment->file_offset = IMAGE_LEN;
    assert_int_equal(load_image_check(image, IMAGE_LEN), -ANOLE_EINVAL);
    *segment = good.segment[0];
    segment->file_len = 3 * PAGE_SIZE; /* more than the memory */
    assert_int_equal(load_image_check(image, IMAGE_LEN), -ANOLE_EINVAL);
    *segment = good.segment[0];
    segment->vaddr = UINT64_MAX & ~(PAGE_SIZE - 1);
    assert_int_equal(load_image_check(image, IMAGE_LEN), -ANOLE_EINVAL);
    *segment = good.segment[0];
    segment->vaddr++;
    assert_int_equal(load_image_check(image, IMAGE_LEN), -ANOLE_EINVAL);
    *segment = good.segment[0];
    image->entry[0].segment_count = BOOT_SEGMENTS + 1;
    assert_int_equal(load_image_check(image, IMAGE_LEN), -ANOLE_EINVAL);
    image->entry[0] = good;
    memset(image->entry[1].name, 'x', BOOT_NAME_LEN);
    assert_int_equal(load_image_check(image, IMAGE_LEN), -ANOLE_EINVAL);
}

/* ---- executable files ---- */

struct executable {
    Elf64_Ehdr header;
    Elf64_Phdr segment[BOOT_SEGMENTS + 1];
};

#define FILE_LEN 100000u

static struct executable sound(void)
{
    return (struct executable){
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
                   .e_type = ET_EXEC,
                   .e_machine = EM_RISCV,
                   .e_entry = USER_TEXT_BASE + 8,
                   .e_phoff = sizeof(Elf64_Ehdr),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 2},
        .segment = {{.p_type = PT_LOAD,
                     .p_flags = PF_R | PF_X,
                     .p_offset = 1000,
                     .p_vaddr = USER_TEXT_BASE,
                     .p_filesz = 5000,
                     .p_memsz = 5000},
                    {.p_type = PT_LOAD,
                     .p_flags = PF_R | PF_W,
                     .p_offset = 6000,
                     .p_vaddr = USER_TEXT_BASE + 2 * PAGE_SIZE,
                     .p_filesz = 100,
                     .p_memsz = 90000}},
    };
}

static int elf_read(const struct executable *executable)
{
    struct boot_entry program;
    return load_elf_read(executable, sizeof(*executable), FILE_LEN, &program);
}

static void test_elf_sound(void **state)
{
    struct executable good = sound();
    struct boot_entry program;
    (void)state;
    assert_int_equal(load_elf_read(&good, sizeof(good), FILE_LEN, &program), 0);
    assert_int_equal(program.segment_count, 2);
    assert_int_equal(program.entry, USER_TEXT_BASE + 8);
    assert_int_equal(program.flags, BOOT_PROGRAM);
    assert_int_equal(program.segment[0].prot, PROT_READ_BIT | PROT_EXEC_BIT);
    assert_int_equal(program.segment[1].file_offset, 6000);
    assert_int_equal(program.segment[1].memory_len, 90000);
    good.header.e_flags = 4; /* double */
    assert_int_equal(load_elf_read(&good, sizeof(good), FILE_LEN, &program), 0);
    assert_int_equal(program.flags, BOOT_PROGRAM | BOOT_FLOAT);
}

/* Each changes one thing of a sound one. */
#define ODD(change)                                                                                \
    do {                                                                                           \
        struct executable odd = sound();                                                           \
        odd.change;                                                                                \
        assert_int_equal(elf_read(&odd), -ANOLE_EINVAL);                                           \
    } while (0)

static void test_elf_odd(void **state)
{
    struct executable good = sound();
    struct boot_entry program;
    (void)state;
    for (size_t len = 0; len < sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr); len++) {
        assert_int_equal(load_elf_read(&good, len, FILE_LEN, &program), -ANOLE_EINVAL);
    }
    ODD(header.e_ident[0] = 0);
    ODD(header.e_ident[EI_CLASS] = ELFCLASS32);
    ODD(header.e_ident[EI_DATA] = ELFDATA2MSB);
    ODD(header.e_type = ET_DYN);
    ODD(header.e_machine = EM_X86_64);
    ODD(header.e_entry = USER_TEXT_BASE - 8);
    ODD(header.e_entry = USER_TEXT_BASE + 5000);
    ODD(header.e_entry = USER_TEXT_BASE + 2 * PAGE_SIZE); /* not code */
    ODD(header.e_phoff = UINT64_MAX);
    ODD(header.e_phoff = sizeof(struct executable));
    ODD(header.e_phnum = UINT16_MAX);
    ODD(header.e_phnum = 0);
    ODD(header.e_phentsize = 1);
    ODD(segment[0].p_type = PT_INTERP);
    ODD(segment[1].p_type = PT_DYNAMIC);
    ODD(segment[0].p_flags = PF_R | PF_W | PF_X);
    ODD(segment[0].p_vaddr = USER_TEXT_BASE + 1);
    ODD(segment[0].p_vaddr = 0);
    ODD(segment[1].p_vaddr = USER_TEXT_BASE);             /* over the first one */
    ODD(segment[1].p_vaddr = USER_TEXT_BASE + PAGE_SIZE); /* on its last page */
    ODD(segment[1].p_vaddr = USER_MAP_BASE - PAGE_SIZE);
    ODD(segment[1].p_vaddr = ~(PAGE_SIZE - 1));
    ODD(segment[1].p_memsz = UINT64_MAX);
    ODD(segment[1].p_memsz = 99);
    ODD(segment[1].p_filesz = UINT64_MAX);
    ODD(segment[1].p_offset = FILE_LEN - 99);
    ODD(segment[1].p_offset = UINT64_MAX);
    good.header.e_phnum = BOOT_SEGMENTS + 1;
    for (unsigned i = 2; i <= BOOT_SEGMENTS; i++) {
        good.segment[i] = good.segment[1];
        good.segment[i].p_vaddr = good.segment[i - 1].p_vaddr + 100 * PAGE_SIZE;
    }
    assert_int_equal(elf_read(&good), -ANOLE_EINVAL);
    good.header.e_phnum = BOOT_SEGMENTS;
    assert_int_equal(elf_read(&good), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_arguments_refused),
        cmocka_unit_test_setup_teardown(test_image_sound, image_setup, image_teardown),
        cmocka_unit_test_setup_teardown(test_image_odd, image_setup, image_teardown),
        cmocka_unit_test(test_elf_sound),
        cmocka_unit_test(test_elf_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
