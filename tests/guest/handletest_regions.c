/*
 * handletest: regions of every length, mapped at every border, whose creator or peer dies, or for which
 * memory doesn't suffice.
 */
#include "handletest.h"

#include <string.h>

#define INDEX_PAGES 1024u                     /* pages that one of a region's index frames names */
#define LONGEST (400ul * 1024 * PAGE_SIZE)    /* a region can't be longer */
#define CONTIGUOUS_LONGEST (1024 * PAGE_SIZE) /* nor one in one piece */

static uint64_t round_up(uint64_t len)
{
    return (len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static void check_region(uint64_t len, uint64_t flags)
{
    uint64_t full = round_up(len);

    if (!EXPECT(RAW(REGION_CREATE, len, flags), 0))
        return;
    handle_t region = result[0];
    EXPECT(RAW(REGION_INFO, ENDPOINT_SELF, region), 0);
    CHECK(result[0] == full && result[1] == READ_WRITE);
    EXPECT(RAW(REGION_MAP, ENDPOINT_SELF, region, 0, len, READ_WRITE), 0);
    volatile uint64_t *first = (volatile uint64_t *)result[0];
    volatile uint64_t *last = (volatile uint64_t *)(result[0] + full - 8);
    CHECK(*first == 0 && *last == 0);
    *first = len;
    *last = len;
    EXPECT(RAW(REGION_MAP, ENDPOINT_SELF, region, full - PAGE_SIZE, PAGE_SIZE, PROT_READ_BIT), 0);
    uint64_t tail = result[0];
    CHECK(*(volatile uint64_t *)(tail + PAGE_SIZE - 8) == len);
    EXPECT(RAW(REGION_MAP, ENDPOINT_SELF, region, 0, full + 1, READ_WRITE), -ANOLE_EINVAL);
    EXPECT(RAW(REGION_MAP, ENDPOINT_SELF, region, full, PAGE_SIZE, READ_WRITE), -ANOLE_EINVAL);

    /* One piece, or any number of them, is seen by what a device is told. */
    struct dma_segment segments[2];
    if (flags == REGION_CONTIGUOUS) {
        EXPECT(RAW(DMA_MAP_OWN, (uintptr_t)first, full, DMA_DEVICE_READS, (uintptr_t)segments, 1),
               0);
        CHECK(result[1] == 1 && segments[0].len_bytes == full);
        EXPECT(RAW(DMA_UNMAP, result[0]), 0);
    }
    EXPECT(RAW(CLOSE, region), 0);
    EXPECT(RAW(UNMAP, (uintptr_t)first, len), 0);
    CHECK(*(volatile uint64_t *)(tail + PAGE_SIZE - 8) == len);
    EXPECT(RAW(UNMAP, tail, PAGE_SIZE), 0);
}

void group_region_lengths(void)
{
    static const uint64_t flags[] = {2, 3, 1ul << 32, ~0ul};

    for (unsigned i = 0; i < BORDER_LENGTHS; i++) {
        check_region(border_lengths[i], 0);
        check_region(border_lengths[i], REGION_CONTIGUOUS);
    }
    for (unsigned pages = INDEX_PAGES - 1; pages <= INDEX_PAGES + 1; pages++)
        check_region(pages * PAGE_SIZE, 0);
    EXPECT(RAW(REGION_CREATE, 0, 0), -ANOLE_EINVAL);
    EXPECT(RAW(REGION_CREATE, LONGEST, 0), -ANOLE_ENOMEM);
    EXPECT(RAW(REGION_CREATE, LONGEST + 1, 0), -ANOLE_EINVAL);
    EXPECT(RAW(REGION_CREATE, CONTIGUOUS_LONGEST + 1, REGION_CONTIGUOUS), -ANOLE_ENOMEM);
    for (unsigned i = 0; i < HUGE_LENGTHS; i++)
        EXPECT(RAW(REGION_CREATE, huge_lengths[i], 0), -ANOLE_EINVAL);
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        EXPECT(RAW(REGION_CREATE, PAGE_SIZE, flags[i]), -ANOLE_EINVAL);
}

void group_region_maps(void)
{
    static const struct {
        uint64_t offset, len, prot;
        int status;
    } maps[] = {
        {0, 3 * PAGE_SIZE, READ_WRITE, 0},
        {0, 3 * PAGE_SIZE - 1, PROT_READ_BIT, 0},
        {2 * PAGE_SIZE, 1, PROT_READ_BIT, 0},
        {0, 0, READ_WRITE, -ANOLE_EINVAL},
        {0, PAGE_SIZE, 0, -ANOLE_EINVAL},
        {0, PAGE_SIZE, PROT_EXEC_BIT, -ANOLE_EPERM},
        {0, PAGE_SIZE, 8, -ANOLE_EPERM},
        {0, PAGE_SIZE, 1ul << 32 | PROT_READ_BIT, -ANOLE_EPERM},
        {1, PAGE_SIZE, READ_WRITE, -ANOLE_EINVAL},
        {PAGE_SIZE - 1, 1, READ_WRITE, -ANOLE_EINVAL},
        {3 * PAGE_SIZE, PAGE_SIZE, READ_WRITE, -ANOLE_EINVAL},
        {4 * PAGE_SIZE, 0, READ_WRITE, -ANOLE_EINVAL},
        {1ul << 63, PAGE_SIZE, READ_WRITE, -ANOLE_EINVAL},
        {~0ul << 12, 2 * PAGE_SIZE, READ_WRITE, -ANOLE_EINVAL},
        {PAGE_SIZE, ~0ul, READ_WRITE, -ANOLE_EINVAL},
        {0, ~0ul, READ_WRITE, -ANOLE_EINVAL},
        {0, 1ul << 63, READ_WRITE, -ANOLE_EINVAL},
    };
    static const uint64_t offers[] = {0, PROT_EXEC_BIT, 7, 8, 1ul << 32 | PROT_READ_BIT, ~0ul};
    endpoint_t self = startup_page()->self, dead = dead_child();
    uint32_t handles = own_info().handles;
    handle_t region, offer;

    EXPECT(kcall_region_create(3 * PAGE_SIZE, 0, &region), 0);
    for (unsigned i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        int status = RAW(REGION_MAP, ENDPOINT_SELF, region, maps[i].offset, maps[i].len,
                         maps[i].prot);

        check_status(status, maps[i].status, (int)i, "region map of that number");
        if (status == 0)
            EXPECT(RAW(UNMAP, result[0], maps[i].len), 0);
    }
    for (unsigned i = 0; i < sizeof(offers) / sizeof(offers[0]); i++)
        EXPECT(RAW(REGION_OFFER, region, self, offers[i]), -ANOLE_EINVAL);
    EXPECT(RAW(REGION_OFFER, region, dead, PROT_READ_BIT), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(REGION_OFFER, region ^ 1ul << 16, self, PROT_READ_BIT), -ANOLE_EBADHANDLE);
    EXPECT(RAW(REGION_MAP, dead, region, 0, PAGE_SIZE, PROT_READ_BIT), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(REGION_INFO, dead, region), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(REGION_INFO, ENDPOINT_KERNEL, KERNEL_REGION_BOOT_IMAGE), 0);
    CHECK(result[1] == PROT_READ_BIT);
    EXPECT(RAW(REGION_INFO, ENDPOINT_KERNEL, KERNEL_REGION_DEVICE_TREE), -ANOLE_EPERM);
    EXPECT(RAW(REGION_INFO, ENDPOINT_KERNEL, 0), -ANOLE_EBADHANDLE);
    EXPECT(RAW(REGION_INFO, ENDPOINT_KERNEL, 3), -ANOLE_EBADHANDLE);
    EXPECT(RAW(REGION_INFO, ENDPOINT_KERNEL, ~0ul), -ANOLE_EBADHANDLE);

    EXPECT(RAW(REGION_OFFER, region, self, PROT_WRITE_BIT), 0);
    offer = result[0];
    EXPECT(RAW(REGION_MAP, self, offer, 0, PAGE_SIZE, PROT_READ_BIT), -ANOLE_EPERM);
    EXPECT(RAW(REGION_OFFER, offer, self, PROT_WRITE_BIT), -ANOLE_EBADHANDLE);
    EXPECT(kcall_close(offer), 0);
    EXPECT(kcall_close(region), 0);
    CHECK(own_info().handles == handles);
}

/* A region of a child's that this process maps; *offer is what the child gave. */
static uint64_t map_of_child(endpoint_t child, uint64_t len, uint64_t seed, handle_t *offer)
{
    *offer = len;
    EXPECT(child_do(child, CHILD_REGION, offer, PROT_READ_BIT, seed, 0, 0), 0);
    EXPECT(RAW(REGION_MAP, child, *offer, 0, len, PROT_READ_BIT), 0);
    return result[0];
}

void group_region_deaths(void)
{
    enum { LEN = 70 * PAGE_SIZE };
    endpoint_t creator = child_start(), peer = child_start();
    struct system_info before, now;
    handle_t offer, region;
    uint64_t word, mine;

    EXPECT(kcall_system_info(&before), 0);

    /* The creator dies: what is mapped stays, and is told apart as nobody's. */
    uint64_t theirs = map_of_child(creator, LEN, 5, &offer);
    EXPECT(program_kill(creator), 0);
    enum death_cause cause;
    uint64_t detail;
    EXPECT(program_wait(creator, &cause, &detail), 0);
    CHECK(pattern_check((void *)theirs, LEN, 5));
    EXPECT(kcall_system_info(&now), 0);
    CHECK(now.frames_orphaned >= before.frames_orphaned + LEN / PAGE_SIZE);
    EXPECT(RAW(REGION_MAP, creator, offer, 0, PAGE_SIZE, PROT_READ_BIT), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(UNMAP, theirs, LEN), 0);
    EXPECT(kcall_system_info(&now), 0);
    for (unsigned i = 0; now.frames_orphaned != before.frames_orphaned && i < 1000; i++) {
        sleep_us(100);
        EXPECT(kcall_system_info(&now), 0);
    }
    CHECK(now.frames_orphaned == before.frames_orphaned);

    /* The peer dies with it mapped: the creator notices nothing, and has it all to himself. */
    EXPECT(RAW(REGION_CREATE, LEN, 0), 0);
    region = result[0];
    EXPECT(RAW(REGION_MAP, ENDPOINT_SELF, region, 0, LEN, READ_WRITE), 0);
    mine = result[0];
    EXPECT(RAW(REGION_OFFER, region, peer, READ_WRITE), 0);
    offer = result[0];
    word = offer;
    EXPECT(child_do(peer, CHILD_MAP, &word, 0, LEN, READ_WRITE, 0), 0);
    word = 16;
    EXPECT(child_do(peer, CHILD_POKE, &word, 0x77, 0, 0, 0), 0);
    EXPECT(RAW(CLOSE, region), 0);
    EXPECT(program_kill(peer), 0);
    EXPECT(program_wait(peer, &cause, &detail), 0);
    CHECK(((volatile uint64_t *)mine)[2] == 0x77);
    EXPECT(RAW(CLOSE, offer), 0); /* made for a dead one, it is still mine to close */
    EXPECT(RAW(UNMAP, mine, LEN), 0);

    /* The creator dies while it makes a long one, again and again. */
    for (unsigned i = 0; i < 20; i++) {
        creator = child_start();
        struct caller caller = {
            .message = {.endpoint = creator,
                        .type = CHILD_KCALL,
                        .word = {KCALL_REGION_CREATE, 2000 * PAGE_SIZE}},
            .deadline_ticks = DEADLINE_NEVER,
        };
        caller_start(&caller);
        sleep_us(50 * i);
        EXPECT(program_kill(creator), 0);
        CHECK(caller_wait(&caller));
        EXPECT(program_wait(creator, &cause, &detail), 0);
    }
}

/* Memory runs out in the middle of a region, also where one of its index frames ends: all comes back. */
void group_region_shortage(void)
{
    handle_t region;

    EXPECT(kcall_region_create(PAGE_SIZE, 0, &region), 0); /* the handle table has a page now */
    EXPECT(kcall_close(region), 0);
    for (uint64_t left = INDEX_PAGES; left < INDEX_PAGES + 8; left++) {
        uint64_t before, filler = (frames_left() - left - 8) * PAGE_SIZE;

        EXPECT(RAW(MAP, filler, READ_WRITE, 0), 0);
        uint64_t start = result[0];
        /* Page tables took some of it: the rest goes by pages of regions. */
        for (before = frames_left(); before > left; before = frames_left()) {
            if (!EXPECT(RAW(DMA_ALLOC, PAGE_SIZE), 0))
                return;
        }
        EXPECT(RAW(REGION_CREATE, before * PAGE_SIZE, 0), -ANOLE_ENOMEM);
        for (unsigned i = 0; frames_left() != before && i < 1000; i++)
            sleep_us(100);
        CHECK(frames_left() == before);
        EXPECT(RAW(UNMAP, start, filler), 0);
    }
}

/* Who keeps the memory of a dead creator mapped is ended by RS after a while: it is in no quota. */
void group_region_holders(void)
{
    enum { LEN = 30 * PAGE_SIZE, BOUND_US = 10000000 };
    endpoint_t creator = child_start(), holder = child_start();
    enum death_cause cause = DEATH_NONE;
    struct system_info before, now;
    uint64_t detail = 0;
    struct message message = {
        .word = {creator, CHILD_REGION, PATIENCE_US, LEN, PROT_READ_BIT, 3},
    };

    EXPECT(kcall_system_info(&before), 0);
    EXPECT(child_call(holder, CHILD_CALL, &message), 0);
    message = (struct message){
        .word = {KCALL_REGION_MAP, creator, message.word[0], 0, LEN, PROT_READ_BIT},
    };
    EXPECT(child_call(holder, CHILD_KCALL, &message), 0);
    EXPECT(program_kill(creator), 0);
    EXPECT(program_wait(creator, &cause, &detail), 0);
    uint64_t begun = ticks_now();
    EXPECT(program_wait(holder, &cause, &detail), 0);
    CHECK(cause == DEATH_COMPLAINT);
    CHECK(detail > LEN / PAGE_SIZE);
    CHECK(ticks_to_us(ticks_now() - begun) < BOUND_US);
    EXPECT(kcall_system_info(&now), 0);
    CHECK(now.frames_orphaned == before.frames_orphaned);
}
