/*
 * RS with a small system, see rs_boot.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rs_boot.h"
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int setup(void **state)
{
    (void)state;
    fake_reset();
    memset(&rs, 0, sizeof(rs));
    rs_system();
    return 0;
}

/* ---- what services and devman say ---- */

int say(const char *who, rs_handler handler, struct message *message)
{
    struct fake_process *process = fake_named(who);
    struct rs_caller caller = {.process = process->endpoint,
                               .service_id = process->service_id,
                               .service = service_of_process(process->endpoint)};
    message->endpoint = process->endpoint;
    int status = handler(message, &caller);
    start_ready();
    return status;
}

int ready(const char *who)
{
    struct message message = {0};
    return say(who, request_ready, &message);
}

int tell(const struct rs_device_told *told, struct message *reply)
{
    *reply = (struct message){.word = {1}};
    memcpy(fake.granted, told, sizeof(*told));
    fake.granted_len = sizeof(*told);
    return say("devman", request_device, reply);
}

int tell_device(uint32_t number, uint64_t base, struct message *reply)
{
    struct rs_device_told told = device_told(number, base);
    return tell(&told, reply);
}

int devices_done(void)
{
    struct message message = {0};
    return say("devman", request_devices_done, &message);
}

/* Devman fetches a reset and says how it went; -EAGAIN: there is none. */
int do_reset(int result, endpoint_t *dead)
{
    struct message message = {0};
    int status = say("devman", request_reset_fetch, &message);
    if (status) {
        return status;
    }
    if (dead) {
        *dead = (endpoint_t)message.word[1];
    }
    message.word[1] = (uint64_t)(int64_t)result;
    return say("devman", request_reset_done, &message);
}

int look_up(const char *name, endpoint_t *endpoint)
{
    struct rs_caller nobody = {.process = ENDPOINT_NONE};
    struct message message = {0};
    rs_name_pack(message.word, name);
    int status = request_lookup(&message, &nobody);
    *endpoint = (endpoint_t)message.word[0];
    return status;
}

int order(const char *name, enum rs_order what)
{
    struct rs_caller nobody = {.process = ENDPOINT_NONE};
    struct message message = {.word = {0, 0, what}};
    rs_name_pack(message.word, name);
    int status = request_control(&message, &nobody);
    deaths_collect();
    start_ready();
    return status;
}

enum rs_state state_of(const char *name)
{
    return service_find(name)->state;
}

/* Boots to the shell, with one disk. */
void boot(void)
{
    struct message reply;
    services_init();
    start_ready();
    assert_int_equal(tell_device(3, 0x10001000, &reply), 0);
    assert_int_equal(devices_done(), 0);
    assert_int_equal(ready("devman"), 0);
    assert_int_equal(ready("pm"), 0);
    assert_int_equal(do_reset(0, NULL), 0);
    assert_int_equal(ready("disk"), 0);
    assert_int_equal(ready("shell"), 0);
}

/* ---- one process a test ---- */

void in_a_fresh_process(void **state)
{
    const struct CMUnitTest tests[] = {{"in its own process", *state, setup, NULL, NULL}};
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}
