/*
 * Messages between threads, on the real kernel code: delivery, replies, deadlines, cycles, deaths.
 */
#include "hart.h"
#include "host_machine.h"
#include <anole/ipc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static struct process *root, *a, *b, *c;

static int setup(void **state)
{
    (void)state;
    host_boot(2);
    root = host_process("root", NULL, 2000);
    a = host_process("a", root, 100);
    b = host_process("b", root, 100);
    c = host_process("c", root, 100);
    return root && a && b && c ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    host_shutdown();
    return 0;
}

static int status_of(const struct process *process)
{
    return (int)(int64_t)process->main.regs[REG_T0];
}

static void call_until(struct process *from, const struct process *to, uint32_t type,
                       uint64_t deadline)
{
    host_run(0, &from->main);
    from->main.regs[REG_T0] = SYS_IPC_CALL;
    from->main.regs[REG_A0] = to->endpoint | (uint64_t)type << 32;
    from->main.regs[REG_T1] = deadline;
    host_system_call(0);
}

static void call(struct process *from, const struct process *to, uint32_t type)
{
    call_until(from, to, type, DEADLINE_NEVER);
}

static void receive(struct process *process, uint64_t mask, uint64_t deadline, uint64_t flags)
{
    host_run(0, &process->main);
    process->main.regs[REG_T0] = SYS_IPC_RECEIVE;
    process->main.regs[REG_T1] = deadline;
    process->main.regs[REG_T3] = mask;
    process->main.regs[REG_T4] = flags;
    host_system_call(0);
}

static void reply(struct process *process, uint64_t to, uint64_t call_id, uint32_t type)
{
    host_run(0, &process->main);
    process->main.regs[REG_T0] = SYS_IPC_REPLY;
    process->main.regs[REG_A0] = (uint32_t)to | (uint64_t)type << 32;
    process->main.regs[REG_T2] = call_id;
    host_system_call(0);
}

static void a_call_and_its_reply(void **state)
{
    uint64_t id;

    (void)state;
    receive(b, 0, DEADLINE_NEVER, 0);
    assert_int_equal(b->main.state, THREAD_RECEIVING);
    a->main.regs[REG_A1 + 6] = 77;
    call(a, b, 5);
    assert_ptr_equal(host_running(0), &b->main); /* switched directly */
    assert_int_equal(b->main.regs[REG_A0], a->endpoint | 5ul << 32);
    assert_int_equal(b->main.regs[REG_A1 + 6], 77);
    id = b->main.regs[REG_T2];
    reply(b, c->endpoint, id, 0);
    assert_int_equal(status_of(b), -ANOLE_ENOTWAITING);
    reply(b, a->endpoint, id + 1, 0);
    assert_int_equal(status_of(b), -ANOLE_ENOTWAITING);
    reply(b, a->endpoint, id, 9);
    assert_int_equal(status_of(b), 0);
    assert_int_equal(status_of(a), 0);
    assert_int_equal(a->main.regs[REG_A0], b->endpoint | 9ul << 32);
    reply(b, a->endpoint, id, 9);
    assert_int_equal(status_of(b), -ANOLE_ENOTWAITING);
}

static void a_call_needs_the_right(void **state)
{
    (void)state;
    a->callable[0] = 0;
    b->service_id = 3;
    call(a, b, 5);
    assert_int_equal(status_of(a), -ANOLE_EPERM);
    a->callable[0] = 1u << 3;
    receive(b, 0, DEADLINE_NEVER, 0);
    call(a, b, 5);
    assert_ptr_equal(host_running(0), &b->main);
}

static void cycles_are_refused(void **state)
{
    (void)state;
    call(a, a, 1);
    assert_int_equal(status_of(a), -ANOLE_EDEADLOCK);
    receive(b, 0, DEADLINE_NEVER, 0);
    receive(c, 0, DEADLINE_NEVER, 0);
    call_until(a, b, 1, host_now + 1000);
    call_until(b, a, 1, host_now + 1000);
    assert_int_equal(status_of(b), -ANOLE_EDEADLOCK);
    call_until(b, c, 1, host_now + 1000);
    call_until(c, a, 1, host_now + 1000);
    assert_int_equal(status_of(c), -ANOLE_EDEADLOCK);
    assert_ptr_equal(host_running(0), &c->main);
}

static void deadlines_pass_and_late_replies_are_refused(void **state)
{
    uint64_t id;

    (void)state;
    call_until(a, b, 1, host_now + 500); /* b doesn't receive */
    host_now += 501;
    host_poll(0);
    assert_int_equal(status_of(a), -ANOLE_ETIMEDOUT);
    assert_int_equal(a->main.regs[REG_A1], 0);
    receive(b, 0, DEADLINE_NEVER, 0);
    call_until(a, b, 1, host_now + 500);
    id = b->main.regs[REG_T2];
    host_now += 501;
    host_poll(0);
    assert_int_equal(status_of(a), -ANOLE_ETIMEDOUT);
    assert_int_equal(a->main.regs[REG_A1], 1);
    reply(b, a->endpoint, id, 0);
    assert_int_equal(status_of(b), -ANOLE_ENOTWAITING);
    receive(b, 0, DEADLINE_POLL, 0);
    assert_int_equal(status_of(b), -ANOLE_ETIMEDOUT);
}

static void the_dead_fail_their_callers(void **state)
{
    (void)state;
    receive(b, 0, DEADLINE_NEVER, 0);
    call(a, b, 1);
    call(c, b, 1);
    host_run(0, &b->main);
    host_fault(0, DEATH_LOAD_FAULT, 0x1234);
    assert_int_equal(b->state, PROCESS_DEAD);
    assert_int_equal(b->death.cause, DEATH_LOAD_FAULT);
    assert_int_equal(status_of(a), -ANOLE_EDEADENDPOINT);
    assert_int_equal(status_of(c), -ANOLE_EDEADENDPOINT);
    assert_true(root->main.pending & NOTIFY_BIT(NOTIFY_DEATH));
    call(a, b, 1);
    assert_int_equal(status_of(a), -ANOLE_EDEADENDPOINT);
}

static void notifications_first_but_never_twice_before_a_sender(void **state)
{
    (void)state;
    host_run(0, &b->main);
    b->main.pending = 1;
    call(a, b, 5);
    receive(b, 1, DEADLINE_NEVER, 0);
    assert_int_equal(b->main.regs[REG_A0], ENDPOINT_KERNEL);
    assert_int_equal(b->main.regs[REG_A1], 1);
    b->main.pending = 1;
    receive(b, 1, DEADLINE_NEVER, 0);
    assert_int_equal((endpoint_t)b->main.regs[REG_A0], a->endpoint);
    receive(b, 1, DEADLINE_NEVER, 0);
    assert_int_equal(b->main.regs[REG_A0], ENDPOINT_KERNEL);
    /* Requests are left where only notifications are asked for. */
    call(c, b, 6);
    receive(b, 1, DEADLINE_POLL, RECEIVE_NO_REQUESTS);
    assert_int_equal(status_of(b), -ANOLE_ETIMEDOUT);
    receive(b, 1, DEADLINE_POLL, 0);
    assert_int_equal((endpoint_t)b->main.regs[REG_A0], c->endpoint);
}

static void senders_queue_by_priority(void **state)
{
    (void)state;
    c->main.priority = PRIORITY_DRIVER;
    call(a, b, 1);
    call(root, b, 2);
    call(c, b, 3);
    receive(b, 0, DEADLINE_NEVER, 0);
    assert_int_equal(b->main.regs[REG_A0] >> 32, 3);
    receive(b, 0, DEADLINE_NEVER, 0);
    assert_int_equal(b->main.regs[REG_A0] >> 32, 1);
    receive(b, 0, DEADLINE_NEVER, 0);
    assert_int_equal(b->main.regs[REG_A0] >> 32, 2);
}

static void an_unknown_system_call_kills(void **state)
{
    (void)state;
    host_run(0, &a->main);
    a->main.regs[REG_T0] = 99;
    host_system_call(0);
    assert_int_equal(a->state, PROCESS_DEAD);
    assert_int_equal(a->death.cause, DEATH_BAD_CALL);
}

static void spent_budgets_only_slow_down(void **state)
{
    (void)state;
    a->budget_ticks = 1000;
    a->period_ticks = 100000;
    host_run(0, &a->main);
    host_now += 2000;
    receive(a, 0, host_now + 10, 0);
    assert_true(a->throttled);
    host_now += 20;
    host_poll(0);
    assert_int_equal(a->main.state, THREAD_READY); /* others run first */
    host_now += 100000;
    host_poll(0);
    assert_false(a->throttled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_call_and_its_reply),
        TEST(a_call_needs_the_right),
        TEST(cycles_are_refused),
        TEST(deadlines_pass_and_late_replies_are_refused),
        TEST(the_dead_fail_their_callers),
        TEST(notifications_first_but_never_twice_before_a_sender),
        TEST(senders_queue_by_priority),
        TEST(an_unknown_system_call_kills),
        TEST(spent_budgets_only_slow_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
