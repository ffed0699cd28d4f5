/*
 * Processes that change hands, on the real kernel code: orphans, who gets them next, what remains of the
 * dead.
 */
#include "host_machine.h"
#include "vm.h"
#include <anole/kcall.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct process *rs, *pm, *program;
static uint64_t result[7];

static int setup(void **state)
{
    (void)state;
    host_boot(1);
    rs = host_process("rs", NULL, 4000);
    pm = host_process("pm", rs, 500);
    program = host_process("program", pm, 100);
    return rs && pm && program ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    host_shutdown();
    return 0;
}

static int call(struct process *process, uint32_t number, uint64_t first, uint64_t second)
{
    const uint64_t arguments[] = {first, second};
    return host_kcall(&process->main, number, arguments, 2, result);
}

static int give(const struct process *child, const struct process *heir)
{
    return call(rs, KCALL_PROCESS_GIVE, child->endpoint, heir->endpoint);
}

static struct death_record record_read(const struct process *reader)
{
    struct death_record record;
    assert_int_equal(vm_read(reader, HOST_DATA, &record, sizeof(record)), 0);
    return record;
}

/* Dies while rs runs. */
static void die(struct process *process, enum death_cause cause, uint64_t detail)
{
    host_run(0, &rs->main);
    process_kill(process, cause, detail, &process->main);
    assert_int_equal(process->state, PROCESS_DEAD);
}

/* pm dies and is buried; another one is there. */
static struct process *next_pm(void)
{
    endpoint_t old = pm->endpoint;
    die(pm, DEATH_PANIC, 1);
    assert_int_equal(call(rs, KCALL_PROCESS_BURY, old, 0), 0);
    return host_process("pm", rs, 500);
}

static void programs_go_to_the_next_pm(void **state)
{
    (void)state;
    assert_int_equal(give(program, pm), -ANOLE_EPERM); /* it isn't rs's to give */
    struct process *next = next_pm();
    assert_int_equal(program->creator, rs->endpoint);
    assert_int_equal(give(program, next), 0);
    assert_int_equal(program->creator, next->endpoint);
    assert_int_equal(give(program, next), -ANOLE_EPERM);
    assert_int_equal(call(rs, KCALL_PROCESS_BURY, program->endpoint, 0), -ANOLE_EPERM);
    die(program, DEATH_EXIT, 3);
    assert_int_equal(call(next, KCALL_DEATH_NEXT, 0, 0), 0);
    assert_int_equal(result[0], program->endpoint);
    assert_int_equal(call(next, KCALL_PROCESS_BURY, program->endpoint, 0), 0);
}

static void the_dead_are_told_anew(void **state)
{
    (void)state;
    die(program, DEATH_EXIT, 3);
    assert_int_equal(call(pm, KCALL_DEATH_NEXT, 0, 0), 0);
    struct process *next = next_pm();
    assert_int_equal(call(rs, KCALL_DEATH_NEXT, 0, 0), -ANOLE_EAGAIN); /* pm was told */
    assert_int_equal(give(program, next), 0);
    assert_true(next->main.pending & NOTIFY_BIT(NOTIFY_DEATH));
    assert_int_equal(call(next, KCALL_DEATH_NEXT, 0, 0), 0);
    assert_int_equal(result[0], program->endpoint);
    assert_int_equal(call(next, KCALL_DEATH_RECORD, program->endpoint, HOST_DATA), 0);
    assert_int_equal(record_read(next).detail, 3);
}

static void only_to_a_child_that_could_have_made_it(void **state)
{
    (void)state;
    struct process *other = host_process("other", rs, 100);
    struct process *service = host_process("service", rs, 100);
    assert_int_equal(give(service, rs), -ANOLE_EPERM); /* rs isn't its own child */
    assert_int_equal(give(service, service), -ANOLE_EINVAL);
    assert_int_equal(call(rs, KCALL_PROCESS_GIVE, 12345, pm->endpoint), -ANOLE_ENOENT);
    assert_int_equal(call(rs, KCALL_PROCESS_GIVE, service->endpoint, 12345), -ANOLE_ENOENT);
    assert_int_equal(call(pm, KCALL_PROCESS_GIVE, program->endpoint, pm->endpoint), -ANOLE_EPERM);
    other->give_kcalls = KCALL_BIT(EXIT);
    assert_int_equal(give(service, other), -ANOLE_EPERM); /* it has more than that */
    service->kcalls = service->give_kcalls = KCALL_BIT(EXIT);
    memset(other->give_callable, 0, sizeof(other->give_callable));
    assert_int_equal(give(service, other), -ANOLE_EPERM);
    memset(service->callable, 0, sizeof(service->callable));
    memset(service->give_callable, 0, sizeof(service->give_callable));
    memset(other->give_ids, 0, sizeof(other->give_ids));
    assert_int_equal(give(service, other), -ANOLE_EPERM);
    other->give_ids[0] = 1u << service->service_id;
    memset(service->give_ids, 0, sizeof(service->give_ids));
    other->kcalls &= ~KCALL_BIT(PROCESS_CREATE);
    assert_int_equal(give(service, other), -ANOLE_EPERM); /* it creates nobody */
    other->kcalls |= KCALL_BIT(PROCESS_CREATE);
    other->priority = (uint8_t)(service->priority + 1);
    assert_int_equal(give(service, other), -ANOLE_EPERM); /* it runs before its creator */
    other->priority = service->priority;
    assert_int_equal(give(service, other), 0);
    die(pm, DEATH_KILLED, 0);
    assert_int_equal(give(other, pm), -ANOLE_EDEADENDPOINT);
}

static void a_record_can_be_kept(void **state)
{
    (void)state;
    endpoint_t endpoint = program->endpoint;
    die(program, DEATH_EXIT, 7);
    uint64_t before = frame_free_count();
    assert_int_equal(call(pm, KCALL_PROCESS_BURY, endpoint, 2), -ANOLE_EINVAL);
    assert_int_equal(call(pm, KCALL_PROCESS_BURY, endpoint, BURY_KEEP_RECORD), 0);
    uint64_t stripped = frame_free_count();
    assert_true(stripped > before);
    assert_int_equal(program->frames, 1);
    assert_int_equal(call(pm, KCALL_PROCESS_BURY, endpoint, BURY_KEEP_RECORD), 0);
    assert_int_equal(frame_free_count(), stripped);
    assert_int_equal(call(pm, KCALL_ENDPOINT_INFO, endpoint, 0), -ANOLE_EDEADENDPOINT);
    assert_int_equal(call(pm, KCALL_DEATH_NEXT, 0, 0), -ANOLE_EAGAIN);
    struct process *next = next_pm();
    assert_int_equal(give(program, next), 0);
    assert_int_equal(call(next, KCALL_DEATH_RECORD, endpoint, HOST_DATA), 0);
    assert_int_equal(record_read(next).detail, 7);
    before = frame_free_count();
    assert_int_equal(call(next, KCALL_PROCESS_BURY, endpoint, 0), 0);
    assert_int_equal(frame_free_count(), before + 1);
    assert_int_equal(call(next, KCALL_DEATH_RECORD, endpoint, HOST_DATA), -ANOLE_ENOENT);
}

static void parents_and_tags_are_told(void **state)
{
    struct process_create request = {.name = "child",
                                     .priority = PRIORITY_PROGRAM,
                                     .max_threads = 1,
                                     .max_frames = 100,
                                     .parent = 77,
                                     .tag = 88};
    struct process_info info;
    (void)state;
    assert_int_equal(vm_write(pm, HOST_DATA, &request, sizeof(request)), 0);
    assert_int_equal(call(pm, KCALL_PROCESS_CREATE, HOST_DATA, 0), 0);
    endpoint_t child = (endpoint_t)result[0];
    assert_int_equal(call(pm, KCALL_PROCESS_INFO, endpoint_slot(child), HOST_DATA), 0);
    assert_int_equal(vm_read(pm, HOST_DATA, &info, sizeof(info)), 0);
    assert_int_equal(info.creator, pm->endpoint);
    assert_int_equal(info.parent, 77);
    assert_int_equal(info.tag, 88);
}

static void all_processes_can_be_gone_through(void **state)
{
    endpoint_t seen[4] = {0};
    unsigned count = 0;
    uint64_t slot = 0;
    (void)state;
    const uint64_t wrong[] = {0, HOST_DATA, 2};
    assert_int_equal(host_kcall(&rs->main, KCALL_PROCESS_INFO, wrong, 3, NULL), -ANOLE_EINVAL);
    for (;;) {
        const uint64_t arguments[] = {slot, HOST_DATA, INFO_OR_NEXT};
        struct process_info info;
        int status = host_kcall(&rs->main, KCALL_PROCESS_INFO, arguments, 3, NULL);
        if (status) {
            assert_int_equal(status, -ANOLE_ENOENT);
            break;
        }
        assert_int_equal(vm_read(rs, HOST_DATA, &info, sizeof(info)), 0);
        assert_true(count < 4 && endpoint_slot(info.endpoint) >= slot);
        seen[count++] = info.endpoint;
        slot = endpoint_slot(info.endpoint) + 1;
    }
    assert_int_equal(count, 3);
    assert_int_equal(seen[0], rs->endpoint);
    assert_int_equal(seen[2], program->endpoint);
}

/* Programs that take all they can leave enough for a service to start. */
static void programs_leave_a_reserve(void **state)
{
    const uint64_t chunk = 64 * PAGE_SIZE;
    struct process *service = host_process("service", rs, 4000);
    (void)state;
    program->max_frames = UINT32_MAX;
    service->priority = PRIORITY_DRIVER;
    uint64_t reserve = frame_total() / SERVICE_RESERVE;
    while (call(program, KCALL_MAP, chunk, 3) == 0)
        continue;
    while (call(program, KCALL_MAP, PAGE_SIZE, 3) == 0)
        continue;
    assert_in_range(frame_free_count(), reserve, reserve + 3); /* page tables came with pages */
    assert_int_equal(call(program, KCALL_REGION_CREATE, chunk, REGION_CONTIGUOUS), -ANOLE_ENOMEM);
    assert_int_equal(call(program, KCALL_REGION_CREATE, chunk, 0), -ANOLE_ENOMEM);
    assert_int_equal(call(service, KCALL_MAP, chunk, 3), 0);
    assert_null(host_process("program", pm, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(programs_go_to_the_next_pm),
        TEST(the_dead_are_told_anew),
        TEST(only_to_a_child_that_could_have_made_it),
        TEST(a_record_can_be_kept),
        TEST(parents_and_tags_are_told),
        TEST(all_processes_can_be_gone_through),
        TEST(programs_leave_a_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
