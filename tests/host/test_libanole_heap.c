/*
 * sbrk: contiguous memory in growing steps, what happens when the quota is spent, and limits.
 */
#include <anole/error.h>
#include <anole/layout.h>
#include <libanole/internal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <unistd.h>

#include <cmocka.h>

static uintptr_t mapped_end = HEAP_BASE;
static size_t quota = 1024 * 1024;
static unsigned maps;

int map_at(void *address, size_t len, unsigned prot)
{
    assert_int_equal((uintptr_t)address, mapped_end);
    assert_int_equal(len % PAGE_SIZE, 0);
    assert_int_equal(prot, 3);
    if (len > quota - (mapped_end - HEAP_BASE)) {
        return -ANOLE_ENOMEM;
    }
    mapped_end += len;
    maps++;
    return 0;
}

static void grows_in_steps(void **state)
{
    (void)state;
    assert_ptr_equal(sbrk(0), (void *)HEAP_BASE);
    assert_int_equal(maps, 0);
    for (uintptr_t at = HEAP_BASE; at < HEAP_BASE + 256 * 1024; at += 1000) {
        assert_ptr_equal(sbrk(1000), (void *)at);
        assert_true(at + 1000 <= mapped_end);
    }
    assert_true(maps <= 4);
}

static void shrinks(void **state)
{
    uintptr_t top = (uintptr_t)sbrk(0);
    unsigned before = maps;

    (void)state;
    assert_ptr_equal(sbrk(-5000), (void *)top);
    assert_ptr_equal(sbrk(5000), (void *)(top - 5000));
    assert_int_equal(maps, before);
    assert_ptr_equal(sbrk(-(intptr_t)(top - HEAP_BASE) - 1), (void *)-1);
    assert_ptr_equal(sbrk(INTPTR_MIN), (void *)-1);
    assert_ptr_equal(sbrk(0), (void *)top);
}

/* Near the quota's end a whole step doesn't fit any more, but what is asked for does. */
static void uses_the_whole_quota(void **state)
{
    uintptr_t top = (uintptr_t)sbrk(0);
    intptr_t rest = (intptr_t)(HEAP_BASE + quota - top);

    (void)state;
    assert_ptr_equal(sbrk(rest - 100), (void *)top);
    assert_int_equal(mapped_end, HEAP_BASE + quota);
    assert_ptr_equal(sbrk(100), (void *)(HEAP_BASE + quota - 100));
    assert_ptr_equal(sbrk(1), (void *)-1);
    assert_ptr_equal(sbrk(INTPTR_MAX), (void *)-1);
    assert_ptr_equal(sbrk(0), (void *)(HEAP_BASE + quota));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_in_steps),
        cmocka_unit_test(shrinks),
        cmocka_unit_test(uses_the_whole_quota),
    };

    return cmocka_run_group_tests_name("libanole_heap", tests, NULL, NULL);
}
