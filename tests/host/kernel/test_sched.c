/*
 * Who runs next and what a hart holds meanwhile, on the real kernel code.
 */
#include "doorbell.h"
#include "hart.h"
#include "host_machine.h"
#include "vm.h"
#include <anole/kcall.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static struct process *root, *slow, *urgent;

static void wait_for_a_bit(struct thread *thread)
{
    host_run(0, thread);
    thread->regs[REG_T0] = SYS_IPC_RECEIVE;
    thread->regs[REG_T1] = DEADLINE_NEVER;
    thread->regs[REG_T3] = NOTIFY_BIT(1);
    host_system_call(0);
}

static int setup(void **state)
{
    (void)state;
    host_boot(1);
    root = host_process("root", NULL, 4000);
    slow = host_process("slow", root, 1000);
    urgent = host_process("urgent", root, 100);
    if (!root || !slow || !urgent)
        return -1;
    root->main.priority = PRIORITY_RS;
    urgent->main.priority = PRIORITY_DRIVER;
    urgent->flags |= PROCESS_FLOAT;
    wait_for_a_bit(&root->main);
    wait_for_a_bit(&urgent->main);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_shutdown();
    return 0;
}

static unsigned breaks;

/* At the first one somebody more urgent becomes ready. */
static void at_break(void)
{
    if (breaks++ == 0)
        thread_ring(&urgent->main, NOTIFY_BIT(1));
}

/* The urgent thread leaves its FP state in the hart's registers; the call that then goes on lets go of
 * the lock, and another hart might run the urgent one or bury it. host_machine.c checks that. */
static void a_long_call_goes_on_without_foreign_fp_state(void **state)
{
    (void)state;
    breaks = 0;
    host_run(0, &slow->main);
    host_at_lock_break(at_break);
    slow->main.regs[REG_T0] = SYS_IPC_CALL;
    slow->main.regs[REG_A0] = ENDPOINT_KERNEL | (uint64_t)KCALL_MAP << 32;
    slow->main.regs[REG_A1] = 4 * STEP_PAGES * PAGE_SIZE;
    slow->main.regs[REG_A1 + 1] = PROT_READ_BIT | PROT_WRITE_BIT;
    slow->main.regs[REG_A1 + 2] = 0;
    host_system_call(0);
    assert_ptr_equal(host_running(0), &urgent->main);
    assert_true(slow->main.in_kcall);
    wait_for_a_bit(&urgent->main);
    assert_ptr_equal(host_running(0), &slow->main);
    assert_int_equal(slow->main.regs[REG_T0], 0);
    assert_true(breaks > 1);
    host_at_lock_break(NULL);
}

/* ---- what liveness is judged by ---- */

/* ms that the process's thread has run since its last wait, as rs sees it. */
static uint64_t ran_since_wait_ms(const struct process *process)
{
    const uint64_t arguments[] = {HOST_DATA, 16};
    uint64_t result[7];

    thread_ring(&root->main, NOTIFY_BIT(1));
    assert_int_equal(host_kcall(&root->main, KCALL_LIVENESS, arguments, 2, result), 0);
    wait_for_a_bit(&root->main);
    for (uint64_t i = 0; i < result[0]; i++) {
        struct liveness entry;
        assert_int_equal(vm_read(root, HOST_DATA + i * sizeof(entry), &entry, sizeof(entry)), 0);
        if (entry.process == process->endpoint)
            return entry.cpu_since_wait_ticks / ticks_from_ms(1);
    }
    fail_msg("the process is not in the list");
    return 0;
}

static void call_server(void)
{
    host_run(0, &slow->main);
    slow->main.regs[REG_T0] = SYS_IPC_CALL;
    slow->main.regs[REG_A0] = urgent->endpoint | (uint64_t)1 << 32;
    slow->main.regs[REG_T1] = DEADLINE_NEVER;
    host_system_call(0);
    assert_ptr_equal(host_running(0), &urgent->main);
}

static void answer(void)
{
    host_run(0, &urgent->main);
    urgent->main.regs[REG_T0] = SYS_IPC_REPLY_RECEIVE;
    urgent->main.regs[REG_A0] = slow->endpoint;
    urgent->main.regs[REG_T1] = DEADLINE_NEVER;
    urgent->main.regs[REG_T3] = 0;
    host_system_call(0);
}

static void run_for_ms(uint64_t ms)
{
    host_now += ticks_from_ms(ms);
}

/* Who calls again and again is no less busy than who runs by itself: but for a call that isn't answered
 * yet it can't be blamed. */
static void time_in_answered_calls_is_the_callers(void **state)
{
    (void)state;
    wait_for_a_bit(&slow->main); /* from here on */
    thread_ring(&slow->main, NOTIFY_BIT(1));
    call_server();
    run_for_ms(30);
    answer();
    assert_ptr_equal(host_running(0), &slow->main);
    run_for_ms(5);
    assert_int_equal(ran_since_wait_ms(slow), 35);
    assert_int_equal(ran_since_wait_ms(urgent), 0);
    call_server();
    run_for_ms(70);
    assert_int_equal(ran_since_wait_ms(slow), 35);
    assert_int_equal(ran_since_wait_ms(urgent), 70);
}

/* ---- harts that start late ---- */

static int setup_late(void **state)
{
    (void)state;
    host_boot_with(&(struct host_options){.harts = 2, .late = 1});
    slow = host_process("slow", NULL, 1000);
    urgent = host_process("urgent", slow, 100);
    return slow && urgent ? 0 : -1;
}

static void pin(struct thread *thread, uint64_t hart_mask)
{
    host_run(0, thread);
    thread->regs[REG_T0] = SYS_IPC_CALL;
    thread->regs[REG_A0] = ENDPOINT_KERNEL | (uint64_t)KCALL_THREAD_PIN << 32;
    thread->regs[REG_A1] = hart_mask;
    host_system_call(0);
}

/* Drivers start a thread for each hart as soon as they run, and a hart's first steps may take long. */
static void a_thread_waits_for_its_hart(void **state)
{
    (void)state;
    pin(&slow->main, 2);
    assert_int_equal(slow->main.state, THREAD_READY);
    assert_ptr_not_equal(host_running(0), &slow->main);
    host_poll(0);
    assert_ptr_not_equal(host_running(0), &slow->main);
    host_start(1);
    assert_ptr_equal(host_running(1), &slow->main);
    assert_int_equal(slow->main.regs[REG_T0], 0);
}

/* Who may run elsewhere does. */
static void nobody_else_waits_for_a_hart(void **state)
{
    (void)state;
    pin(&slow->main, 3);
    assert_ptr_equal(host_running(0), &slow->main);
    assert_ptr_equal(urgent->main.hart, harts[0]);
    host_start(1);
    assert_ptr_equal(host_running(1), &urgent->main);
}

static void a_hart_that_never_starts_is_no_place(void **state)
{
    (void)state;
    harts_usable = 1;
    pin(&slow->main, 2);
    assert_ptr_equal(host_running(0), &slow->main);
    assert_int_equal((int)slow->main.regs[REG_T0], -ANOLE_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_long_call_goes_on_without_foreign_fp_state),
        TEST(time_in_answered_calls_is_the_callers),
#define TEST_LATE(name) cmocka_unit_test_setup_teardown(name, setup_late, teardown)
        TEST_LATE(a_thread_waits_for_its_hart),
        TEST_LATE(nobody_else_waits_for_a_hart),
        TEST_LATE(a_hart_that_never_starts_is_no_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
