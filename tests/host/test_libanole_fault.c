/*
 * Faults that a service's own process commits, over a fake of the kernel: that each is committed once
 * and at its step, that RS hears of it, and that a kernel which permits a forged reply is found out.
 */
#include <anole/ipc.h>
#include <libanole/anole.h>
#include <libanole/fault.h>
#include <proto/rs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RS_ENDPOINT 33u
#define PROCESS_SLOT 5u
#define PROCESS_ENDPOINT endpoint_make(PROCESS_SLOT, 9)
#define FRAMES 100u
#define HANDLES 20u

struct startup_page fake_startup_page = {.rs = RS_ENDPOINT, .name = "victim"};
struct info_page fake_info_page;

static sigjmp_buf died;
static jmp_buf panicked;
static uint64_t ordered, ordered_count, committed, commits;
static unsigned replies, replies_to_process, frames, handles, right_replies;
static bool permissive; /* the kernel takes any reply */
static uint64_t right_id;

/* ---- the kernel and RS ---- */

int anole_call(endpoint_t endpoint, uint32_t type, struct message *message, uint64_t deadline)
{
    (void)deadline;
    assert_int_equal(endpoint, RS_ENDPOINT);
    if (type == RS_INJECT_FETCH) {
        message->word[0] = ordered;
        message->word[1] = ordered_count;
        return ordered ? 0 : -ANOLE_EAGAIN;
    }
    assert_int_equal(type, RS_INJECT_COMMITTED);
    committed = message->word[0];
    commits++;
    return 0;
}

int ipc_reply(const struct message *reply, uint64_t call_id)
{
    replies++;
    replies_to_process += reply->endpoint == PROCESS_ENDPOINT;
    if (right_id != 0 && call_id == right_id) {
        right_id = 0;
        right_replies++;
        return 0;
    }
    return permissive ? 0 : -ANOLE_ENOTWAITING;
}

int kcall_process_info(unsigned slot, struct process_info *info)
{
    *info = (struct process_info){.endpoint = PROCESS_ENDPOINT};
    return slot == PROCESS_SLOT ? 0 : -ANOLE_ENOENT;
}

int kcall_random(uint64_t words[4])
{
    for (unsigned i = 0; i < 4; i++) {
        words[i] = 0x1234567890abcdef * (i + 1);
    }
    return 0;
}

int kcall_map(size_t len, unsigned prot, void **address)
{
    assert_int_equal(prot, PROT_READ_BIT | PROT_WRITE_BIT);
    *address = NULL;
    if (frames + len / PAGE_SIZE > FRAMES) {
        return -ANOLE_ENOMEM;
    }
    frames += (unsigned)(len / PAGE_SIZE);
    return 0;
}

int kcall_doorbell(endpoint_t peer, unsigned bit, handle_t *handle)
{
    assert_int_equal(peer, RS_ENDPOINT);
    assert_true(bit < NOTIFY_OWN_BITS);
    *handle = 1;
    return handles++ == HANDLES ? -ANOLE_ENOMEM : 0;
}

void log_printf(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

_Noreturn void panic(const char *format, ...)
{
    (void)format;
    longjmp(panicked, 1);
}

_Noreturn void kcall_exit(enum death_cause cause, uint64_t detail)
{
    assert_int_equal(cause, DEATH_EXIT);
    assert_int_equal(detail, 1);
    longjmp(panicked, 2);
}

static void trapped(int number)
{
    siglongjmp(died, number);
}

/* ---- tests ---- */

static int start_over(void **state)
{
    (void)state;
    fault_arm(0, 0);
    ordered = ordered_count = committed = commits = 0;
    replies = replies_to_process = frames = handles = right_replies = 0;
    permissive = false;
    right_id = 0;
    return 0;
}

static void nothing_ordered(void **state)
{
    (void)state;
    assert_int_equal(fault_fetch(), 0);
    assert_false(fault_any());
    fault_step(FAULT_DIE_CALL);
    assert_false(fault_here(FAULT_EARLY));
    assert_int_equal(commits, 0);
}

static void committed_once(void **state)
{
    (void)state;
    ordered = FAULT_EARLY;
    assert_int_equal(fault_fetch(), 0);
    assert_true(fault_any());
    assert_false(fault_here(FAULT_USED));
    assert_int_equal(commits, 0);
    assert_true(fault_here(FAULT_EARLY));
    assert_int_equal(committed, FAULT_EARLY);
    assert_false(fault_here(FAULT_EARLY));
    assert_false(fault_any());
    assert_int_equal(commits, 1);
}

/* Takes so many steps of a kind; true if it died of the last one. */
static bool dies_at(enum fault_kind kind, volatile unsigned step)
{
    volatile unsigned taken = 0;

    if (sigsetjmp(died, 1) != 0) {
        return taken == step;
    }
    while (taken < step) {
        taken++;
        fault_step(kind);
    }
    return false;
}

static void dies_at_its_step(void **state)
{
    (void)state;
    signal(SIGILL, trapped);
    signal(SIGTRAP, trapped);
    fault_arm(FAULT_DIE_RING, 7);
    assert_false(dies_at(FAULT_DIE_CALL, 20));
    assert_false(dies_at(FAULT_DIE_RING, 6));
    assert_true(dies_at(FAULT_DIE_RING, 1));
    fault_arm(FAULT_DIE_REPLY, 0); /* there is no step 0 */
    assert_true(dies_at(FAULT_DIE_REPLY, 1));
    signal(SIGILL, SIG_DFL);
    signal(SIGTRAP, SIG_DFL);
}

static void wild_replies(void **state)
{
    (void)state;
    ordered = FAULT_WILD;
    assert_int_equal(fault_fetch(), 0);
    assert_int_equal(committed, FAULT_WILD);
    assert_true(replies >= ENDPOINT_SLOTS);
    assert_true(replies_to_process > 0);

    permissive = true;
    if (setjmp(panicked) == 0) {
        (void)fault_fetch();
        fail_msg("a wild reply was taken, and nobody noticed");
    }
}

static void forged_replies(void **state)
{
    const struct ipc_delivery delivery = {.message = {.endpoint = PROCESS_ENDPOINT}, .call_id = 77};

    (void)state;
    fault_arm(FAULT_FORGE, 0);
    right_id = 77;
    fault_before_reply(&delivery);
    assert_int_equal(right_replies, 1);
    assert_true(replies > 4);
    assert_int_equal(committed, FAULT_FORGE);

    fault_arm(FAULT_FORGE, 0);
    permissive = true;
    if (setjmp(panicked) == 0) {
        fault_before_reply(&delivery);
        fail_msg("a forged reply was taken, and nobody noticed");
    }
}

static void hoards_end(void **state)
{
    (void)state;
    ordered = FAULT_HOARD_FRAMES;
    assert_int_equal(fault_fetch(), 0);
    assert_int_equal(frames, FRAMES);
    assert_int_equal(committed, FAULT_HOARD_FRAMES);
    ordered = FAULT_HOARD_HANDLES;
    assert_int_equal(fault_fetch(), 0);
    assert_int_equal(handles, HANDLES + 1);
    assert_int_equal(committed, FAULT_HOARD_HANDLES);
}

static void left_to_the_loop(void **state)
{
    (void)state;
    ordered = FAULT_SILENT;
    assert_int_equal(fault_fetch(), FAULT_SILENT);
    ordered = FAULT_HOARD_CALLERS;
    assert_int_equal(fault_fetch(), FAULT_HOARD_CALLERS);
}

static void ends(void **state)
{
    int how;

    (void)state;
    ordered = FAULT_PANIC;
    how = setjmp(panicked);
    if (how == 0) {
        (void)fault_fetch();
    }
    assert_int_equal(how, 1);
    ordered = FAULT_EXIT;
    how = setjmp(panicked);
    if (how == 0) {
        (void)fault_fetch();
    }
    assert_int_equal(how, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_ordered, start_over),
        cmocka_unit_test_setup(committed_once, start_over),
        cmocka_unit_test_setup(dies_at_its_step, start_over),
        cmocka_unit_test_setup(wild_replies, start_over),
        cmocka_unit_test_setup(forged_replies, start_over),
        cmocka_unit_test_setup(hoards_end, start_over),
        cmocka_unit_test_setup(left_to_the_loop, start_over),
        cmocka_unit_test_setup(ends, start_over),
    };

    return cmocka_run_group_tests_name("libanole_fault", tests, NULL, NULL);
}
