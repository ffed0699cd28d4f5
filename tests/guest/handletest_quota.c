/*
 * handletest: exhausting each quota, from every call that takes from it. It ends at the very number,
 * with ENOMEM; nothing is left half done, and everything works again when something is given back.
 */
#include "handletest.h"

#include <stdio.h>

static struct dma_segment segments[256];

/* Takes all frames but `left`, or as near as page tables allow; gives what to unmap. */
static uint64_t take_frames(uint64_t left, uint64_t *len)
{
    uint64_t start = 0;

    for (uint64_t spare = left; start == 0 && spare < left + 8; spare++) {
        *len = (frames_left() - spare) * PAGE_SIZE;
        if (RAW(MAP, *len, READ_WRITE, 0) == 0)
            start = result[0];
    }
    CHECK(start != 0);
    return start;
}

void group_frames(void)
{
    handle_t region;
    uint64_t len;

    EXPECT(kcall_region_create(PAGE_SIZE, 0, &region), 0);
    for (unsigned round = 0; round < 3; round++) {
        uint64_t start = take_frames(0, &len);
        uint64_t left = frames_left();

        /* So few are left that none of these fits. */
        CHECK(left <= 8);
        EXPECT(RAW(MAP, (left + 1) * PAGE_SIZE, READ_WRITE, 0), -ANOLE_ENOMEM);
        EXPECT(RAW(REGION_CREATE, (left + 1) * PAGE_SIZE, 0), -ANOLE_ENOMEM);
        EXPECT(RAW(REGION_CREATE, (left + 1) * PAGE_SIZE, REGION_CONTIGUOUS), -ANOLE_ENOMEM);
        EXPECT(RAW(DMA_ALLOC, (left + 1) * PAGE_SIZE), -ANOLE_ENOMEM);
        EXPECT(RAW(DMA_MAP_OWN, start, (left + 2) * PAGE_SIZE, 1, (uintptr_t)segments, 256),
               -ANOLE_ENOMEM);
        CHECK(own_info().pinned_frames == 0);
        if (left == 0)
            EXPECT(RAW(THREAD_CREATE, 0, 0, 0, 0, 0), -ANOLE_ENOMEM);

        /* What is there already goes on. */
        EXPECT(RAW(REGION_MAP, ENDPOINT_SELF, region, 0, PAGE_SIZE, READ_WRITE), 0);
        EXPECT(RAW(UNMAP, result[0], PAGE_SIZE), 0);
        EXPECT(RAW(UNMAP, start, len), 0);
        EXPECT(RAW(MAP, len, READ_WRITE, 0), 0);
        EXPECT(RAW(UNMAP, result[0], len), 0);
    }
    EXPECT(kcall_close(region), 0);
}

/* Every call that takes a handle, when there is none. */
static void check_no_handle(endpoint_t self, handle_t region, handle_t grant, uint64_t page)
{
    static struct grant_op op;
    uint64_t frames = own_info().frames;

    EXPECT(RAW(GRANT, self, page, 8, GRANT_READ), -ANOLE_ENOMEM);
    op = (struct grant_op){.peer = self, .access = GRANT_READ, .address = page, .len_bytes = 8};
    EXPECT(RAW(GRANT_BATCH, (uintptr_t)&op, 1), -ANOLE_ENOMEM);
    CHECK(result[0] == 0);
    EXPECT(RAW(REGION_CREATE, PAGE_SIZE, 0), -ANOLE_ENOMEM);
    EXPECT(RAW(REGION_OFFER, region, self, PROT_READ_BIT), -ANOLE_ENOMEM);
    EXPECT(RAW(DOORBELL, self, 1), -ANOLE_ENOMEM);
    EXPECT(RAW(WATCH, self, 1), -ANOLE_ENOMEM);
    EXPECT(RAW(DMA_ALLOC, PAGE_SIZE), -ANOLE_ENOMEM);
    EXPECT(RAW(DMA_MAP_OWN, page, 8, 1, (uintptr_t)segments, 8), -ANOLE_ENOMEM);
    EXPECT(RAW(DMA_MAP, self, grant, 0, 8, 1, (uintptr_t)segments, 8), -ANOLE_ENOMEM);
    CHECK(own_info().frames == frames && own_info().pinned_frames == 0);

    /* And what needs none. */
    EXPECT(RAW(COPY, self, grant, 0, page + 16, 8, COPY_FROM_GRANT), 0);
    EXPECT(RAW(REGION_MAP, ENDPOINT_SELF, region, 0, PAGE_SIZE, READ_WRITE), 0);
    EXPECT(RAW(UNMAP, result[0], PAGE_SIZE), 0);
}

void group_handles(void)
{
    endpoint_t self = startup_page()->self;
    uint64_t page = (uintptr_t)map_memory(PAGE_SIZE);
    static handle_t bells[4096];
    unsigned made = 0, had = 0;
    handle_t region, grant;
    int status = 0;

    EXPECT(kcall_region_create(PAGE_SIZE, 0, &region), 0);
    EXPECT(RAW(GRANT, self, page, 8, GRANT_READ), 0);
    grant = result[0];
    for (unsigned round = 0; round < 3; round++) {
        struct process_info info = own_info();
        unsigned expected = info.max_handles - info.handles;

        CHECK(round == 0 || expected == had);
        had = expected;
        for (made = 0; made < 4096 && (status = RAW(DOORBELL, self, made % 48)) == 0; made++)
            bells[made] = result[0];
        EXPECT(status, -ANOLE_ENOMEM);
        CHECK(made == expected);
        check_no_handle(self, region, grant, page);
        /* One back is one more, and only one. */
        EXPECT(kcall_close(bells[made / 2]), 0);
        EXPECT(RAW(WATCH, self, 1), 0);
        bells[made / 2] = result[0];
        EXPECT(RAW(WATCH, self, 1), -ANOLE_ENOMEM);
        for (unsigned i = 0; i < made; i++)
            EXPECT(kcall_close(bells[i]), 0);
    }
    EXPECT(kcall_close(region), 0);
    EXPECT(kcall_revoke(grant, -1), 0);
}

static void wait_for_end(void *argument)
{
    _Atomic bool *end = argument;

    while (!atomic_load_explicit(end, memory_order_acquire))
        sleep_us(500);
}

void group_threads(void)
{
    static const uint64_t masks[] = {1ul << 8, 1ul << 40, 1ul << 63, ~0ul << 8};
    endpoint_t threads[256];

    for (unsigned i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        EXPECT(RAW(THREAD_CREATE, 0, 0, 0, masks[i], 0), -ANOLE_EINVAL);
        EXPECT(RAW(THREAD_PIN, masks[i]), -ANOLE_EINVAL);
    }
    unsigned before = 0;
    for (unsigned round = 0; round < 3; round++) {
        static _Atomic bool end;
        unsigned made = 0;
        int status = 0;

        atomic_store(&end, false);
        for (; made < 256; made++) {
            status = thread_start(wait_for_end, &end, PAGE_SIZE, 0, &threads[made]);
            if (status != 0)
                break;
        }
        EXPECT(status, -ANOLE_ENOMEM);
        CHECK(made >= 8 && (round == 0 || made == before));
        CHECK(own_info().threads == made + 1);
        before = made;
        EXPECT(RAW(THREAD_CREATE, 0, 0, 0, 0, 0), -ANOLE_ENOMEM);
        atomic_store_explicit(&end, true, memory_order_release);
        for (unsigned i = 0; own_info().threads > 1 && i < 10000; i++)
            sleep_us(500);
        CHECK(own_info().threads == 1);
    }
}

/* Memory that stays pinned stays charged: no way round the quota leads through DMA. */
void group_pinned_frames(void)
{
    uint64_t quota = own_info().max_frames, pinned = 0;
    int status = 0;

    while (pinned <= quota && (status = RAW(DMA_ALLOC, STEP_BYTES)) == 0) {
        EXPECT(RAW(UNMAP, result[0], STEP_BYTES), 0);
        pinned = own_info().pinned_frames;
        if (pinned >= quota / 2)
            break;
    }
    EXPECT(status, 0);
    /* The pieces may be many, so that one pin can't hold them: a smaller one is tried then. */
    for (status = 0; pinned <= quota && status == 0; pinned = own_info().pinned_frames) {
        status = RAW(MAP, STEP_BYTES, READ_WRITE, 0);
        uint64_t start = result[0];
        if (status != 0)
            break;
        status = RAW(DMA_MAP_OWN, start, STEP_BYTES, 3, (uintptr_t)segments, 256);
        EXPECT(RAW(UNMAP, start, STEP_BYTES), 0);
    }
    EXPECT(status, -ANOLE_ENOMEM);
    CHECK(pinned <= quota && own_info().frames <= quota);
    CHECK(pinned > quota / 2);
}
