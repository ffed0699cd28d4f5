/*
 * libconfig over blobs made here: what is read, what is refused, and that no broken blob hurts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <anole/error.h>
#include <anole/kcall.h>
#include <libconfig/config.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOB_LEN 4096

static uint8_t blob[BLOB_LEN];
static struct config config;

#define STRINGS(blob, name, list) assert_int_equal(fdt_property(blob, name, list, sizeof(list)), 0)

static void node_begin(const char *name, uint32_t id)
{
    assert_int_equal(fdt_begin_node(blob, name), 0);
    assert_int_equal(fdt_property_u32(blob, "id", id), 0);
}

static void node_end(void)
{
    assert_int_equal(fdt_end_node(blob), 0);
}

static void blob_begin(void)
{
    memset(blob, 0, sizeof(blob));
    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    assert_int_equal(fdt_finish_reservemap(blob), 0);
    assert_int_equal(fdt_begin_node(blob, ""), 0);
    assert_int_equal(fdt_begin_node(blob, "services"), 0);
}

static void blob_classes(void)
{
    node_end();
    assert_int_equal(fdt_begin_node(blob, "classes"), 0);
}

static void blob_end(void)
{
    node_end();
    node_end();
    assert_int_equal(fdt_finish(blob), 0);
}

static void default_class(void)
{
    blob_classes();
    node_begin("default", 16);
    STRINGS(blob, "calls", "rs\0disk");
    STRINGS(blob, "kcalls", "BASE");
    node_end();
}

static void disk_begin(void)
{
    node_begin("disk", 70);
    STRINGS(blob, "program", "virtio_blk");
}

static void rs_node(void)
{
    node_begin("rs", 0);
    STRINGS(blob, "program", "rs");
    STRINGS(blob, "kcalls", "BASE\0CREATE\0RS");
    node_end();
}

/* A system with all there is. */
static void whole_blob(void)
{
    blob_begin();
    rs_node();
    node_begin("pm", 2);
    STRINGS(blob, "program", "pm");
    STRINGS(blob, "kcalls", "BASE\0CREATE");
    node_end();
    disk_begin();
    STRINGS(blob, "arguments", "--fast\0two words");
    STRINGS(blob, "drives", "virtio,2\0virtio,99");
    STRINGS(blob, "publishes", "vd");
    STRINGS(blob, "calls", "rs\0default");
    STRINGS(blob, "kcalls", "BASE\0DRIVER");
    STRINGS(blob, "band", "driver");
    STRINGS(blob, "start-after", "pm");
    STRINGS(blob, "dependents", "rs\0pm");
    fdt_property(blob, "hot-spare", "", 0);
    fdt_property_u32(blob, "kept-kib", 64);
    STRINGS(blob, "restart-on", "exit\0fault");
    STRINGS(blob, "when-given-up", "program\0rs");
    fdt_property_u32(blob, "frames", 1000);
    fdt_property_u32(blob, "threads", 3);
    fdt_property_u32(blob, "stack-kib", 32);
    fdt_property_u32(blob, "limit", 5);
    fdt_property_u32(blob, "spin-ms", 0);
    fdt_property_u32(blob, "some-later-property", 1);
    node_end();
    default_class();
    node_begin("test", 200);
    STRINGS(blob, "programs", "blktest\0ipctest");
    STRINGS(blob, "calls", "test\0disk");
    STRINGS(blob, "kcalls", "BASE");
    fdt_property(blob, "may-control-services", "", 0);
    node_end();
    blob_end();
}

static int read_blob(void)
{
    return config_read(&config, blob, sizeof(blob));
}

static bool callable(const struct config_rights *rights, unsigned id)
{
    return rights->callable[id / 64] >> id % 64 & 1;
}

static void test_service(void **state)
{
    (void)state;
    whole_blob();
    assert_int_equal(read_blob(), 0);
    assert_int_equal(config.service_count, 3);
    const struct config_service *disk = config_service_find(&config, "disk");
    assert_non_null(disk);
    assert_string_equal(disk->program, "virtio_blk");
    assert_true(config_strings_have(&disk->drives, "virtio,99"));
    assert_false(config_strings_have(&disk->drives, "virtio,9"));
    const char *first = config_strings_next(&disk->arguments, NULL);
    assert_string_equal(first, "--fast");
    assert_string_equal(config_strings_next(&disk->arguments, first), "two words");
    assert_int_equal(disk->start_after, 1u << 1);
    assert_int_equal(disk->dependents, 3u);
    assert_true(disk->hot_spare);
    assert_false(config_service_find(&config, "pm")->hot_spare);
    assert_int_equal(disk->kept_bytes, 65536);
    assert_int_equal(config_service_find(&config, "pm")->kept_bytes, 0);
    assert_int_equal(disk->rights.id, 70);
    assert_int_equal(disk->rights.priority, PRIORITY_DRIVER);
    assert_int_equal(disk->rights.max_frames, 1000);
    assert_int_equal(disk->rights.max_threads, 3);
    assert_int_equal(disk->rights.stack_bytes, 32768);
    assert_true(disk->rights.kcalls & KCALL_BIT(DMA_MAP));
    assert_true(disk->rights.kcalls & KCALL_BIT(MAP));
    assert_false(disk->rights.kcalls & KCALL_BIT(POWER));
    assert_true(callable(&disk->rights, 0) && callable(&disk->rights, 16));
    assert_false(callable(&disk->rights, 2));
    assert_int_equal(disk->recovery.limit, 5);
    assert_int_equal(disk->recovery.at_once, 3); /* a default */
    assert_int_equal(disk->recovery.restart_on, 1u << CONFIG_CAUSE_EXIT | 1u << CONFIG_CAUSE_FAULT);
    assert_int_equal(disk->recovery.given_up, CONFIG_GIVEN_UP_PROGRAM);
    assert_string_equal(disk->recovery.fallback, "rs");
    assert_int_equal(disk->liveness.spin_ms, 0);
    assert_true(disk->liveness.caller_ms > 0);
    assert_int_equal(disk->liveness.answer_ms, 0);
}

static void test_classes_and_roles(void **state)
{
    struct process_create create = {0};
    (void)state;
    whole_blob();
    assert_int_equal(read_blob(), 0);
    assert_string_equal(config_class_of(&config, "ipctest")->name, "test");
    assert_string_equal(config_class_of(&config, "other")->name, "default");
    assert_true(config_rights_by_id(&config, 200)->may_control);
    assert_false(config_rights_by_id(&config, 16)->may_control);
    assert_null(config_rights_by_id(&config, 99));
    assert_string_equal(config_name_by_id(&config, 70), "disk");
    assert_string_equal(config_name_by_id(&config, 200), "test");
    assert_string_equal(config_name_by_id(&config, 99), "?");
    assert_string_equal(config_service_with_kcall(&config, KCALL_PROCESS_CREATE)->name, "pm");
    assert_null(config_service_with_kcall(&config, KCALL_DEVICE_MAP));
    config_programs_union(&config, &create);
    assert_int_equal(create.give_ids[0], 1u << 16);
    assert_int_equal(create.give_ids[3], 1u << (200 - 192));
    assert_true(create.give_callable[1] >> (70 - 64) & 1);
    assert_true(create.give_callable[0] & 1);
    assert_false(create.give_kcalls & KCALL_BIT(PROCESS_CREATE));
    config_apply_rights(config_rights_by_id(&config, 70), &create);
    assert_int_equal(create.service_id, 70);
    assert_int_equal(create.max_frames, 1000);
}

static void refused(const char *why)
{
    assert_int_equal(read_blob(), -ANOLE_EINVAL);
    if (!strstr(config.error, why)) {
        fail_msg("expected \"%s\", found \"%s\"", why, config.error);
    }
}

/* One bad property in a node of service "disk". */
static void bad_strings(const char *property, const void *value, int len, const char *why)
{
    blob_begin();
    rs_node();
    disk_begin();
    assert_int_equal(fdt_property(blob, property, value, len), 0);
    node_end();
    default_class();
    blob_end();
    refused(why);
}

static void test_refused_properties(void **state)
{
    (void)state;
    bad_strings("calls", "nobody", 7, "no service or class \"nobody\"");
    bad_strings("calls", "rs", 2, "expected strings"); /* not terminated */
    bad_strings("kcalls", "ALL", 4, "no group \"ALL\"");
    bad_strings("band", "top", 4, "no band \"top\"");
    bad_strings("band", "rs\0rs", 6, "expected one string");
    bad_strings("start-after", "later", 6, "no service \"later\"");
    bad_strings("restart-on", "rain", 5, "no cause \"rain\"");
    bad_strings("when-given-up", "cry", 4, "no action \"cry\"");
    bad_strings("when-given-up", "program", 8, "which program");
    bad_strings("frames", "12", 3, "expected one number");
    bad_strings("threads", "\0\0\1\0", 4, "at most 255, found 256");
    bad_strings("limit", "\0\0\0\41", 4, "at most 32, found 33");
}

static void test_refused_nodes(void **state)
{
    (void)state;
    blob_begin();
    rs_node();
    node_begin("disk", 0);
    node_end();
    default_class();
    blob_end();
    refused("id: 0 is taken");

    blob_begin();
    node_begin("a_name_that_is_too_long", 1);
    node_end();
    default_class();
    blob_end();
    refused("1 to 15 characters");

    blob_begin();
    node_begin("disk", 256);
    node_end();
    default_class();
    blob_end();
    refused("at most 255");

    blob_begin();
    node_begin("disk", 1);
    node_end();
    blob_classes();
    blob_end();
    refused("which one?");

    blob_begin();
    rs_node();
    blob_classes();
    blob_end();
    refused("which one is the default");

    blob_begin();
    blob_end();
    memset(blob, 0, 40);
    refused("not a device tree");
}

static void test_too_many(void **state)
{
    static uint8_t large[65536];
    char name[8];
    (void)state;
    assert_int_equal(fdt_create(large, sizeof(large)), 0);
    fdt_finish_reservemap(large);
    fdt_begin_node(large, "");
    fdt_begin_node(large, "services");
    for (uint32_t i = 0; i < CONFIG_SERVICES + 1; i++) {
        snprintf(name, sizeof(name), "s%u", (unsigned)i);
        fdt_begin_node(large, name);
        fdt_property_u32(large, "id", i);
        fdt_end_node(large);
    }
    fdt_end_node(large);
    fdt_begin_node(large, "classes");
    fdt_end_node(large);
    fdt_end_node(large);
    assert_int_equal(fdt_finish(large), 0);
    assert_int_equal(config_read(&config, large, sizeof(large)), -ANOLE_EINVAL);
    assert_non_null(strstr(config.error, "more than 64 services"));
}

/* Flipped bytes and shortened blobs: any answer will do, the sanitizers watch. */
static void test_broken_blobs(void **state)
{
    (void)state;
    srand(1);
    whole_blob();
    size_t len = fdt_totalsize(blob);
    uint8_t *good = malloc(len);
    memcpy(good, blob, len);
    for (unsigned round = 0; round < 20000; round++) {
        size_t cut = round % 4 == 0 ? (size_t)rand() % (len + 1) : len;
        uint8_t *bad = malloc(cut + 1);
        memcpy(bad, good, cut);
        for (int flips = rand() % 4; flips >= 0 && cut > 0; flips--) {
            bad[(size_t)rand() % cut] = (uint8_t)rand();
        }
        if (config_read(&config, bad, cut) == 0) {
            config_class_of(&config, "blktest");
        }
        free(bad);
    }
    free(good);
}

static void test_causes(void **state)
{
    (void)state;
    assert_int_equal(config_cause_of(DEATH_EXIT, 0), CONFIG_CAUSE_DONE);
    assert_int_equal(config_cause_of(DEATH_EXIT, 1), CONFIG_CAUSE_EXIT);
    assert_int_equal(config_cause_of(DEATH_LOAD_FAULT, 8), CONFIG_CAUSE_FAULT);
    assert_int_equal(config_cause_of(DEATH_BAD_CALL, 8), CONFIG_CAUSE_FAULT);
    assert_int_equal(config_cause_of(DEATH_STOPPED, 0), CONFIG_CAUSE_KILLED);
    assert_int_equal(config_cause_of(DEATH_DEVICE_RESET, 3), CONFIG_CAUSE_RESET);
    assert_int_equal(config_cause_of(DEATH_UNUSABLE, 19), CONFIG_CAUSE_UNUSABLE);
    for (unsigned cause = 0; cause < CONFIG_CAUSES; cause++) {
        uint32_t mask;
        assert_int_equal(config_cause_find(config_cause_word(cause), &mask), 0);
        assert_int_equal(mask, 1u << cause);
    }
    assert_string_equal(config_cause_word(CONFIG_CAUSES), "?");
    assert_string_equal(config_given_up_word(CONFIG_GIVEN_UP_REBOOT), "reboot");
    assert_string_equal(config_given_up_word(99), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service),
        cmocka_unit_test(test_classes_and_roles),
        cmocka_unit_test(test_refused_properties),
        cmocka_unit_test(test_refused_nodes),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_broken_blobs),
        cmocka_unit_test(test_causes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
