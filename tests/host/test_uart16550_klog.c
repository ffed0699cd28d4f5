/*
 * The console driver's view of the kernel's log: which lines are shown, how, and that it doesn't
 * matter where the text is cut.
 */
#include "drivers/uart16550/klog.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char log_text[] = "0    0.000001 first, an error\n"
                               "2    0.000002 kept to the log\n"
                               "1   12.500000 a warning  with blanks\n"
                               "3 1234.000000 debugging\n"
                               "1 12345.000000 long since boot\n";
static const char shown_text[] = "[   0.000001] first, an error\n"
                                 "[  12.500000] a warning  with blanks\n"
                                 "[12345.000000] long since boot\n";

static void shows_warnings(void **state)
{
    struct klog_filter filter = {0};
    char shown[KLOG_SHOWN_MAX(sizeof(log_text))];
    size_t len = klog_filter(&filter, log_text, sizeof(log_text) - 1, shown);

    (void)state;
    assert_int_equal(len, sizeof(shown_text) - 1);
    assert_memory_equal(shown, shown_text, len);
}

static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < sizeof(log_text); piece++) {
        struct klog_filter filter = {0};
        char shown[KLOG_SHOWN_MAX(sizeof(log_text))];
        size_t len = 0;

        for (size_t at = 0; at < sizeof(log_text) - 1; at += piece) {
            size_t rest = sizeof(log_text) - 1 - at;

            len += klog_filter(&filter, log_text + at, rest < piece ? rest : piece, shown + len);
        }
        assert_int_equal(len, sizeof(shown_text) - 1);
        assert_memory_equal(shown, shown_text, len);
    }
}

/* Garbage never becomes more than twice as long, and a sane line after it is shown as always. */
static void garbage(void **state)
{
    static const char sane[] = "\n1 1.0 x\n";

    (void)state;
    srandom(2);
    for (int round = 0; round < 20000; round++) {
        static const char alphabet[] = "01239 \n\nx.";
        struct klog_filter filter = {0};
        size_t len = (size_t)random() % 40;
        char *text = malloc(len + 1);
        char *shown = malloc(KLOG_SHOWN_MAX(len) + 1);
        char after[KLOG_SHOWN_MAX(sizeof(sane))];
        size_t tail;

        assert_non_null(text);
        assert_non_null(shown);
        for (size_t i = 0; i < len; i++) {
            text[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
        }
        assert_true(klog_filter(&filter, text, len, shown) <= KLOG_SHOWN_MAX(len));
        tail = klog_filter(&filter, sane, sizeof(sane) - 1, after);
        assert_true(tail >= 8);
        assert_memory_equal(after + tail - 8, "[1.0] x\n", 8);
        free(text);
        free(shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_warnings),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(garbage),
    };

    return cmocka_run_group_tests_name("uart16550_klog", tests, NULL, NULL);
}
