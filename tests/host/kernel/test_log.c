/*
 * Writing into the kernel's log: nobody fills it but RS, and whoever wrote too much is heard again.
 */
#include "config.h"
#include "hart.h"
#include "host_machine.h"
#include "kprintf.h"
#include "machine.h"
#include "vm.h"
#include <anole/kcall.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define LINE_BYTES 100u

static struct process *root, *writer, *other;

static int setup(void **state)
{
    (void)state;
    host_boot(1);
    root = host_process("root", NULL, 2000);
    writer = host_process("writer", root, 100);
    other = host_process("other", root, 100);
    if (!root || !writer || !other)
        return -1;
    writer->kcalls &= ~KCALL_BIT(LIVENESS); /* which makes RS */
    other->kcalls &= ~KCALL_BIT(LIVENESS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_shutdown();
    return 0;
}

static int write_at(struct process *process, enum log_level level)
{
    const uint64_t arguments[] = {HOST_DATA, LINE_BYTES, level};
    uint64_t result[7];

    return host_kcall(&process->main, KCALL_LOG_WRITE, arguments, 3, result);
}

static int write_line(struct process *process)
{
    return write_at(process, LOG_INFO);
}

/* How many lines are taken until one is refused. */
static unsigned write_until_refused(struct process *process, unsigned max)
{
    for (unsigned lines = 0; lines < max; lines++) {
        int status = write_line(process);
        if (status != 0) {
            assert_int_equal(status, -ANOLE_EAGAIN);
            return lines;
        }
    }
    return max;
}

static void a_flood_ends(void **state)
{
    uint64_t before = log_end();
    unsigned lines = write_until_refused(writer, 10000);

    (void)state;
    assert_in_range(lines, LOG_BURST_BYTES / LINE_BYTES / 2, LOG_BURST_BYTES / LINE_BYTES);
    uint64_t written = log_end() - before;
    assert_in_range(written, LOG_BURST_BYTES / 2, LOG_BURST_BYTES + LOG_SIZE / 16);

    /* It is told once, and what is refused leaves nothing. */
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(write_line(writer), -ANOLE_EAGAIN);
    assert_int_equal(log_end() - before, written);

    /* Nobody else is hindered. */
    assert_true(write_until_refused(other, 50) == 50);
}

static void heard_again(void **state)
{
    unsigned burst = write_until_refused(writer, 10000);
    const uint64_t half = ticks_per_second * LOG_BURST_BYTES / LOG_BYTES_PER_SECOND / 2;

    (void)state;
    host_now += half / 2;
    assert_int_equal(write_line(writer), -ANOLE_EAGAIN);
    host_now += half;
    unsigned again = write_until_refused(writer, 10000);
    assert_in_range(again, burst / 4, burst);
    host_now += 100 * half;
    assert_in_range(write_until_refused(writer, 10000), burst - 1, burst + 1);
}

static void rs_is_always_heard(void **state)
{
    (void)state;
    assert_true(root->kcalls & KCALL_BIT(LIVENESS));
    assert_int_equal(write_until_refused(root, 2000), 2000);
}

/* How many lines of that level the log got from a position on. */
static unsigned lines_of(enum log_level level, uint64_t position)
{
    bool line_start = true;
    unsigned lines = 0;

    for (size_t len = 1; position < log_end(); position++, len = 1) {
        char c = *log_peek(&position, &len);
        lines += line_start && c == '0' + (char)level;
        line_start = c == '\n';
    }
    return lines;
}

/* The console isn't kept busy; the log has all of it. */
static void warnings_are_hidden(void **state)
{
    const uint64_t pause = ticks_per_second * LOG_SHOWN_BURST_BYTES / LOG_SHOWN_BYTES_PER_SECOND;
    uint64_t before = log_end();

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(write_at(writer, LOG_WARNING), 0);
    unsigned shown = lines_of(LOG_WARNING, before);
    assert_in_range(shown, LOG_SHOWN_BURST_BYTES / LINE_BYTES / 2,
                    LOG_SHOWN_BURST_BYTES / LINE_BYTES + 1); /* and the kernel's own */
    assert_int_equal(lines_of(LOG_INFO, before), 101 - shown);
    assert_int_equal(write_at(other, LOG_WARNING), 0);
    assert_int_equal(lines_of(LOG_WARNING, before), shown + 1);
    host_now += pause;
    assert_int_equal(write_at(writer, LOG_ERROR), 0);
    assert_int_equal(lines_of(LOG_ERROR, before), 1);
}

static void empty_lines_cost(void **state)
{
    (void)state;
    static char newlines[512];
    memset(newlines, '\n', sizeof(newlines));
    uint64_t before = log_end();
    const uint64_t arguments[] = {HOST_DATA, sizeof(newlines), LOG_INFO};
    uint64_t result[7];

    assert_int_equal(vm_write(writer, HOST_DATA, newlines, sizeof(newlines)), 0);
    for (unsigned i = 0; i < 1000; i++)
        (void)host_kcall(&writer->main, KCALL_LOG_WRITE, arguments, 3, result);
    assert_in_range(log_end() - before, 1, 2 * LOG_BURST_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flood_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(heard_again, setup, teardown),
        cmocka_unit_test_setup_teardown(rs_is_always_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(warnings_are_hidden, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_lines_cost, setup, teardown),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
