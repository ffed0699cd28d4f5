/*
 * handletest: MAP and UNMAP, at every border of their arguments.
 */
#include "handletest.h"

#include <string.h>

static uint64_t pages_of(uint64_t len)
{
    return (len + PAGE_SIZE - 1) / PAGE_SIZE;
}

/* Whether the kernel can read there for this process. */
static bool readable(uint64_t address)
{
    return kcall_log_write(LOG_DEBUG, (const void *)address, 1) == 0;
}

void group_map(void)
{
    static const uint64_t protections[] = {
        0, 8, PROT_WRITE_BIT | PROT_EXEC_BIT, 7, 1ul << 32 | PROT_READ_BIT, ~0ul,
    };
    static const uint64_t addresses[] = {1,         PAGE_SIZE - 1, PAGE_SIZE + 1, USER_END,
                                         1ul << 63, ~0ul << 12,    ~0ul};

    for (unsigned i = 0; i < BORDER_LENGTHS; i++) {
        uint64_t len = border_lengths[i], before = own_info().frames;

        EXPECT(RAW(MAP, len, READ_WRITE, 0), 0);
        uint64_t start = result[0], end = start + pages_of(len) * PAGE_SIZE;
        CHECK(start % PAGE_SIZE == 0 && start >= USER_MAP_BASE && end <= USER_MAP_END);
        CHECK(readable(start) && readable(end - 1) && !readable(end) && !readable(start - 1));
        memset((void *)start, 0x5a, len);
        EXPECT(RAW(UNMAP, start, len), 0);
        CHECK(!readable(start) && !readable(end - 1));
        /* The page tables stay. */
        CHECK(own_info().frames <= before + 3);
    }
    EXPECT(RAW(MAP, 0, READ_WRITE, 0), -ANOLE_EINVAL);
    for (unsigned i = 0; i < HUGE_LENGTHS; i++)
        EXPECT(RAW(MAP, huge_lengths[i], READ_WRITE, 0), -ANOLE_EINVAL);
    EXPECT(RAW(MAP, USER_END, READ_WRITE, 0), -ANOLE_ENOMEM);
    EXPECT(RAW(MAP, USER_END - 1, READ_WRITE, 0), -ANOLE_ENOMEM);
    for (unsigned i = 0; i < sizeof(protections) / sizeof(protections[0]); i++)
        EXPECT(RAW(MAP, PAGE_SIZE, protections[i], 0), -ANOLE_EINVAL);
    for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        EXPECT(RAW(MAP, PAGE_SIZE, READ_WRITE, addresses[i]), -ANOLE_EINVAL);
}

void group_unmap(void)
{
    uint64_t start = (uintptr_t)map_memory(3 * PAGE_SIZE), middle = start + PAGE_SIZE;
    uint64_t own_text = (uintptr_t)&group_unmap & ~(PAGE_SIZE - 1);

    /* As a whole, as it was made: a length in the same last page will do. */
    EXPECT(RAW(UNMAP, start, 0), -ANOLE_EINVAL);
    EXPECT(RAW(UNMAP, start, 2 * PAGE_SIZE), -ANOLE_EINVAL);
    EXPECT(RAW(UNMAP, start, 4 * PAGE_SIZE), -ANOLE_EINVAL);
    EXPECT(RAW(UNMAP, start, 3 * PAGE_SIZE + 1), -ANOLE_EINVAL);
    EXPECT(RAW(UNMAP, middle, 2 * PAGE_SIZE), -ANOLE_EINVAL);
    EXPECT(RAW(UNMAP, start + 1, 3 * PAGE_SIZE), -ANOLE_EINVAL);
    for (unsigned i = 0; i < HUGE_LENGTHS; i++) {
        EXPECT(RAW(UNMAP, start, huge_lengths[i]), -ANOLE_EINVAL);
        EXPECT(RAW(UNMAP, huge_lengths[i], PAGE_SIZE), -ANOLE_EINVAL);
    }
    EXPECT(RAW(UNMAP, 0, PAGE_SIZE), -ANOLE_EINVAL);
    EXPECT(RAW(UNMAP, USER_INFO_PAGE, PAGE_SIZE), -ANOLE_EINVAL);
    EXPECT(RAW(UNMAP, own_text, ~0ul), -ANOLE_EINVAL);
    CHECK(readable(start) && readable(start + 3 * PAGE_SIZE - 1));
    EXPECT(RAW(UNMAP, start, 3 * PAGE_SIZE - 5), 0);
    EXPECT(RAW(UNMAP, start, 3 * PAGE_SIZE), -ANOLE_EINVAL);

    /* Neighbours at chosen places, without a gap, and none over another. */
    EXPECT(RAW(MAP, PAGE_SIZE, READ_WRITE, middle), 0);
    EXPECT(RAW(MAP, PAGE_SIZE, READ_WRITE, middle - PAGE_SIZE), 0);
    EXPECT(RAW(MAP, PAGE_SIZE, READ_WRITE, middle + PAGE_SIZE), 0);
    EXPECT(RAW(MAP, 2 * PAGE_SIZE, READ_WRITE, middle - 2 * PAGE_SIZE), -ANOLE_EEXIST);
    EXPECT(RAW(MAP, PAGE_SIZE, READ_WRITE, middle), -ANOLE_EEXIST);
    EXPECT(RAW(MAP, 8 * PAGE_SIZE, READ_WRITE, middle - 4 * PAGE_SIZE), -ANOLE_EEXIST);
    EXPECT(RAW(UNMAP, middle, PAGE_SIZE), 0);
    CHECK(readable(start) && !readable(middle) && readable(middle + PAGE_SIZE));
    EXPECT(RAW(MAP, PAGE_SIZE, READ_WRITE, USER_END - PAGE_SIZE), 0);
    EXPECT(RAW(UNMAP, USER_END - PAGE_SIZE, PAGE_SIZE), 0);
    EXPECT(RAW(MAP, 2 * PAGE_SIZE, READ_WRITE, USER_END - PAGE_SIZE), -ANOLE_ENOMEM);
}

/* A process may have so many mappings; then it is told, and nothing is lost. */
void group_areas(void)
{
    enum { MANY = 512 };
    static uint64_t starts[MANY];
    unsigned made = 0;
    int status = 0;

    for (unsigned round = 0; round < 2; round++) {
        unsigned before = made;

        for (made = 0; made < MANY && (status = RAW(MAP, 1, READ_WRITE, 0)) == 0; made++)
            starts[made] = result[0];
        EXPECT(status, -ANOLE_ENOMEM);
        CHECK(made > 100 && (round == 0 || made == before));
        for (unsigned i = 0; i < made; i += 2)
            EXPECT(RAW(UNMAP, starts[i], 1), 0);
        for (unsigned i = 1; i < made; i += 2)
            EXPECT(RAW(UNMAP, starts[i], 1), 0);
    }
}
