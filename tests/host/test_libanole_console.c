/*
 * Streams over a console that dies, is busy, or isn't there: what arrives where.
 */
#include <anole/error.h>
#include <libanole/anole.h>
#include <libanole/internal.h>
#include <proto/tty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The console driver's instances have the endpoints 1000, 1001, ... */
static endpoint_t instance;
static int lookup_status;     /* of the next name_lookup */
static int calls_until_death; /* < 0: never dies */
static int busy;              /* that many times EBUSY */
static int put_status;        /* of every request, if not 0 */
static char screen[8192];
static size_t screen_len;
static char log_lines[4096];
static unsigned waits, grants_live, calls;
static const char *granted;
static const char *typed;

/* ---- the system ---- */

int name_lookup(const char *name, endpoint_t *endpoint)
{
    assert_string_equal(name, "console");
    *endpoint = instance;
    return lookup_status;
}

int name_wait(const char *name, endpoint_t *endpoint, unsigned bit, uint64_t deadline_ticks)
{
    (void)name;
    (void)deadline_ticks;
    assert_int_equal(bit, ANOLE_NOTIFY_BIT);
    waits++;
    if (lookup_status == -ANOLE_EGIVENUP) {
        return lookup_status;
    }
    lookup_status = 0;
    *endpoint = instance;
    return 0;
}

int kcall_grant(endpoint_t peer, const void *address, size_t len, unsigned access, handle_t *grant)
{
    assert_int_equal(peer, instance);
    assert_true(len > TTY_INLINE_MAX);
    assert_int_equal(access, GRANT_READ);
    granted = address;
    grants_live++;
    *grant = 4711;
    return 0;
}

int kcall_revoke(handle_t grant, int notify_bit)
{
    assert_int_equal(grant, 4711);
    assert_int_equal(notify_bit, -1);
    grants_live--;
    return 0;
}

static int die(void)
{
    instance++;
    calls_until_death = -1;
    lookup_status = -ANOLE_EAGAIN;
    return -ANOLE_EDEADENDPOINT;
}

static void print(const void *text, size_t len)
{
    assert_true(screen_len + len < sizeof(screen));
    memcpy(screen + screen_len, text, len);
    screen_len += len;
    screen[screen_len] = '\0';
}

static int serve(uint32_t type, struct message *message)
{
    switch (type) {
    case TTY_PUT:
        assert_true(message->word[0] <= TTY_INLINE_MAX);
        print(&message->word[1], message->word[0]);
        return 0;
    case TTY_WRITE:
        assert_int_equal(message->word[1], 4711);
        print(granted + message->word[2], message->word[3]);
        return 0;
    default:
        assert_int_equal(type, TTY_READ);
        message->word[0] = strlen(typed);
        memcpy(&message->word[1], typed, strlen(typed) < 48 ? strlen(typed) : 48);
        return 0;
    }
}

int anole_call(endpoint_t endpoint, uint32_t type, struct message *message, uint64_t deadline)
{
    uint64_t words[MESSAGE_WORDS];
    int status;

    (void)deadline;
    assert_int_equal(endpoint, instance);
    calls++;
    memcpy(words, message->word, sizeof(words));
    if (calls_until_death == 0) {
        status = die();
    } else if (busy > 0) {
        busy--;
        status = -ANOLE_EBUSY;
    } else {
        status = put_status ? put_status : serve(type, message);
    }
    calls_until_death -= calls_until_death > 0;
    if (status) {
        memset(message, 0xee, sizeof(*message)); /* a reply overwrites the request */
    }
    return status;
}

void log_printf(enum log_level level, const char *format, ...)
{
    va_list arguments;
    size_t len = strlen(log_lines);

    assert_int_equal(level, LOG_INFO);
    va_start(arguments, format);
    len += (size_t)vsnprintf(log_lines + len, sizeof(log_lines) - len, format, arguments);
    va_end(arguments);
    snprintf(log_lines + len, sizeof(log_lines) - len, "|");
}

uint64_t deadline_in_us(uint64_t microseconds)
{
    return microseconds;
}

void sleep_us(uint64_t microseconds)
{
    (void)microseconds;
}

void lock_acquire(struct __lock *lock)
{
    assert_int_equal(lock->depth++, 0);
}

void lock_release(struct __lock *lock)
{
    assert_int_equal(--lock->depth, 0);
}

/* ---- tests; the console is the same all through, as in a process ---- */

static int start_over(void **state)
{
    (void)state;
    calls_until_death = -1;
    busy = put_status = 0;
    screen_len = calls = waits = 0;
    screen[0] = log_lines[0] = '\0';
    return 0;
}

/* The first test: nobody has ever had the name. */
static void no_console_yet(void **state)
{
    char buffer[8];

    (void)state;
    instance = 1000;
    lookup_status = -ANOLE_ENOENT;
    console_write("early\nlines\n", 12);
    assert_string_equal(log_lines, "early|lines|");
    assert_int_equal(waits, 0);
    assert_int_equal(console_read(buffer, sizeof(buffer)), -ANOLE_ENOENT);
}

static void short_and_long(void **state)
{
    char text[3000];

    (void)state;
    lookup_status = 0;
    console_write("hello\n", 6);
    assert_string_equal(screen, "hello\n");
    assert_int_equal(grants_live, 0);
    memset(text, 'x', sizeof(text));
    console_write(text, sizeof(text));
    assert_int_equal(screen_len, 3006);
    assert_int_equal(grants_live, 1);
    assert_int_equal(calls, 1 + 3);
}

/* The unanswered piece goes to the next instance, with a new grant; nothing is lost or doubled. */
static void dies_between(void **state)
{
    char text[3000];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)('a' + i % 26);
    }
    calls_until_death = 1;
    console_write(text, sizeof(text));
    assert_int_equal(screen_len, sizeof(text));
    assert_memory_equal(screen, text, sizeof(text));
    assert_int_equal(waits, 1);
    assert_int_equal(grants_live, 1);
    assert_string_equal(log_lines, "");
}

static void busy_is_tried_again(void **state)
{
    (void)state;
    busy = 3;
    console_write("ok", 2);
    assert_string_equal(screen, "ok");
    assert_int_equal(calls, 4);
}

static void refused_goes_to_the_log(void **state)
{
    (void)state;
    put_status = -ANOLE_EPERM;
    console_write("a\n\nb", 4);
    assert_string_equal(log_lines, "a|b|");
    assert_string_equal(screen, "");
}

static void reads(void **state)
{
    char buffer[64];

    (void)state;
    typed = "key";
    assert_int_equal(console_read(buffer, sizeof(buffer)), 3);
    assert_memory_equal(buffer, "key", 3);
    calls_until_death = 0;
    assert_int_equal(console_read(buffer, sizeof(buffer)), 3);
    assert_int_equal(waits, 1);
    /* A driver that claims more than was asked for, or than fits. */
    assert_int_equal(console_read(buffer, 2), -ANOLE_EPROTO);
    typed = "";
    assert_int_equal(console_read(buffer, sizeof(buffer)), -ANOLE_EPROTO);
}

static void given_up(void **state)
{
    (void)state;
    calls_until_death = 0;
    console_write("x", 1);
    assert_string_equal(screen, "x");
    lookup_status = -ANOLE_EGIVENUP;
    put_status = -ANOLE_EDEADENDPOINT;
    console_write("last\n", 5);
    assert_string_equal(log_lines, "last|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_console_yet, start_over),
        cmocka_unit_test_setup(short_and_long, start_over),
        cmocka_unit_test_setup(dies_between, start_over),
        cmocka_unit_test_setup(busy_is_tried_again, start_over),
        cmocka_unit_test_setup(refused_goes_to_the_log, start_over),
        cmocka_unit_test_setup(reads, start_over),
        cmocka_unit_test_setup(given_up, start_over),
    };

    return cmocka_run_group_tests_name("libanole_console", tests, NULL, NULL);
}
