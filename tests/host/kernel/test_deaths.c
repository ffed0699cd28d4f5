/*
 * Deaths and burials on the real kernel code, at moments that are rarely met: after each, everything
 * that must be true of the kernel is checked.
 */
#include "hart.h"
#include "host_machine.h"
#include "invariants.h"
#include "region.h"
#include "vm.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static struct process *root, *other;
static uint64_t result[7];

#define CALL(process, name, ...)                                                                   \
    host_kcall(&(process)->main, KCALL_##name, (const uint64_t[]){__VA_ARGS__, 0},                 \
               sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), result)
#define assert_sound() assert_string_equal(invariants_broken() ?: "", "")

static int setup(void **state)
{
    (void)state;
    host_boot(2);
    invariants_begin();
    root = host_process("root", NULL, 2000);
    other = host_process("other", root, 400);
    return root && other ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    host_shutdown();
    return 0;
}

/* A child that was created and not started. */
static endpoint_t new_child(void)
{
    struct process_create request = {.name = "child",
                                     .priority = PRIORITY_PROGRAM,
                                     .max_threads = 1,
                                     .max_frames = 100,
                                     .max_handles = 10};

    assert_int_equal(vm_write(root, HOST_DATA, &request, sizeof(request)), 0);
    assert_int_equal(CALL(root, PROCESS_CREATE, HOST_DATA), 0);
    return (endpoint_t)result[0];
}

static void who_watches_a_child_that_never_ran_is_told(void **state)
{
    endpoint_t child = new_child();
    handle_t watch;

    (void)state;
    assert_int_equal(CALL(other, WATCH, child, 5), 0);
    watch = result[0];
    assert_sound();
    assert_int_equal(CALL(root, PROCESS_BURY, child), 0);
    assert_true(other->main.pending & NOTIFY_BIT(5));
    assert_sound();
    assert_int_equal(CALL(other, CLOSE, watch), 0);
    assert_sound();
}

/* Once: the second hart passes through the kernel and frees a step's worth of dead regions. */
static void reap_on_the_other_hart(void)
{
    host_at_lock_break(NULL);
    host_poll(1);
}

/* The other hart frees all pages of a region, but not yet its index, while its creator is buried. */
static void a_region_half_freed_when_its_creator_is_buried(void **state)
{
    struct process *creator = host_process("creator", root, 300);
    endpoint_t endpoint = creator->endpoint;

    (void)state;
    assert_int_equal(CALL(creator, REGION_CREATE, STEP_PAGES * PAGE_SIZE, 0), 0);
    assert_int_equal(CALL(root, PROCESS_KILL, endpoint, DEATH_KILLED, 0), 0);
    host_run(1, &other->main);
    host_at_lock_break(reap_on_the_other_hart);
    assert_int_equal(CALL(root, PROCESS_BURY, endpoint), 0);
    assert_sound();
    while (!list_empty(&dead_regions))
        host_poll(1);
    assert_int_equal(region_orphaned_frames(), 0);
    assert_sound();
}

/* Once: kills the process, whose other thread runs on and on another hart. */
static void kill_at_break(void)
{
    host_at_lock_break(NULL);
    process_kill(other, DEATH_KILLED, 0, &other->main);
}

/* Its hart sees it at the next step: the thread is no more, though the process isn't dead yet. */
static void a_thread_stops_in_the_midst_of_a_call(void **state)
{
    (void)state;
    assert_int_equal(CALL(other, THREAD_CREATE, HOST_DATA, HOST_DATA, 0, 2), 0);
    const struct thread *second = thread_lookup((endpoint_t)result[0]);
    host_poll(1);
    assert_ptr_equal(host_running(1), second);
    host_at_lock_break(kill_at_break);
    host_run(0, &other->main);
    other->main.regs[REG_T0] = SYS_IPC_CALL;
    other->main.regs[REG_A0] = ENDPOINT_KERNEL | (uint64_t)KCALL_MAP << 32;
    other->main.regs[REG_A1] = 4 * STEP_PAGES * PAGE_SIZE;
    other->main.regs[REG_A1 + 1] = PROT_READ_BIT | PROT_WRITE_BIT;
    other->main.regs[REG_A1 + 2] = 0;
    host_system_call(0);
    assert_int_equal(other->state, PROCESS_DYING);
    assert_int_equal(other->main.state, THREAD_DEAD);
    assert_sound();
    host_poll(1);
    assert_int_equal(other->state, PROCESS_DEAD);
    assert_sound();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(who_watches_a_child_that_never_ran_is_told),
        TEST(a_thread_stops_in_the_midst_of_a_call),
        TEST(a_region_half_freed_when_its_creator_is_buried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
