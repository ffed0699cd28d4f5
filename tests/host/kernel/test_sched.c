/*
 * Who runs next and what a hart holds meanwhile, on the real kernel code.
 */
#include "doorbell.h"
#include "hart.h"
#include "host_machine.h"
#include <anole/kcall.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static struct process *root, *slow, *urgent;

static int setup(void **state)
{
    (void)state;
    host_boot(1);
    root = host_process("root", NULL, 4000);
    slow = host_process("slow", root, 1000);
    urgent = host_process("urgent", root, 100);
    if (!root || !slow || !urgent)
        return -1;
    urgent->main.priority = PRIORITY_DRIVER;
    urgent->flags |= PROCESS_FLOAT;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_shutdown();
    return 0;
}

static void wait_for_a_bit(struct thread *thread)
{
    thread->regs[REG_T0] = SYS_IPC_RECEIVE;
    thread->regs[REG_T1] = DEADLINE_NEVER;
    thread->regs[REG_T3] = NOTIFY_BIT(1);
    host_system_call(0);
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
    host_run(0, &urgent->main);
    wait_for_a_bit(&urgent->main);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_long_call_goes_on_without_foreign_fp_state, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
