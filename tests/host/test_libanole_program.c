/*
 * Starting and ending programs when pm dies in between: the same is asked of the next one, a spawn
 * under the same tag.
 */
#include <libanole/anole.h>
#include <proto/pm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIRST_PM 0x401u

struct startup_page fake_startup_page = {.pm = ENDPOINT_NONE};

static endpoint_t pm;          /* the one that lives; ENDPOINT_NONE: none does */
static unsigned deaths;        /* so many calls from now on kill it */
static unsigned calls, grants; /* that were made; grants that are there */
static uint32_t tags[8];
static unsigned waits; /* for the name */
static int answer;

static void pm_dies(void)
{
    pm += 1u << ENDPOINT_SLOT_BITS;
}

/* ---- the system ---- */

int ipc_call(struct message *message, uint64_t deadline_ticks)
{
    assert_int_equal(deadline_ticks, DEADLINE_NEVER);
    if (message->endpoint != pm) {
        return -ANOLE_EDEADENDPOINT;
    }
    if (message->type == PM_SPAWN) {
        assert_int_equal(message->word[0], pm); /* granted to this one */
        tags[calls] = (uint32_t)message->word[3];
    }
    calls++;
    if (deaths > 0) {
        deaths--;
        memset(message->word, 0xff, sizeof(message->word));
        pm_dies();
        return -ANOLE_EDEADENDPOINT;
    }
    message->type = (uint32_t)answer;
    message->word[0] = message->word[0] == pm ? 77 : DEATH_EXIT;
    message->word[1] = 5;
    message->word[2] = 6;
    return 0;
}

int kcall_map(size_t len, unsigned prot, void **address)
{
    (void)prot;
    *address = calloc(1, len);
    return *address ? 0 : -ANOLE_ENOMEM;
}

int kcall_unmap(void *address, size_t len)
{
    (void)len;
    free(address);
    return 0;
}

int kcall_endpoint_info(endpoint_t endpoint, endpoint_t *process, unsigned *service_id)
{
    *process = endpoint;
    *service_id = 0;
    return endpoint == pm ? 0 : -ANOLE_EDEADENDPOINT;
}

int name_lookup(const char *name, endpoint_t *endpoint)
{
    assert_string_equal(name, "pm");
    if (calls % 2 == 1) {
        return -ANOLE_EAGAIN; /* it is on its way back */
    }
    *endpoint = pm;
    return 0;
}

int name_wait(const char *name, endpoint_t *endpoint, unsigned bit, uint64_t deadline_ticks)
{
    assert_string_equal(name, "pm");
    assert_int_equal(bit, ANOLE_NOTIFY_BIT);
    assert_true(deadline_ticks != DEADLINE_NEVER);
    waits++;
    *endpoint = pm;
    return 0;
}

uint64_t deadline_in_us(uint64_t microseconds)
{
    return microseconds;
}

int kcall_grant(endpoint_t peer, const void *address, size_t len, unsigned access, handle_t *grant)
{
    assert_int_equal(access, GRANT_READ);
    assert_memory_equal(address, "demo\0-x", len);
    *grant = peer;
    grants++;
    return peer == pm ? 0 : -ANOLE_EDEADENDPOINT;
}

int kcall_revoke(handle_t grant, int notify_bit)
{
    (void)grant, (void)notify_bit;
    grants--;
    return 0;
}

/* ---- tests ---- */

static int setup(void **state)
{
    (void)state;
    pm = FIRST_PM;
    deaths = calls = grants = waits = 0;
    answer = 0;
    return 0;
}

static int spawn(endpoint_t *endpoint)
{
    const char *const argv[] = {"demo", "-x", NULL};
    return program_spawn(argv, false, endpoint);
}

static void spawned_once(void **state)
{
    endpoint_t endpoint;
    (void)state;
    deaths = 3;
    assert_int_equal(spawn(&endpoint), 0);
    assert_int_equal(endpoint, 77);
    assert_int_equal(calls, 4);
    assert_true(tags[0] != 0);
    for (unsigned i = 1; i < 4; i++) {
        assert_int_equal(tags[i], tags[0]);
    }
    assert_int_equal(grants, 0);
    assert_int_equal(waits, 2);
    uint32_t first = tags[0];
    calls = 0;
    assert_int_equal(spawn(&endpoint), 0);
    assert_int_not_equal(tags[0], first);
}

static void waited_for_again(void **state)
{
    struct program_end end;
    (void)state;
    deaths = 2;
    assert_int_equal(program_end(99, &end), 0);
    assert_int_equal(calls, 3);
    assert_int_equal(end.cause, DEATH_EXIT);
    assert_int_equal(end.detail, 5);
    assert_int_equal(end.pc, 6);
}

/* pm says that the program is dead: that is no death of pm's. */
static void an_answer_is_an_answer(void **state)
{
    (void)state;
    answer = -ANOLE_EDEADENDPOINT;
    assert_int_equal(program_kill(99), -ANOLE_EDEADENDPOINT);
    assert_int_equal(calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(spawned_once, setup),
        cmocka_unit_test_setup(waited_for_again, setup),
        cmocka_unit_test_setup(an_answer_is_an_answer, setup),
    };
    return cmocka_run_group_tests_name("libanole_program", tests, NULL, NULL);
}
