/*
 * The service loop over a fake of the kernel: a script of deliveries goes in, replies come out.
 */
#include <anole/ipc.h>
#include <anole/layout.h>
#include <libanole/anole.h>
#include <libanole/fault.h>
#include <libanole/service.h>
#include <proto/common.h>
#include <proto/rs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define RS_ENDPOINT 33u
#define CLIENT 77u
#define TYPE_DOUBLE MESSAGE_TYPE(PROTO_TEST, 1)
#define TYPE_HOLD MESSAGE_TYPE(PROTO_TEST, 2)
#define TYPE_FAIL MESSAGE_TYPE(PROTO_TEST, 3)
#define TYPE_UNKNOWN MESSAGE_TYPE(PROTO_TEST, 4)

static jmp_buf loop_end;
static struct ipc_delivery script[16];
static unsigned script_len, script_at;
static struct ipc_delivery replies[16];
static unsigned reply_count, pongs, prepared, stopped, timeouts;
static uint64_t own_bits, now, due, last_deadline;
static uint64_t last_mask;    /* of notifications that the loop wants */
static enum fault_kind fault; /* that the loop itself is to commit */
static uint32_t armed;        /* another one */
static unsigned faulty_replies;
static struct ipc_delivery held;

/* ---- the kernel and RS ---- */

static int next_delivery(struct ipc_delivery *delivery, uint64_t deadline_ticks)
{
    last_deadline = deadline_ticks;
    if (script_at == script_len) {
        longjmp(loop_end, 1);
    }
    *delivery = script[script_at++];
    if (delivery->message.endpoint == ENDPOINT_NONE) { /* the script's word for a time-out */
        now = deadline_ticks;
        return -ANOLE_ETIMEDOUT;
    }
    return 0;
}

int ipc_receive(struct ipc_delivery *delivery, uint64_t mask, uint64_t deadline, uint64_t flags)
{
    last_mask = mask;
    assert_int_equal(flags, 0);
    return next_delivery(delivery, deadline);
}

int ipc_reply_receive(struct ipc_delivery *delivery, uint64_t mask, uint64_t deadline)
{
    last_mask = mask;
    replies[reply_count++] = *delivery;
    return next_delivery(delivery, deadline);
}

int ipc_reply(const struct message *reply, uint64_t call_id)
{
    replies[reply_count++] = (struct ipc_delivery){*reply, call_id};
    return 0;
}

int anole_call(endpoint_t endpoint, uint32_t type, struct message *message, uint64_t deadline)
{
    (void)deadline;
    assert_int_equal(endpoint, RS_ENDPOINT);
    (void)message;
    assert_int_equal(type, RS_PONG);
    pongs++;
    return 0;
}

uint64_t ticks_now(void)
{
    return now;
}

void log_printf(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

_Noreturn void panic(const char *format, ...)
{
    (void)format;
    longjmp(loop_end, 2);
}

enum fault_kind fault_fetch(void)
{
    fault_armed = armed;
    return fault;
}

void fault_before_reply(const struct ipc_delivery *delivery)
{
    assert_int_equal(delivery->message.endpoint, CLIENT);
    faulty_replies++;
}

/* ---- a service ---- */

static int double_it(struct ipc_delivery *request)
{
    request->message.word[0] *= 2;
    return 0;
}

static int hold(struct ipc_delivery *request)
{
    held = *request;
    return SERVICE_NO_REPLY;
}

static int refuse(struct ipc_delivery *request)
{
    (void)request;
    return -ANOLE_ERANGE;
}

static void notified(uint64_t bits)
{
    own_bits |= bits;
    if (held.call_id) {
        held.message.word[0] = 99;
        service_reply(&held, 0);
        held.call_id = 0;
    }
}

static void before_wait(void)
{
    prepared++;
}

static void stop(void)
{
    stopped++;
    longjmp(loop_end, 4); /* exit() would end the test */
}

static uint64_t deadline(void)
{
    return due;
}

static void timeout(void)
{
    timeouts++;
    due = DEADLINE_NEVER;
}

static const struct service_entry entries[] = {
    {TYPE_DOUBLE, double_it}, {TYPE_HOLD, hold}, {TYPE_FAIL, refuse}};
static const struct service service = {
    .name = "test",
    .entries = entries,
    .entry_count = 3,
    .notified = notified,
    .before_wait = before_wait,
    .stop = stop,
    .deadline = deadline,
    .timeout = timeout,
};

/* ---- tests ---- */

static void request(uint32_t type, uint64_t word0)
{
    script[script_len] = (struct ipc_delivery){{.endpoint = CLIENT, .type = type, .word = {word0}},
                                               1000 + script_len};
    script_len++;
}

static void notification(uint64_t bits)
{
    script[script_len++] = (struct ipc_delivery){
        {.endpoint = ENDPOINT_KERNEL, .type = MESSAGE_NOTIFICATIONS, .word = {bits}}, 0};
}

/* How the loop ended: see the longjmps above. */
static int run(void)
{
    int how = setjmp(loop_end);

    if (how == 0) {
        service_run(&service);
    }
    return how;
}

static int start_over(void **state)
{
    (void)state;
    script_len = script_at = reply_count = pongs = prepared = stopped = timeouts = 0;
    own_bits = now = 0;
    fault = 0;
    armed = fault_armed = 0;
    faulty_replies = 0;
    due = DEADLINE_NEVER;
    held.call_id = 0;
    return 0;
}

static void answers(void **state)
{
    (void)state;
    request(TYPE_DOUBLE, 21);
    request(TYPE_FAIL, 0);
    request(TYPE_UNKNOWN, 0);
    request(COMMON_PING, 0);
    request(MESSAGE_NOTIFICATIONS, ~0ul); /* a client's, so only an unknown type */
    assert_int_equal(run(), 1);
    assert_int_equal(reply_count, 5);
    assert_int_equal(replies[0].message.word[0], 42);
    assert_int_equal(message_status(&replies[0].message), 0);
    assert_int_equal(replies[0].call_id, 1000);
    assert_int_equal(message_status(&replies[1].message), -ANOLE_ERANGE);
    assert_int_equal(message_status(&replies[2].message), -ANOLE_ENOSYS);
    assert_int_equal(message_status(&replies[3].message), 0);
    assert_int_equal(message_status(&replies[4].message), -ANOLE_ENOSYS);
    assert_int_equal(prepared, 6);
    assert_int_equal(own_bits, 0);
    assert_true(last_mask == NOTIFY_ALL);
}

static void keeps_waiting(void **state)
{
    (void)state;
    request(TYPE_HOLD, 0);
    request(TYPE_DOUBLE, 1);
    notification(NOTIFY_BIT(3) | NOTIFY_BIT(NOTIFY_LOG));
    assert_int_equal(run(), 1);
    assert_int_equal(reply_count, 2);
    assert_int_equal(replies[0].call_id, 1001);
    assert_int_equal(replies[1].call_id, 1000);
    assert_int_equal(replies[1].message.word[0], 99);
    assert_true(own_bits == (NOTIFY_BIT(3) | NOTIFY_BIT(NOTIFY_LOG)));
}

static void pings_and_stop(void **state)
{
    (void)state;
    notification(NOTIFY_BIT(NOTIFY_PING) | NOTIFY_BIT(0));
    notification(NOTIFY_BIT(NOTIFY_STOP) | NOTIFY_BIT(1));
    assert_int_equal(run(), 4);
    assert_int_equal(pongs, 1);
    assert_int_equal(stopped, 1);
    assert_int_equal(own_bits, 3);
}

static void deadlines(void **state)
{
    (void)state;
    due = 500;
    script[script_len++].message.endpoint = ENDPOINT_NONE;
    assert_int_equal(run(), 1);
    assert_int_equal(timeouts, 1);
    assert_true(last_deadline == DEADLINE_NEVER);
}

/* However many requests there are, a deadline that has passed is served. */
static void deadline_when_busy(void **state)
{
    (void)state;
    due = 500;
    now = 501;
    request(TYPE_DOUBLE, 1);
    assert_int_equal(run(), 1);
    assert_int_equal(timeouts, 1);
    assert_int_equal(reply_count, 1);
}

/* A fault that is armed is asked about before each reply, and at no other time. */
static void armed_faults(void **state)
{
    (void)state;
    request(TYPE_DOUBLE, 1);
    notification(NOTIFY_BIT(NOTIFY_INJECT));
    armed = FAULT_FORGE;
    request(TYPE_HOLD, 0);
    request(TYPE_DOUBLE, 1);
    notification(NOTIFY_BIT(3));
    assert_int_equal(run(), 1);
    assert_int_equal(reply_count, 3);
    assert_int_equal(faulty_replies, 2);
}

/* From here on the loop keeps its callers. */
static void hoards_callers(void **state)
{
    (void)state;
    fault = FAULT_HOARD_CALLERS;
    notification(NOTIFY_BIT(NOTIFY_INJECT));
    request(TYPE_DOUBLE, 1);
    request(COMMON_PING, 1);
    notification(NOTIFY_BIT(NOTIFY_PING) | NOTIFY_BIT(5));
    assert_int_equal(run(), 1);
    assert_int_equal(reply_count, 0);
    assert_int_equal(pongs, 1);
    assert_int_equal(own_bits, NOTIFY_BIT(5));
}

/* The last test: the loop stays silent. */
static void ordered_silence(void **state)
{
    (void)state;
    fault = FAULT_SILENT;
    notification(NOTIFY_BIT(NOTIFY_INJECT));
    request(TYPE_DOUBLE, 1);
    notification(NOTIFY_BIT(NOTIFY_PING) | NOTIFY_BIT(5));
    request(COMMON_PING, 1);
    assert_int_equal(run(), 1);
    assert_int_equal(reply_count, 0);
    assert_int_equal(pongs, 0);
    assert_int_equal(own_bits, 0);
    assert_true(last_mask == NOTIFY_ALL); /* interrupts, too, about which it does nothing */
}

static int startup_page_make(void **state)
{
    struct startup_page *page = mmap((void *)USER_STARTUP_PAGE, PAGE_SIZE, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    (void)state;
    if (page == MAP_FAILED) {
        return -1;
    }
    page->rs = RS_ENDPOINT;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(answers, start_over),
        cmocka_unit_test_setup(keeps_waiting, start_over),
        cmocka_unit_test_setup(pings_and_stop, start_over),
        cmocka_unit_test_setup(deadlines, start_over),
        cmocka_unit_test_setup(deadline_when_busy, start_over),
        cmocka_unit_test_setup(armed_faults, start_over),
        cmocka_unit_test_setup(hoards_callers, start_over),
        cmocka_unit_test_setup(ordered_silence, start_over),
    };

    return cmocka_run_group_tests_name("libanole_service", tests, startup_page_make, NULL);
}
