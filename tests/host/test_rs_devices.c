/*
 * RS and devman: hand-over, resets, and what happens when either side of one dies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rs_boot.h"
#include <string.h>

static void test_second_device(void **state)
{
    struct message reply;
    (void)state;
    boot();
    assert_int_equal(tell_device(5, 0x10003000, &reply), 0);
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(fake_named("disk.1")->header.unit, 1);
    assert_int_equal(state_of("disk.1"), RS_STATE_STARTING);
    /* Nonsense is refused. */
    assert_int_equal(tell_device(6, 0x10003000, &reply), -ANOLE_ENOSPC); /* the same window */
    assert_int_equal(tell_device(5, 0x10004000, &reply), -ANOLE_EEXIST); /* moved */
    reply.word[0] = HANDLE_NONE;
    assert_int_equal(say("devman", request_device, &reply), -ANOLE_EBADHANDLE);
    fake.granted_len--; /* the grant is too small */
    reply.word[0] = 1;
    assert_int_equal(say("devman", request_device, &reply), -ANOLE_ERANGE);
}

/* A disk on PCI: two windows, five vectors. */
static struct rs_device_told told_pci(void)
{
    struct rs_device_told told = {
        .description = {.number = 72,
                        .virtio_id = 2,
                        .transport = DEVICE_VIRTIO_PCI,
                        .windows = 2,
                        .interrupts = 5,
                        .flags = DEVICE_MSIX,
                        .notify_multiplier = 4,
                        .parts = {{0, 0x10, 64}, {1, 0, 0x2000}, {0, 0xfff, 1}, {0, 0x100, 60}}},
        .compatible = "virtio,2",
        .label = "virtio,2@pci:00:01.0",
        .windows = {{0x400004000, PAGE_SIZE}, {0x400006000, 2 * PAGE_SIZE}},
        .interrupt = 200,
    };
    return told;
}

/* The driver finds windows, then interrupts in its table, and all the rest on its startup page. */
static void test_described_device(void **state)
{
    struct rs_device_told told = told_pci();
    struct message reply;
    (void)state;
    boot();
    assert_int_equal(tell(&told, &reply), 0);
    assert_int_equal(do_reset(0, NULL), 0);
    const struct fake_process *disk = fake_named("disk.1");
    assert_string_equal(disk->header.device, "virtio,2@pci:00:01.0");
    assert_memory_equal(&disk->header.described, &told.description, sizeof(told.description));
    assert_int_equal(disk->header.resources, 3);
    assert_int_equal(disk->resource_count, 3);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(disk->resources[i].kind, RESOURCE_WINDOW);
        assert_int_equal(disk->resources[i].base, told.windows[i].base);
        assert_int_equal(disk->resources[i].len, told.windows[i].len_bytes);
    }
    assert_int_equal(disk->resources[2].kind, RESOURCE_IRQ);
    assert_int_equal(disk->resources[2].base, 200);
    assert_int_equal(disk->resources[2].len, 5);
}

/* Any of its windows may be in another's way. */
static void test_overlap_of_any_window(void **state)
{
    struct rs_device_told told = told_pci();
    struct message reply;
    (void)state;
    boot();
    told.windows[1].base = 0x10000000; /* its second page is the first disk's */
    assert_int_equal(tell(&told, &reply), -ANOLE_ENOSPC);
    told.windows[1].base = 0x10002000;
    assert_int_equal(tell(&told, &reply), 0);
}

/* Each field that RS or a driver relies on, with a value that it must not have. */
static void test_unfit_descriptions(void **state)
{
    const struct rs_device_told good = told_pci();
    struct rs_device_told told;
    struct message reply;
    (void)state;
    boot();
#define UNFIT(change)                                                                              \
    do {                                                                                           \
        told = good;                                                                               \
        change;                                                                                    \
        assert_int_equal(tell(&told, &reply), -ANOLE_EINVAL);                                      \
    } while (0)
    UNFIT(told.compatible[0] = '\0');
    UNFIT(memset(told.compatible, 'a', sizeof(told.compatible)));
    UNFIT(told.compatible[2] = '\033');
    UNFIT(told.label[0] = '\0');
    UNFIT(memset(told.label, 'a', sizeof(told.label)));
    UNFIT(told.label[3] = ' ');
    UNFIT(told.reserved = 1);
    UNFIT(told.description.transport = DEVICE_VIRTIO_PCI + 1);
    UNFIT(told.description.transport = DEVICE_PLAIN); /* with a virtio id */
    UNFIT(told.description.virtio_id = 0);
    UNFIT(told.description.flags = DEVICE_MSIX << 1);
    UNFIT(told.description.windows = 0);
    UNFIT(told.description.windows = DEVICE_WINDOWS + 1);
    UNFIT(told.windows[0].base++);
    UNFIT(told.windows[1].len_bytes--);
    UNFIT(told.windows[1].len_bytes = 0);
    UNFIT(told.windows[1].base = -(2 * PAGE_SIZE)); /* ends where addresses do */
    UNFIT(told.windows[1].base = 0x400003000);      /* its second page is the first window's */
    UNFIT(told.description.parts[0].window = 2);
    UNFIT(told.description.parts[0].offset = PAGE_SIZE - 63);
    UNFIT(told.description.parts[1].offset = 1);
    UNFIT(told.description.parts[1].len_bytes = UINT32_MAX);
    UNFIT(told.description.parts[2].len_bytes = 0);
    UNFIT(told.description.interrupts = 0);
    UNFIT(told.description.interrupts = DEVICE_VECTORS + 1);
    UNFIT(told.description.flags = 0); /* five lines */
    UNFIT(told.interrupt = 0);
    UNFIT(told.interrupt = UINT32_MAX - 4);
#undef UNFIT
    told = good;
    told.description.parts[DEVICE_PART_CONFIG] = (struct device_part){0};
    assert_int_equal(tell(&told, &reply), 0);
}

static void test_devman_dies_during_a_reset(void **state)
{
    struct message message = {0};
    (void)state;
    boot();
    fake_die(fake_named("disk"), DEATH_PANIC, 1);
    assert_int_equal(say("devman", request_reset_fetch, &message), 0);
    fake_die(fake_named("devman"), DEATH_STORE_FAULT, 0);
    assert_int_equal(state_of("devman"), RS_STATE_STARTING); /* it has no device to wait for */
    assert_int_equal(tell_device(3, 0x10001000, &message), 0);
    assert_int_equal(message.word[0], DEVICE_RESETTING);
    assert_int_equal(message.word[1], 1);
    assert_int_equal(ready("devman"), 0);
    assert_true(fake_named("devman")->notified & NOTIFY_BIT(NOTIFY_WORK));
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(state_of("disk"), RS_STATE_STARTING);
}

static void test_restarted_devman_disturbs_nobody(void **state)
{
    struct message message;
    (void)state;
    boot();
    fake_die(fake_named("devman"), DEATH_STORE_FAULT, 0);
    assert_int_equal(tell_device(3, 0x10001000, &message), 0);
    assert_int_equal(message.word[0], DEVICE_READY);
    assert_int_equal(do_reset(0, NULL), -ANOLE_EAGAIN);
    assert_int_equal(state_of("disk"), RS_STATE_UP);
}

static void test_silent_devman(void **state)
{
    (void)state;
    boot();
    const struct fake_process *devman = fake_named("devman");
    fake_die(fake_named("disk"), DEATH_PANIC, 1);
    fake_wait_ms(RESET_OVERDUE_MS + 1);
    assert_true(devman->killed);
    assert_ptr_not_equal(fake_named("devman"), devman);
    assert_int_equal(state_of("disk"), RS_STATE_RESET);
}

static void test_reset_fails(void **state)
{
    endpoint_t endpoint;
    (void)state;
    boot();
    fake_die(fake_named("disk"), DEATH_DEVICE_RESET, 0);
    assert_int_equal(do_reset(-ANOLE_EIO, NULL), 0);
    assert_int_equal(state_of("disk"), RS_STATE_DEVICE_FAILED);
    assert_int_equal(look_up("disk", &endpoint), -ANOLE_EGIVENUP);
    assert_int_equal(order("disk", RS_START), 0); /* the operator may have another try */
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(state_of("disk"), RS_STATE_STARTING);
}

/* A driver that says that it can't drive its device is believed at once: no second try. */
static void test_device_unusable(void **state)
{
    endpoint_t endpoint;
    (void)state;
    boot();
    fake_die(fake_named("disk"), DEATH_UNUSABLE, ANOLE_ENODEV);
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(state_of("disk"), RS_STATE_FAILED);
    assert_int_equal(service_find("disk")->last_cause, DEATH_UNUSABLE);
    assert_int_equal(look_up("disk", &endpoint), -ANOLE_EGIVENUP);
    assert_int_equal(order("disk", RS_START), 0); /* the operator may have another try */
    assert_int_equal(state_of("disk"), RS_STATE_STARTING);
}

static void test_device_gone(void **state)
{
    struct message message = {.word = {3}};
    (void)state;
    boot();
    assert_int_equal(say("devman", request_device_gone, &message), 0);
    deaths_collect();
    assert_int_equal(state_of("disk"), RS_STATE_WAITING_DEVICE);
    assert_int_equal(service_find("disk")->last_cause, DEATH_DEVICE_GONE);
    assert_int_equal(tell_device(9, 0x10001000, &message), 0); /* and here it is again */
    assert_int_equal(do_reset(0, NULL), 0);
    fake_wait_ms(20);
    assert_int_equal(ready("disk"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RS_TEST(second_device),
        RS_TEST(described_device),
        RS_TEST(overlap_of_any_window),
        RS_TEST(unfit_descriptions),
        RS_TEST(devman_dies_during_a_reset),
        RS_TEST(restarted_devman_disturbs_nobody),
        RS_TEST(silent_devman),
        RS_TEST(reset_fails),
        RS_TEST(device_unusable),
        RS_TEST(device_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
