/*
 * Interrupts on the real kernel code: lines that are shared, messages and who owns them, storms, drivers
 * that are late or die, and what a binding costs. After each test all invariants are checked.
 */
#include "hart.h"
#include "host_machine.h"
#include "invariants.h"
#include <anole/kcall.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define HARTS 2u
#define IDENTITIES 16u
/* One identity is the harts' own. Of one allocation hart 0 gets one more than the others: it is full. */
#define ALL_MESSAGES (HARTS * (IDENTITIES - 2) + 1)
#define LINE 7u
#define FIRST_MESSAGE (HOST_LINES + 1)

static struct process *root, *a, *b;
static uint64_t result[7];

#define CALL_OF(thread, name, ...)                                                                 \
    host_kcall(thread, KCALL_##name, (const uint64_t[]){__VA_ARGS__, 0},                           \
               sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), result)
#define CALL(process, name, ...) CALL_OF(&(process)->main, name, __VA_ARGS__)
#define assert_sound() assert_string_equal(invariants_broken() ?: "", "")

static int boot(unsigned harts_wanted, uint32_t identities)
{
    host_boot_with(&(struct host_options){.harts = harts_wanted, .identities = identities});
    invariants_begin();
    root = host_process("root", NULL, 2000);
    a = host_process("a", root, 100);
    b = host_process("b", root, 100);
    if (!root || !a || !b)
        return -1;
    /* Hart 1 only hears interrupts. */
    return CALL(root, THREAD_PIN, 1) || CALL(a, THREAD_PIN, 1) || CALL(b, THREAD_PIN, 1);
}

static int setup(void **state)
{
    (void)state;
    return boot(HARTS, IDENTITIES);
}

static int setup_without_messages(void **state)
{
    (void)state;
    return boot(HARTS, 0);
}

static int teardown(void **state)
{
    const char *wrong = invariants_broken();

    (void)state;
    if (wrong)
        print_error("%s\n", wrong);
    host_shutdown();
    return wrong ? -1 : 0;
}

static void receive(struct process *process)
{
    host_run(0, &process->main);
    process->main.regs[REG_T0] = SYS_IPC_RECEIVE;
    process->main.regs[REG_T1] = DEADLINE_NEVER;
    process->main.regs[REG_T3] = NOTIFY_ALL;
    process->main.regs[REG_T4] = 0;
    host_system_call(0);
}

/* What a wait would give now; it leaves nothing behind. */
static bool was_rung(const struct process *process, unsigned bit)
{
    return process->main.pending & NOTIFY_BIT(bit);
}

static int give(const struct process *process, uint64_t first, uint64_t count)
{
    return CALL(root, PROCESS_RESOURCE, process->endpoint, RESOURCE_IRQ, first, count);
}

static void bind_line(struct process *process, unsigned bit)
{
    assert_int_equal(give(process, LINE, 1), 0);
    assert_int_equal(CALL(process, IRQ_BIND, result[0], bit, 0), 0);
}

/* `count` messages that are that process's, as its resource 0. */
static uint32_t give_messages(const struct process *process, uint64_t key, uint64_t count)
{
    uint64_t first;

    assert_int_equal(CALL(root, MSI_ALLOC, key, count), 0);
    first = result[0];
    assert_int_equal(give(process, first, count), 0);
    return (uint32_t)first;
}

static void kill(struct process *process)
{
    assert_int_equal(CALL(root, PROCESS_KILL, process->endpoint, DEATH_KILLED, 0), 0);
}

static void pass_ms(uint64_t ms)
{
    host_now += ticks_from_ms(ms) + 1;
    host_poll(0);
}

/* ---- lines ---- */

static void a_line_is_completed_at_the_next_wait(void **state)
{
    (void)state;
    bind_line(a, 4);
    receive(a);
    host_interrupt_line(0, LINE);
    assert_int_equal(a->main.regs[REG_A1], NOTIFY_BIT(4));
    assert_true(host_line_pending_completion(LINE));
    receive(a);
    assert_false(host_line_pending_completion(LINE));
    /* One that dies owing a wait: completed, then masked. */
    host_interrupt_line(0, LINE);
    host_run(0, &a->main);
    host_fault(0, DEATH_ILLEGAL, 0);
    assert_false(host_line_pending_completion(LINE));
    assert_false(host_line_enabled(LINE));
}

static void who_is_late_is_skipped(void **state)
{
    (void)state;
    bind_line(a, 4);
    bind_line(b, 4);
    receive(b);
    host_interrupt_line(0, LINE);
    receive(b);
    assert_true(host_line_pending_completion(LINE));
    pass_ms(IRQ_OVERDUE_MS);
    assert_false(host_line_pending_completion(LINE));
    /* Being late is no debt: the next one is waited for again. */
    host_interrupt_line(0, LINE);
    assert_true(host_line_pending_completion(LINE));
}

static void a_shared_line_waits_for_all(void **state)
{
    (void)state;
    bind_line(a, 4);
    bind_line(b, 5);
    receive(a);
    receive(b);
    host_interrupt_line(0, LINE);
    assert_int_equal(a->main.regs[REG_A1], NOTIFY_BIT(4));
    assert_int_equal(b->main.regs[REG_A1], NOTIFY_BIT(5));
    receive(a);
    assert_true(host_line_pending_completion(LINE));
    assert_sound();
    receive(b);
    assert_false(host_line_pending_completion(LINE));
    /* The one that dies owes nothing any more, and the other one still hears. */
    host_interrupt_line(0, LINE);
    receive(b);
    assert_true(host_line_pending_completion(LINE));
    kill(a);
    assert_false(host_line_pending_completion(LINE));
    assert_true(host_line_enabled(LINE));
    kill(b);
    assert_false(host_line_enabled(LINE));
}

static void waiting_for_something_else_pays_nothing(void **state)
{
    (void)state;
    bind_line(a, 4);
    host_interrupt_line(0, LINE);
    host_run(0, &a->main);
    a->main.regs[REG_T0] = SYS_IPC_RECEIVE;
    a->main.regs[REG_T1] = DEADLINE_POLL;
    a->main.regs[REG_T3] = NOTIFY_BIT(9);
    host_system_call(0);
    assert_true(host_line_pending_completion(LINE)); /* its bit wasn't delivered */
}

static void a_storm_of_a_line_is_masked_for_a_millisecond(void **state)
{
    (void)state;
    bind_line(a, 4);
    receive(a);
    for (unsigned i = 0; i < IRQ_STORM_PER_MS; i++) {
        host_interrupt_line(0, LINE);
        receive(a);
        assert_true(host_line_enabled(LINE));
    }
    host_interrupt_line(0, LINE);
    assert_false(host_line_enabled(LINE));
    receive(a); /* of a line that is masked there is nothing to complete */
    assert_sound();
    pass_ms(1);
    assert_true(host_line_enabled(LINE));
    assert_int_equal(a->main.regs[REG_A1], NOTIFY_BIT(4)); /* and a has a look */
}

/* a and b take their turns; true if the line isn't masked then. */
static bool both_serve(void)
{
    host_interrupt_line(0, LINE);
    receive(a);
    receive(b);
    return host_line_enabled(LINE);
}

/* However slow that is. */
static void a_line_that_stays_up_is_masked(void **state)
{
    (void)state;
    bind_line(a, 4);
    bind_line(b, 4);
    receive(a);
    receive(b);
    host_hold_line(LINE, true);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i <= IRQ_STILL_UP; i++) {
            assert_true(both_serve());
            pass_ms(1);
        }
        assert_false(both_serve());
        assert_sound();
        /* From then on there is one claim in each millisecond, as long as it stays up. */
        for (unsigned i = 0; i < 3; i++) {
            pass_ms(1);
            assert_true(both_serve());
            assert_false(both_serve());
        }
        pass_ms(1);
        host_hold_line(LINE, false);
        for (unsigned i = 0; i < 3; i++)
            assert_true(both_serve());
        host_hold_line(LINE, true);
    }
}

/* Of a line that is busy but comes down between whiles, or is nobody's fault any more. */
static void a_line_that_comes_down_is_not_masked(void **state)
{
    (void)state;
    bind_line(a, 4);
    bind_line(b, 4);
    receive(a);
    receive(b);
    for (unsigned i = 0; i < 4 * IRQ_STILL_UP; i++) {
        host_hold_line(LINE, i % IRQ_STILL_UP != 0);
        assert_true(both_serve());
        pass_ms(1);
    }
    kill(a);
    kill(b);
    a = host_process("a", root, 100);
    b = host_process("b", root, 100);
    bind_line(a, 4);
    bind_line(b, 4);
    receive(a);
    receive(b);
    for (unsigned i = 0; i <= IRQ_STILL_UP; i++) {
        assert_true(both_serve());
        pass_ms(1);
    }
    assert_false(both_serve());
}

static void a_storm_outlives_its_driver(void **state)
{
    (void)state;
    bind_line(a, 4);
    for (unsigned i = 0; i <= IRQ_STORM_PER_MS; i++) {
        receive(a);
        host_interrupt_line(0, LINE);
    }
    kill(a);
    bind_line(b, 3); /* in the midst of the rest */
    assert_false(host_line_enabled(LINE));
    pass_ms(1);
    assert_true(host_line_enabled(LINE));
    assert_true(was_rung(b, 3));
}

/* ---- what may be given ---- */

static void resources_are_checked(void **state)
{
    (void)state;
    assert_int_equal(give(a, 0, 1), -ANOLE_EINVAL);
    assert_int_equal(give(a, HOST_LINES, 1), 0);
    assert_int_equal(give(a, HOST_LINES, 0), -ANOLE_EINVAL);
    assert_int_equal(give(a, HOST_LINES, 2), -ANOLE_EINVAL);
    assert_int_equal(give(a, 1, ~(uint64_t)0), -ANOLE_EINVAL);
    assert_int_equal(give(a, ~(uint64_t)0, 2), -ANOLE_EINVAL);
    assert_int_equal(give(a, FIRST_MESSAGE, 1), -ANOLE_EINVAL);
    assert_int_equal(CALL(root, MSI_ALLOC, 1, 3), 0);
    assert_int_equal(give(a, FIRST_MESSAGE, 4), -ANOLE_EINVAL);
    assert_int_equal(give(a, FIRST_MESSAGE, 3), 0);
}

static void configuration_space_is_no_drivers(void **state)
{
    (void)state;
    assert_int_equal(
        CALL(root, PROCESS_RESOURCE, a->endpoint, RESOURCE_WINDOW, HOST_CONFIGURATION, PAGE_SIZE),
        -ANOLE_EINVAL);
    assert_int_equal(CALL(root, PROCESS_RESOURCE, a->endpoint, RESOURCE_WINDOW,
                          HOST_CONFIGURATION - PAGE_SIZE, 2 * PAGE_SIZE),
                     -ANOLE_EINVAL);
    assert_int_equal(CALL(root, PROCESS_RESOURCE, a->endpoint, RESOURCE_WINDOW,
                          HOST_CONFIGURATION - PAGE_SIZE, PAGE_SIZE),
                     0);
    assert_int_equal(CALL(root, DEVICE_MAP, HOST_CONFIGURATION, PAGE_SIZE), 0);
}

static void bindings_are_checked(void **state)
{
    (void)state;
    give_messages(a, 1, 3);
    assert_int_equal(CALL(a, IRQ_BIND, 0, 4, 3), -ANOLE_ENOENT);
    assert_int_equal(CALL(a, IRQ_BIND, 0, 4, ~(uint64_t)0), -ANOLE_ENOENT);
    assert_int_equal(CALL(a, IRQ_BIND, 1, 4, 0), -ANOLE_ENOENT);
    assert_int_equal(CALL(a, IRQ_BIND, 0, NOTIFY_OWN_BITS, 0), -ANOLE_EINVAL);
    assert_int_equal(CALL(a, IRQ_BIND, 0, 4, 2), 0);
    assert_int_equal(CALL(a, IRQ_BIND, 0, 4, 1), -ANOLE_EINVAL);
    assert_int_equal(CALL(a, IRQ_BIND, 0, 5, 2), -ANOLE_EEXIST);
    assert_int_equal(CALL(a, IRQ_BIND, 0, 5, 0), 0);
}

static void a_binding_costs_a_handle_until_the_thread_ends(void **state)
{
    uint32_t before;
    struct thread *thread;

    (void)state;
    give_messages(a, 1, 4);
    before = a->handles;
    assert_int_equal(CALL(a, THREAD_CREATE, 0x10000, HOST_DATA + PAGE_SIZE, 0, 0, 0), 0);
    thread = thread_lookup((endpoint_t)result[0]);
    assert_int_equal(CALL_OF(thread, IRQ_BIND, 0, 4, 0), 0);
    assert_int_equal(CALL_OF(thread, IRQ_BIND, 0, 5, 1), 0);
    assert_int_equal(CALL(a, IRQ_BIND, 0, 4, 2), 0); /* another thread's bit 4 */
    assert_int_equal(a->handles, before + 3);
    a->max_handles = a->handles;
    assert_int_equal(CALL(a, IRQ_BIND, 0, 6, 3), -ANOLE_ENOMEM);
    assert_sound();
    (void)CALL_OF(thread, THREAD_EXIT, 0);
    assert_int_equal(a->handles, before + 1);
    assert_int_equal(CALL(a, IRQ_BIND, 0, 6, 0), 0); /* it may be bound again */
}

static void a_binding_is_no_handle_to_close(void **state)
{
    (void)state;
    bind_line(a, 4);
    for (uint64_t index = 0; index < 4; index++)
        assert_int_not_equal(CALL(a, CLOSE, (uint64_t)1 << 16 | index), 0);
    assert_true(host_line_enabled(LINE));
}

/* ---- messages ---- */

static void a_machine_without_messages(void **state)
{
    (void)state;
    assert_int_equal(CALL(root, MSI_ALLOC, 1, 1), -ANOLE_ENOSYS);
    assert_int_equal(CALL(root, MSI_INFO, FIRST_MESSAGE), -ANOLE_ENOSYS);
    assert_int_equal(give(a, FIRST_MESSAGE, 1), -ANOLE_EINVAL);
}

static void numbers_are_the_same_for_the_same_key_and_count(void **state)
{
    uint64_t first;

    (void)state;
    assert_int_equal(CALL(root, MSI_ALLOC, 0x800, 3), 0);
    first = result[0];
    assert_int_equal(first, FIRST_MESSAGE);
    assert_int_equal(CALL(root, MSI_ALLOC, 0x900, 3), 0);
    assert_int_equal(result[0], first + 3);
    assert_int_equal(CALL(root, MSI_ALLOC, 0x800, 2), 0);
    assert_int_equal(result[0], first + 6);
    assert_int_equal(CALL(root, MSI_ALLOC, 0x900, 3), 0);
    assert_int_equal(result[0], first + 3);
    assert_int_equal(CALL(root, MSI_ALLOC, 0x800, 3), 0);
    assert_int_equal(result[0], first);
    assert_int_equal(CALL(root, MSI_ALLOC, 0x800, 0), -ANOLE_EINVAL);
}

static void vectors_go_to_the_harts_in_turn(void **state)
{
    static const unsigned expected[] = {0, 0, 1, 0, 1};
    uint64_t seen[HARTS] = {0};
    uint64_t first;

    (void)state;
    assert_int_equal(CALL(root, MSI_ALLOC, 1, 5), 0);
    first = result[0];
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(CALL(root, MSI_INFO, first + i), 0);
        assert_int_equal(result[0], HOST_MSI_PAGES + expected[i] * PAGE_SIZE);
        assert_in_range(result[1], 2, IDENTITIES);
        assert_false(seen[expected[i]] >> result[1] & 1);
        seen[expected[i]] |= (uint64_t)1 << result[1];
    }
    assert_int_equal(CALL(root, MSI_INFO, first + 5), -ANOLE_EINVAL);
    assert_int_equal(CALL(root, MSI_INFO, HOST_LINES), -ANOLE_EINVAL);
    assert_int_equal(CALL(root, MSI_INFO, ~(uint64_t)0), -ANOLE_EINVAL);
    assert_int_equal(CALL(root, MSI_INFO, first + ((uint64_t)1 << 32)), -ANOLE_EINVAL);
}

static void identities_run_out_without_a_trace(void **state)
{
    uint64_t all = ALL_MESSAGES;

    (void)state;
    assert_int_equal(CALL(root, MSI_ALLOC, 1, ~(uint64_t)0), -ANOLE_ENOMEM);
    assert_int_equal(CALL(root, MSI_ALLOC, 1, all + 1), -ANOLE_ENOMEM);
    assert_int_equal(CALL(root, MSI_ALLOC, 1, all), 0);
    assert_int_equal(CALL(root, MSI_ALLOC, 2, 1), -ANOLE_ENOMEM);
    assert_int_equal(CALL(root, MSI_ALLOC, 1, all), 0);
    assert_int_equal(result[0], FIRST_MESSAGE);
    /* A wired line needs one, too. */
    assert_int_equal(give(a, LINE, 1), 0);
    assert_int_equal(CALL(a, IRQ_BIND, 0, 4, 0), -ANOLE_ENOMEM);
    assert_false(a->main.irq_bits);
}

static void a_line_keeps_its_identity(void **state)
{
    uint64_t all = ALL_MESSAGES;

    (void)state;
    bind_line(a, 4);
    kill(a);
    assert_int_equal(CALL(root, MSI_ALLOC, 1, all), -ANOLE_ENOMEM);
    assert_int_equal(CALL(root, MSI_ALLOC, 1, all - HARTS), 0);
    bind_line(b, 4);
    assert_int_equal(give(b, LINE + 1, 1), 0);
    assert_int_equal(CALL(b, IRQ_BIND, 1, 5, 0), -ANOLE_ENOMEM);
}

static void a_message_has_one_owner(void **state)
{
    uint32_t first = give_messages(a, 1, 4);

    (void)state;
    assert_int_equal(give(b, first, 4), -ANOLE_EBUSY);
    assert_int_equal(give(b, first + 3, 1), -ANOLE_EBUSY);
    assert_int_equal(give(a, first, 1), -ANOLE_EBUSY);
    kill(a);
    assert_int_equal(give(b, first + 3, 1), 0);
}

static void a_message_of_the_dead_is_quarantined(void **state)
{
    uint32_t first = give_messages(a, 1, 1);
    endpoint_t dead = a->endpoint;

    (void)state;
    assert_int_equal(CALL(a, DMA_ALLOC, PAGE_SIZE), 0);
    kill(a);
    assert_int_equal(give(b, first, 1), -ANOLE_EBUSY);
    assert_int_equal(CALL(root, PROCESS_BURY, dead), 0);
    assert_int_equal(give(b, first, 1), -ANOLE_EBUSY);
    assert_int_equal(CALL(root, QUARANTINE_END, dead), 0);
    assert_int_equal(give(b, first, 1), 0);
}

static void a_message_needs_no_answer(void **state)
{
    uint32_t first = give_messages(a, 1, 1);
    uint64_t before;

    (void)state;
    assert_false(host_message(first));
    assert_int_equal(CALL(a, IRQ_BIND, 0, 4, 0), 0);
    before = a->counters.interrupts;
    for (unsigned i = 0; i < 3; i++)
        assert_true(host_message(first));
    assert_int_equal(a->counters.interrupts, before + 3);
    assert_true(was_rung(a, 4));
    pass_ms(IRQ_OVERDUE_MS); /* nobody is late */
    assert_sound();
    receive(a);
    assert_int_equal(a->main.regs[REG_A1], NOTIFY_BIT(4));
}

static void another_hart_is_asked_to_listen(void **state)
{
    uint32_t first = give_messages(a, 1, 3); /* on harts 0, 0 and 1 */

    (void)state;
    assert_int_equal(CALL(a, IRQ_BIND, 0, 4, 2), 0);
    assert_true(host_interrupted(1));
    host_poll(1);
    assert_true(host_message(first + 2));
    assert_true(was_rung(a, 4));
}

static void who_hears_a_message_for_nobody_hears_no_more(void **state)
{
    uint32_t first = give_messages(a, 1, 3);

    (void)state;
    assert_int_equal(CALL(a, IRQ_BIND, 0, 4, 1), 0); /* hart 0, where the kill is made */
    assert_int_equal(CALL(a, IRQ_BIND, 0, 5, 2), 0);
    host_poll(1);
    kill(a);
    assert_false(host_message(first + 1));
    assert_true(host_message(first + 2));
    assert_false(host_message(first + 2));
    assert_int_equal(give(b, first, 3), 0);
    assert_int_equal(CALL(b, IRQ_BIND, 0, 6, 2), 0);
    host_poll(1);
    assert_true(host_message(first + 2));
    assert_true(was_rung(b, 6));
}

static void a_storm_of_messages_is_masked_for_a_millisecond(void **state)
{
    uint32_t first = give_messages(a, 1, 3);

    (void)state;
    assert_int_equal(CALL(a, IRQ_BIND, 0, 4, 2), 0);
    host_poll(1);
    for (unsigned i = 0; i <= IRQ_STORM_PER_MS; i++)
        assert_true(host_message(first + 2));
    assert_false(host_message(first + 2));
    assert_sound();
    a->main.pending = 0;
    /* Hart 0's clock goes off first: it asks hart 1. */
    assert_int_equal(CALL(root, ALARM, host_now + ticks_from_ms(1), 1), 0);
    pass_ms(1);
    assert_true(was_rung(a, 4));
    assert_sound();
    host_poll(1);
    assert_true(host_message(first + 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_line_is_completed_at_the_next_wait),
        TEST(who_is_late_is_skipped),
        TEST(a_shared_line_waits_for_all),
        TEST(waiting_for_something_else_pays_nothing),
        TEST(a_storm_of_a_line_is_masked_for_a_millisecond),
        TEST(a_line_that_stays_up_is_masked),
        TEST(a_line_that_comes_down_is_not_masked),
        TEST(a_storm_outlives_its_driver),
        TEST(resources_are_checked),
        TEST(configuration_space_is_no_drivers),
        TEST(bindings_are_checked),
        TEST(a_binding_costs_a_handle_until_the_thread_ends),
        TEST(a_binding_is_no_handle_to_close),
        TEST(numbers_are_the_same_for_the_same_key_and_count),
        TEST(vectors_go_to_the_harts_in_turn),
        TEST(identities_run_out_without_a_trace),
        TEST(a_line_keeps_its_identity),
        TEST(a_message_has_one_owner),
        TEST(a_message_of_the_dead_is_quarantined),
        TEST(a_message_needs_no_answer),
        TEST(another_hart_is_asked_to_listen),
        TEST(who_hears_a_message_for_nobody_hears_no_more),
        TEST(a_storm_of_messages_is_masked_for_a_millisecond),
        cmocka_unit_test_setup_teardown(a_machine_without_messages, setup_without_messages,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
