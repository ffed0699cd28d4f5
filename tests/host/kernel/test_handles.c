/*
 * Handles, grants, regions and DMA of the real kernel code: right and wrong uses, quotas, and that
 * every frame comes back whatever dies in which order.
 */
#include "frame.h"
#include "handle.h"
#include "host_machine.h"
#include "region.h"
#include "vm.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct process *root, *maker, *user;
static uint64_t result[7];

#define CALL(process, name, ...)                                                                   \
    host_kcall(&(process)->main, KCALL_##name, (const uint64_t[]){__VA_ARGS__, 0},                 \
               sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), result)

static int setup(void **state)
{
    (void)state;
    host_boot(2);
    root = host_process("root", NULL, 2000);
    maker = host_process("maker", root, 400);
    user = host_process("user", root, 400);
    return root && maker && user ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    host_shutdown();
    return 0;
}

static handle_t grant(uint64_t address, uint64_t len, unsigned access)
{
    assert_int_equal(CALL(maker, GRANT, user->endpoint, address, len, access), 0);
    return result[0];
}

static void kill_and_bury(struct process *process)
{
    endpoint_t endpoint = process->endpoint;

    assert_int_equal(CALL(root, PROCESS_KILL, endpoint, DEATH_KILLED, 0), 0);
    assert_int_equal(CALL(root, DEATH_NEXT, 0), 0);
    assert_int_equal(result[0], endpoint);
    assert_int_equal(CALL(root, PROCESS_BURY, endpoint), 0);
}

static void grants_are_checked(void **state)
{
    handle_t id;

    (void)state;
    assert_int_equal(CALL(maker, GRANT, user->endpoint, HOST_DATA, 0, GRANT_READ), -ANOLE_EINVAL);
    assert_int_equal(CALL(maker, GRANT, user->endpoint, HOST_DATA, 8, 0), -ANOLE_EINVAL);
    assert_int_equal(CALL(maker, GRANT, user->endpoint, HOST_DATA, 8, 4), -ANOLE_EINVAL);
    assert_int_equal(CALL(maker, GRANT, user->endpoint, USER_END - 4, 8, 1), -ANOLE_EFAULT);
    assert_int_equal(CALL(maker, GRANT, user->endpoint, 16, ~(uint64_t)0, 1), -ANOLE_EFAULT);
    assert_int_equal(CALL(maker, GRANT, 0x12345, HOST_DATA, 8, 1), -ANOLE_EDEADENDPOINT);
    id = grant(HOST_DATA, 100, GRANT_READ);
    /* direction, range, foreign user, stale id */
    assert_int_equal(CALL(user, COPY, maker->endpoint, id, 0, HOST_DATA, 8, COPY_TO_GRANT),
                     -ANOLE_EPERM);
    assert_int_equal(CALL(user, COPY, maker->endpoint, id, 96, HOST_DATA, 8, COPY_FROM_GRANT),
                     -ANOLE_ERANGE);
    assert_int_equal(
        CALL(user, COPY, maker->endpoint, id, ~(uint64_t)0, HOST_DATA, 8, COPY_FROM_GRANT),
        -ANOLE_ERANGE);
    assert_int_equal(CALL(user, COPY, maker->endpoint, id, 0, 0x666000, 8, COPY_FROM_GRANT),
                     -ANOLE_EFAULT);
    assert_int_equal(CALL(user, COPY, maker->endpoint, id, 0, HOST_DATA, 8, 2), -ANOLE_EINVAL);
    assert_int_equal(CALL(root, COPY, maker->endpoint, id, 0, HOST_DATA, 8, COPY_FROM_GRANT),
                     -ANOLE_EBADHANDLE);
    assert_int_equal(CALL(maker, REVOKE, id, 0), 0);
    assert_int_equal(CALL(maker, REVOKE, id, 0), -ANOLE_EBADHANDLE);
    assert_int_equal(CALL(user, COPY, maker->endpoint, id, 0, HOST_DATA, 8, COPY_FROM_GRANT),
                     -ANOLE_EBADHANDLE);
}

static void copies_copy(void **state)
{
    char text[] = "across a page", back[sizeof(text)] = "";
    uint64_t at = HOST_DATA + PAGE_SIZE - 5;
    handle_t id;

    (void)state;
    assert_int_equal(vm_write(maker, at, text, sizeof(text)), 0);
    id = grant(at, sizeof(text), GRANT_READ | GRANT_WRITE);
    assert_int_equal(
        CALL(user, COPY, maker->endpoint, id, 0, HOST_DATA + 3, sizeof(text), COPY_FROM_GRANT), 0);
    assert_int_equal(vm_read(user, HOST_DATA + 3, back, sizeof(back)), 0);
    assert_string_equal(back, text);
    assert_int_equal(user->counters.copied_bytes, sizeof(text));
}

/* A grant to oneself: source and target may overlap. */
static void copies_may_overlap(void **state)
{
    char text[] = "abcdefgh", back[sizeof(text) + 2] = "";
    handle_t id;

    (void)state;
    assert_int_equal(vm_write(user, HOST_DATA, text, sizeof(text)), 0);
    assert_int_equal(CALL(user, GRANT, user->endpoint, HOST_DATA, 100, GRANT_READ), 0);
    id = result[0];
    assert_int_equal(
        CALL(user, COPY, user->endpoint, id, 0, HOST_DATA + 2, sizeof(text), COPY_FROM_GRANT), 0);
    assert_int_equal(vm_read(user, HOST_DATA, back, sizeof(back)), 0);
    assert_string_equal(back, "ababcdefgh");
}

static void ids_are_never_reused(void **state)
{
    handle_t last = HANDLE_NONE;

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        handle_t id = grant(HOST_DATA, 8, GRANT_READ);
        assert_true(id > last);
        last = id;
        assert_int_equal(CALL(maker, REVOKE, id, 0), 0);
    }
}

static void handle_quota(void **state)
{
    unsigned made = 0;
    uint32_t before = maker->handles;

    (void)state;
    while (CALL(maker, DOORBELL, user->endpoint, 3) == 0)
        made++;
    assert_int_equal(made, maker->max_handles - before);
    assert_int_equal(CALL(maker, CLOSE, result[0] + 12345), -ANOLE_EBADHANDLE);
}

static void a_pinned_grant_is_busy_until_unmapped(void **state)
{
    handle_t id = grant(HOST_DATA + 100, 2 * PAGE_SIZE, GRANT_WRITE), pin;
    uint64_t segments = HOST_DATA + 3 * PAGE_SIZE, covered = 0, count;

    (void)state;
    assert_int_equal(
        CALL(user, DMA_MAP, maker->endpoint, id, 0, 2 * PAGE_SIZE, DMA_DEVICE_READS, segments, 8),
        -ANOLE_EPERM);
    assert_int_equal(
        CALL(user, DMA_MAP, maker->endpoint, id, 0, 2 * PAGE_SIZE, DMA_DEVICE_WRITES, segments, 8),
        0);
    pin = result[0];
    count = result[1];
    for (uint64_t i = 0; i < count; i++) {
        struct dma_segment segment;
        assert_int_equal(vm_read(user, segments + i * sizeof(segment), &segment, sizeof(segment)),
                         0);
        covered += segment.len_bytes;
    }
    assert_int_equal(covered, 2 * PAGE_SIZE);
    assert_int_equal(CALL(maker, REVOKE, id, 5 + 1), -ANOLE_EBUSY);
    /* Revoked as far as can be: no new mapping, no copy. */
    assert_int_equal(CALL(user, DMA_MAP, maker->endpoint, id, 0, 8, DMA_DEVICE_WRITES, segments, 8),
                     -ANOLE_EPERM);
    assert_int_equal(CALL(user, DMA_UNMAP, pin), 0);
    assert_true(maker->main.pending & NOTIFY_BIT(5));
    assert_int_equal(CALL(user, DMA_UNMAP, pin), -ANOLE_EBADHANDLE);
    assert_int_equal(CALL(maker, REVOKE, id, 0), 0);
}

static void too_few_segments_undo_the_pin(void **state)
{
    handle_t id = grant(HOST_DATA, 4 * PAGE_SIZE, GRANT_READ);

    (void)state;
    assert_int_equal(
        CALL(user, DMA_MAP, maker->endpoint, id, 0, 4 * PAGE_SIZE, DMA_DEVICE_READS, HOST_DATA, 0),
        -ANOLE_ERANGE);
    assert_int_equal(user->pinned_frames, 0);
    assert_int_equal(CALL(maker, REVOKE, id, 0), 0);
}

static void quarantine_keeps_frames_until_it_ends(void **state)
{
    uint64_t before, segments = HOST_DATA + 3 * PAGE_SIZE;
    struct process *driver;
    endpoint_t dead;
    handle_t id;

    (void)state;
    before = frame_free_count();
    driver = host_process("driver", root, 100);
    driver->resources[0] = (struct resource){.kind = RESOURCE_IRQ, .base = 1, .len = 1};
    dead = driver->endpoint;
    assert_int_equal(CALL(maker, GRANT, driver->endpoint, HOST_DATA, PAGE_SIZE, GRANT_WRITE), 0);
    id = result[0];
    assert_int_equal(
        CALL(driver, DMA_MAP, maker->endpoint, id, 0, PAGE_SIZE, DMA_DEVICE_WRITES, segments, 8),
        0);
    assert_int_equal(CALL(driver, DMA_ALLOC, 3 * PAGE_SIZE), 0);
    assert_int_equal(CALL(root, QUARANTINE_END, dead), -ANOLE_EBUSY);
    kill_and_bury(driver);
    assert_int_equal(CALL(root, QUARANTINE_INFO, dead), 0);
    assert_int_equal(result[0], 4);
    assert_int_equal(CALL(maker, REVOKE, id, 7 + 1), -ANOLE_EBUSY);
    assert_int_equal(CALL(root, QUARANTINE_END, dead), 0);
    assert_true(maker->main.pending & NOTIFY_BIT(7));
    assert_int_equal(CALL(maker, REVOKE, id, 0), 0);
    assert_int_equal(CALL(root, QUARANTINE_END, dead), -ANOLE_ENOENT);
    assert_int_equal(frame_free_count() + maker->handle_pages, before);
}

/* Whoever drives no device has left none that could touch its pins. */
static void without_a_device_there_is_no_quarantine(void **state)
{
    uint64_t before, segments = HOST_DATA + 3 * PAGE_SIZE;
    struct process *driver;
    handle_t id;

    (void)state;
    id = grant(HOST_DATA, PAGE_SIZE, GRANT_READ); /* the maker's table has its first page now */
    assert_int_equal(CALL(maker, REVOKE, id, 0), 0);
    before = frame_free_count();
    driver = host_process("driver", root, 300);
    assert_int_equal(CALL(maker, GRANT, driver->endpoint, HOST_DATA, PAGE_SIZE, GRANT_WRITE), 0);
    id = result[0];
    assert_int_equal(
        CALL(driver, DMA_MAP, maker->endpoint, id, 0, PAGE_SIZE, DMA_DEVICE_WRITES, segments, 8),
        0);
    assert_int_equal(CALL(driver, DMA_ALLOC, 150 * PAGE_SIZE), 0);
    assert_int_equal(
        CALL(driver, DMA_MAP_OWN, HOST_DATA, 2 * PAGE_SIZE, DMA_DEVICE_READS, segments, 8), 0);
    assert_int_equal(CALL(maker, REVOKE, id, 7 + 1), -ANOLE_EBUSY);
    kill_and_bury(driver);
    assert_true(maker->main.pending & NOTIFY_BIT(7));
    assert_int_equal(CALL(maker, REVOKE, id, 0), 0);
    assert_int_equal(frame_free_count(), before);
}

/* What stays pinned stays charged, mapped or not. */
static void pinned_memory_is_never_free_of_charge(void **state)
{
    uint64_t segments = HOST_DATA + 3 * PAGE_SIZE, address;
    unsigned allocated = 0, pinned = 0;
    uint32_t before;

    (void)state;
    for (; CALL(user, DMA_ALLOC, 50 * PAGE_SIZE) == 0; allocated++)
        assert_int_equal(CALL(user, UNMAP, result[0], 50 * PAGE_SIZE), 0);
    assert_in_range(allocated, 6, 7);
    assert_true(user->frames <= user->max_frames);
    before = maker->frames;
    for (; CALL(maker, MAP, 50 * PAGE_SIZE, 3, 0) == 0; pinned++) {
        address = result[0];
        if (CALL(maker, DMA_MAP_OWN, address, 50 * PAGE_SIZE, DMA_DEVICE_READS, segments, 8))
            break;
        assert_int_equal(CALL(maker, UNMAP, address, 50 * PAGE_SIZE), 0);
    }
    assert_in_range(pinned, 5, 7);
    assert_true(maker->frames <= maker->max_frames);
    assert_true(maker->frames >= before + pinned * 50);
}

/* A region that gets no further than the border of an index frame leaves nothing behind. */
static void a_region_that_fails_at_an_index_border(void **state)
{
    uint64_t before = frame_free_count(), border = PAGE_SIZE / sizeof(uint32_t);
    struct process *creator = host_process("creator", root, 1500);
    uint32_t used;

    (void)state;
    assert_int_equal(CALL(creator, REGION_CREATE, PAGE_SIZE, 0), 0); /* the table's first page */
    used = creator->frames;
    for (uint64_t spare = border; spare < border + 6; spare++) {
        creator->max_frames = (uint32_t)(used + spare);
        assert_int_equal(CALL(creator, REGION_CREATE, spare * PAGE_SIZE, 0), -ANOLE_ENOMEM);
        host_poll(0);
        while (!list_empty(&dead_regions))
            host_poll(0);
        assert_int_equal(creator->frames, used);
    }
    kill_and_bury(creator);
    while (!list_empty(&dead_regions))
        host_poll(0);
    assert_int_equal(frame_free_count(), before);
}

/* Its creator is buried while it is freed step by step: what is left counts as nobody's, to the last. */
static void a_creator_is_buried_before_its_region_is_freed(void **state)
{
    uint64_t before = frame_free_count();

    (void)state; /* each call frees a step of it, so that one of these ends at the burial */
    for (uint64_t pages = STEP_PAGES; pages <= 8 * STEP_PAGES; pages += STEP_PAGES) {
        struct process *creator = host_process("creator", root, 600);

        assert_int_equal(CALL(creator, REGION_CREATE, pages * PAGE_SIZE, 0), 0);
        assert_int_equal(CALL(creator, CLOSE, result[0]), 0);
        kill_and_bury(creator);
        while (!list_empty(&dead_regions))
            host_poll(0);
        assert_int_equal(region_orphaned_frames(), 0);
        assert_int_equal(frame_free_count(), before);
    }
}

static void a_spent_entry_is_retired(void **state)
{
    struct handle *entry;
    handle_t last, next;
    uint32_t handles;

    (void)state;
    last = grant(HOST_DATA, 8, GRANT_READ);
    entry = handle_lookup(maker, last, HANDLE_GRANT);
    entry->generation = ((uint64_t)1 << 48) - 1;
    last = handle_id(maker, entry);
    handles = maker->handles;
    assert_int_equal(CALL(maker, REVOKE, last, 0), 0);
    assert_int_equal(maker->handles, handles - 1);
    next = grant(HOST_DATA, 8, GRANT_READ);
    assert_int_not_equal(next & 0xffff, last & 0xffff);
    assert_int_equal(CALL(maker, REVOKE, last, 0), -ANOLE_EBADHANDLE);
    assert_int_equal(CALL(maker, REVOKE, next, 0), 0);
}

static void regions_outlive_their_creator(void **state)
{
    uint64_t before = frame_free_count(), address, word = 0x1234, back = 0;
    struct process *creator = host_process("creator", root, 300);
    endpoint_t creator_endpoint = creator->endpoint;
    handle_t region, offer;

    (void)state;
    assert_int_equal(CALL(creator, REGION_CREATE, 100 * PAGE_SIZE, 0), 0);
    region = result[0];
    assert_int_equal(CALL(creator, REGION_OFFER, region, user->endpoint, PROT_READ_BIT), 0);
    offer = result[0];
    assert_int_equal(CALL(creator, REGION_MAP, ENDPOINT_SELF, region, 0, 100 * PAGE_SIZE, 3), 0);
    assert_int_equal(vm_write(creator, result[0] + 99 * PAGE_SIZE, &word, sizeof(word)), 0);
    assert_int_equal(CALL(user, REGION_MAP, creator_endpoint, offer, 0, 100 * PAGE_SIZE, 3),
                     -ANOLE_EPERM);
    assert_int_equal(CALL(user, REGION_MAP, creator_endpoint, offer, 0, 101 * PAGE_SIZE, 1),
                     -ANOLE_EINVAL);
    assert_int_equal(CALL(maker, REGION_MAP, creator_endpoint, offer, 0, PAGE_SIZE, 1),
                     -ANOLE_EBADHANDLE);
    assert_int_equal(CALL(user, REGION_MAP, creator_endpoint, offer, 0, 100 * PAGE_SIZE, 1), 0);
    address = result[0];
    kill_and_bury(creator);
    assert_int_equal(vm_read(user, address + 99 * PAGE_SIZE, &back, sizeof(back)), 0);
    assert_int_equal(back, word);
    assert_true(region_orphaned_frames() >= 100);
    assert_int_equal(CALL(user, UNMAP, address, 100 * PAGE_SIZE), 0);
    host_poll(0);
    host_poll(0);
    assert_int_equal(region_orphaned_frames(), 0);
    assert_int_equal(frame_free_count() + user->area_pages - 1, before);
}

static void memory_quota_is_exact(void **state)
{
    uint32_t before = maker->frames;
    uint64_t address;

    (void)state;
    assert_int_equal(CALL(maker, MAP, (uint64_t)(401 - before) * PAGE_SIZE, 3, 0), -ANOLE_ENOMEM);
    assert_int_equal(maker->frames, before);
    assert_int_equal(CALL(maker, MAP, (uint64_t)(400 - before) * PAGE_SIZE, 3, 0), 0);
    address = result[0];
    assert_int_equal(CALL(maker, MAP, PAGE_SIZE, 3, 0), -ANOLE_ENOMEM);
    assert_int_equal(CALL(maker, UNMAP, address, PAGE_SIZE), -ANOLE_EINVAL);
    assert_int_equal(CALL(maker, UNMAP, address, (uint64_t)(400 - before) * PAGE_SIZE), 0);
    assert_int_equal(maker->frames, before);
    assert_int_equal(CALL(maker, MAP, PAGE_SIZE, 7, 0), -ANOLE_EINVAL);
    assert_int_equal(CALL(maker, MAP, PAGE_SIZE, 3 | (uint64_t)1 << 32, 0), -ANOLE_EINVAL);
    assert_int_equal(CALL(maker, MAP, 0, 3, 0), -ANOLE_EINVAL);
    assert_int_equal(CALL(maker, MAP, ~(uint64_t)0, 3, 0), -ANOLE_EINVAL);
    assert_int_equal(CALL(maker, MAP, PAGE_SIZE, 3, HOST_DATA), -ANOLE_EEXIST);
    assert_int_equal(CALL(maker, MAP, PAGE_SIZE, 3, HOST_DATA + 8), -ANOLE_EINVAL);
}

static void children_get_no_more_than_may_be_given(void **state)
{
    struct process_create request = {.name = "child",
                                     .priority = PRIORITY_PROGRAM,
                                     .max_threads = 1,
                                     .max_frames = 100,
                                     .max_handles = 10};

    (void)state;
    root->give_kcalls = KCALL_BIT(EXIT) | KCALL_BIT(MAP);
    memset(root->give_ids, 0, sizeof(root->give_ids));
    root->give_ids[0] = 2; /* service id 1 only */
    assert_int_equal(vm_write(root, HOST_DATA, &request, sizeof(request)), 0);
    assert_int_equal(CALL(root, PROCESS_CREATE, HOST_DATA), -ANOLE_EPERM);
    request.service_id = 1;
    request.kcalls = KCALL_BIT(POWER);
    assert_int_equal(vm_write(root, HOST_DATA, &request, sizeof(request)), 0);
    assert_int_equal(CALL(root, PROCESS_CREATE, HOST_DATA), -ANOLE_EPERM);
    request.kcalls = KCALL_BIT(EXIT);
    request.priority = PRIORITY_RS;
    assert_int_equal(vm_write(root, HOST_DATA, &request, sizeof(request)), 0);
    assert_int_equal(CALL(root, PROCESS_CREATE, HOST_DATA), -ANOLE_EPERM);
    request.priority = PRIORITY_BACKGROUND;
    assert_int_equal(vm_write(root, HOST_DATA, &request, sizeof(request)), 0);
    assert_int_equal(CALL(root, PROCESS_CREATE, HOST_DATA), 0);
    assert_int_equal(CALL(root, PROCESS_BURY, result[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(grants_are_checked),
        TEST(copies_copy),
        TEST(copies_may_overlap),
        TEST(ids_are_never_reused),
        TEST(handle_quota),
        TEST(a_pinned_grant_is_busy_until_unmapped),
        TEST(too_few_segments_undo_the_pin),
        TEST(quarantine_keeps_frames_until_it_ends),
        TEST(without_a_device_there_is_no_quarantine),
        TEST(pinned_memory_is_never_free_of_charge),
        TEST(a_region_that_fails_at_an_index_border),
        TEST(a_creator_is_buried_before_its_region_is_freed),
        TEST(a_spent_entry_is_retired),
        TEST(regions_outlive_their_creator),
        TEST(memory_quota_is_exact),
        TEST(children_get_no_more_than_may_be_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
