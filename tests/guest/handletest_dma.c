/*
 * handletest: DMA_MAP, DMA_MAP_OWN, DMA_UNMAP and DMA_ALLOC. No device is there: what one would be told
 * is looked at.
 */
#include "handletest.h"

#include <string.h>

#define SEGMENTS 256u
#define ALLOC_LONGEST (1024 * PAGE_SIZE)

static _Alignas(PAGE_SIZE) unsigned char memory[PAGE_SIZE + CHILD_BUFFER + PAGE_SIZE];
static struct dma_segment segments[SEGMENTS];

/* Whether the first `count` segments are so many bytes, in pieces that start on pages but the first. */
static bool segments_cover(unsigned count, uint64_t address, uint64_t len)
{
    uint64_t covered = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct dma_segment *segment = &segments[i];
        uint64_t offset = i == 0 ? address % PAGE_SIZE : 0;

        if (segment->device_address % PAGE_SIZE != offset || segment->len_bytes == 0)
            return false;
        if (i + 1 < count && (offset + segment->len_bytes) % PAGE_SIZE != 0)
            return false;
        covered += segment->len_bytes;
    }
    return covered == len;
}

void group_dma_arguments(void)
{
    static const uint64_t directions[] = {0, 4, 7, 1ul << 32 | DMA_DEVICE_READS, ~0ul};
    uint64_t self = startup_page()->self, start = (uintptr_t)memory, to = (uintptr_t)segments;
    uint64_t text = (uintptr_t)&group_dma_arguments;
    uint32_t handles = own_info().handles;

    EXPECT(RAW(GRANT, self, start, 3 * PAGE_SIZE, GRANT_READ), 0);
    handle_t reading = result[0];
    EXPECT(RAW(GRANT, self, start, 3 * PAGE_SIZE, GRANT_WRITE), 0);
    handle_t writing = result[0];

    for (unsigned i = 0; i < sizeof(directions) / sizeof(directions[0]); i++) {
        EXPECT(RAW(DMA_MAP, self, reading, 0, 8, directions[i], to, 8), -ANOLE_EINVAL);
        EXPECT(RAW(DMA_MAP_OWN, start, 8, directions[i], to, 8), -ANOLE_EINVAL);
    }
    /* What the grant doesn't give, no device gets. */
    EXPECT(RAW(DMA_MAP, self, reading, 0, 8, DMA_DEVICE_WRITES, to, 8), -ANOLE_EPERM);
    EXPECT(RAW(DMA_MAP, self, reading, 0, 8, 3, to, 8), -ANOLE_EPERM);
    EXPECT(RAW(DMA_MAP, self, writing, 0, 8, DMA_DEVICE_READS, to, 8), -ANOLE_EPERM);
    EXPECT(RAW(DMA_MAP, self, writing, 0, 8, 3, to, 8), -ANOLE_EPERM);
    EXPECT(RAW(DMA_MAP, ENDPOINT_SELF, reading, 0, 8, 1, to, 8), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(DMA_MAP, ENDPOINT_KERNEL, reading, 0, 8, 1, to, 8), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(DMA_MAP, dead_child(), reading, 0, 8, 1, to, 8), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(DMA_MAP, self, reading ^ 1ul << 16, 0, 8, 1, to, 8), -ANOLE_EBADHANDLE);
    EXPECT(RAW(DMA_MAP, self, HANDLE_NONE, 0, 8, 1, to, 8), -ANOLE_EBADHANDLE);

    /* Nor memory that its owner may not write itself, nor what isn't his, nor what isn't memory. */
    EXPECT(RAW(DMA_MAP_OWN, text, 8, DMA_DEVICE_WRITES, to, 8), -ANOLE_EFAULT);
    EXPECT(RAW(DMA_MAP_OWN, USER_INFO_PAGE, 8, DMA_DEVICE_WRITES, to, 8), -ANOLE_EFAULT);
    EXPECT(RAW(GRANT, self, text, 8, GRANT_WRITE), 0);
    handle_t of_text = result[0];
    EXPECT(RAW(DMA_MAP, self, of_text, 0, 8, DMA_DEVICE_WRITES, to, 8), -ANOLE_EFAULT);
    EXPECT(RAW(DMA_MAP_OWN, USER_END, 8, 1, to, 8), -ANOLE_EFAULT);
    EXPECT(RAW(DMA_MAP_OWN, 0xffffffc080200000ul, 8, 1, to, 8), -ANOLE_EFAULT);
    EXPECT(RAW(DMA_MAP_OWN, 0x80200000ul, 8, 1, to, 8), -ANOLE_EFAULT);
    EXPECT(RAW(DMA_MAP_OWN, 0x10000000ul, 8, 1, to, 8), -ANOLE_EFAULT);
    EXPECT(RAW(DMA_MAP_OWN, 0, 8, 1, to, 8), -ANOLE_EFAULT);

    /* Where to tell the addresses. */
    EXPECT(RAW(DMA_MAP_OWN, start, 8, 1, to, 0), -ANOLE_ERANGE);
    EXPECT(RAW(DMA_MAP_OWN, start, 8, 1, 0, 8), -ANOLE_EFAULT);
    EXPECT(RAW(DMA_MAP_OWN, start, 8, 1, text, 8), -ANOLE_EFAULT);
    EXPECT(RAW(DMA_MAP_OWN, start, 8, 1, USER_END - 8, 8), -ANOLE_EFAULT);
    EXPECT(RAW(DMA_MAP_OWN, start, 8, 1, ~0ul - 7, 8), -ANOLE_EFAULT);
    CHECK(own_info().pinned_frames == 0);

    /* The caller has no device, whatever the index. */
    for (uint64_t index = 0; index < 70; index++) {
        EXPECT(RAW(WINDOW_MAP, index), -ANOLE_ENOENT);
        EXPECT(RAW(IRQ_BIND, index, index), -ANOLE_ENOENT);
    }
    EXPECT(RAW(WINDOW_MAP, 1ul << 63), -ANOLE_ENOENT);
    EXPECT(RAW(IRQ_BIND, ~0ul, 0), -ANOLE_ENOENT);

    EXPECT(RAW(REVOKE, reading, 0), 0);
    EXPECT(RAW(REVOKE, writing, 0), 0);
    EXPECT(RAW(REVOKE, of_text, 0), 0);
    CHECK(own_info().handles == handles);
}

/* A child pins a grant of exactly that length; REVOKE says when the memory is the maker's again. */
static void check_mapping(endpoint_t child, unsigned char *start, uint64_t len)
{
    struct message message;
    struct ipc_delivery delivery;
    handle_t grant, pin;

    EXPECT(kcall_grant(child, start, len, GRANT_READ | GRANT_WRITE, &grant), 0);
    const struct {
        uint64_t offset, len;
        int status;
    } ranges[] = {
        {0, 0, -ANOLE_EINVAL},
        {0, len + 1, -ANOLE_ERANGE},
        {1, len, -ANOLE_ERANGE},
        {len, 1, -ANOLE_ERANGE},
        {~0ul, 1, -ANOLE_ERANGE},
        {1, ~0ul, -ANOLE_ERANGE},
        {1ul << 63, 8, -ANOLE_ERANGE},
        {len - 1, 1, 0},
        {0, len, 0},
    };
    for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        message = (struct message){
            .word = {grant, ranges[i].offset, ranges[i].len, DMA_DEVICE_WRITES}};
        EXPECT(child_call(child, CHILD_DMA_MAP, &message), ranges[i].status);
        pin = message.word[0];
        if (ranges[i].status != 0)
            continue;
        CHECK(message.word[2] % PAGE_SIZE == ((uintptr_t)start + ranges[i].offset) % PAGE_SIZE);
        CHECK(message.word[3] == ranges[i].len);
        if (ranges[i].len == len)
            break;
        message = (struct message){.word = {pin}};
        EXPECT(child_call(child, CHILD_DMA_UNMAP, &message), 0);
    }
    EXPECT(kcall_revoke(grant, 3), -ANOLE_EBUSY);
    EXPECT(ipc_receive(&delivery, NOTIFY_ALL, DEADLINE_POLL, 0), -ANOLE_ETIMEDOUT);
    message = (struct message){.word = {grant, 0, 1, DMA_DEVICE_WRITES}};
    EXPECT(child_call(child, CHILD_DMA_MAP, &message), -ANOLE_EPERM);
    EXPECT(kcall_revoke(grant, 4), -ANOLE_EBUSY); /* the last bit asked for is rung */
    message = (struct message){.word = {pin}};
    EXPECT(child_call(child, CHILD_DMA_UNMAP, &message), 0);
    EXPECT(child_call(child, CHILD_DMA_UNMAP, &message), -ANOLE_EBADHANDLE);
    EXPECT(ipc_receive(&delivery, NOTIFY_ALL, deadline_in_us(PATIENCE_US), 0), 0);
    CHECK(delivery.message.word[0] == NOTIFY_BIT(4));
    EXPECT(kcall_revoke(grant, 4), 0);
    EXPECT(kcall_revoke(grant, -1), -ANOLE_EBADHANDLE);
}

void group_dma_lengths(void)
{
    endpoint_t child = child_start();

    for (unsigned i = 0; i < BORDER_LENGTHS; i++) {
        check_mapping(child, memory + PAGE_SIZE, border_lengths[i]);
        check_mapping(child, memory + PAGE_SIZE - 1, border_lengths[i]);
    }
    child_end(child);
}

void group_dma_own(void)
{
    uint64_t to = (uintptr_t)segments, frames = own_info().frames;

    for (unsigned i = 0; i < BORDER_LENGTHS; i++) {
        for (uint64_t shift = 0; shift < 3; shift++) {
            uint64_t start = (uintptr_t)memory + shift * (PAGE_SIZE / 2), len = border_lengths[i];
            uint64_t pages = (start % PAGE_SIZE + len + PAGE_SIZE - 1) / PAGE_SIZE;

            memset(segments, 0, sizeof(segments));
            if (!EXPECT(RAW(DMA_MAP_OWN, start, len, 3, to, SEGMENTS), 0))
                continue;
            handle_t pin = result[0];
            unsigned used = (unsigned)result[1];
            CHECK(used >= 1 && used <= pages && segments_cover(used, start, len));
            CHECK(own_info().pinned_frames == pages);

            /* The same memory is the same for the device, and pins add up. */
            uint64_t first = segments[0].device_address;
            EXPECT(RAW(DMA_MAP_OWN, start, 1, DMA_DEVICE_READS, to, 1), 0);
            CHECK(segments[0].device_address == first && segments[0].len_bytes == 1);
            EXPECT(RAW(DMA_UNMAP, result[0]), 0);
            EXPECT(RAW(DMA_UNMAP, pin ^ 1ul << 16), -ANOLE_EBADHANDLE);
            EXPECT(RAW(DMA_UNMAP, pin), 0);
            EXPECT(RAW(DMA_UNMAP, pin), -ANOLE_EBADHANDLE);
            CHECK(own_info().pinned_frames == 0);
            if (used > 1)
                EXPECT(RAW(DMA_MAP_OWN, start, len, 3, to, used - 1), -ANOLE_ERANGE);
            CHECK(own_info().pinned_frames == 0);
        }
    }
    EXPECT(RAW(DMA_MAP_OWN, (uintptr_t)memory, 0, 3, to, SEGMENTS), -ANOLE_EINVAL);
    for (unsigned i = 0; i < HUGE_LENGTHS; i++)
        EXPECT(RAW(DMA_MAP_OWN, (uintptr_t)memory, huge_lengths[i], 3, to, SEGMENTS),
               -ANOLE_EFAULT);

    /* Memory ends in the middle, after more than one step: what was pinned is let go. */
    uint64_t start = (uintptr_t)map_memory(2 * STEP_BYTES);
    uint64_t with_memory = own_info().frames;
    EXPECT(RAW(DMA_MAP_OWN, start, 2 * STEP_BYTES + 1, 3, to, SEGMENTS), -ANOLE_EFAULT);
    CHECK(own_info().pinned_frames == 0 && own_info().frames == with_memory);

    /* Unmapped while it is pinned, it stays pinned, and charged. */
    EXPECT(RAW(DMA_MAP_OWN, start, 2 * STEP_BYTES, 3, to, SEGMENTS), 0);
    handle_t pin = result[0];
    EXPECT(RAW(UNMAP, start, 2 * STEP_BYTES), 0);
    CHECK(own_info().pinned_frames == 2 * STEP_BYTES / PAGE_SIZE);
    CHECK(own_info().frames >= frames + 2 * STEP_BYTES / PAGE_SIZE);
    EXPECT(RAW(DMA_UNMAP, pin), 0);
    CHECK(own_info().pinned_frames == 0);
    CHECK(own_info().frames <= frames + 3); /* page tables, a page of handles */
}

void group_dma_alloc(void)
{
    uint64_t to = (uintptr_t)segments, pinned = 0;

    for (unsigned i = 0; i < BORDER_LENGTHS; i++) {
        uint64_t len = border_lengths[i], full = (len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

        if (!EXPECT(RAW(DMA_ALLOC, len), 0))
            continue;
        uint64_t address = result[0], device = result[1];
        pinned += full / PAGE_SIZE;
        CHECK(address % PAGE_SIZE == 0 && device % PAGE_SIZE == 0);
        CHECK(own_info().pinned_frames == pinned);
        CHECK(*(volatile uint64_t *)address == 0);
        CHECK(*(volatile uint64_t *)(address + full - 8) == 0);
        memset((void *)address, 0x11, full);

        /* In one piece, where it was said to be. */
        EXPECT(RAW(DMA_MAP_OWN, address, full, 3, to, 1), 0);
        CHECK(segments[0].device_address == device && segments[0].len_bytes == full);
        EXPECT(RAW(DMA_UNMAP, result[0]), 0);
    }
    EXPECT(RAW(DMA_ALLOC, 0), -ANOLE_EINVAL);
    EXPECT(RAW(DMA_ALLOC, ALLOC_LONGEST + 1), -ANOLE_EINVAL);
    for (unsigned i = 0; i < HUGE_LENGTHS; i++)
        EXPECT(RAW(DMA_ALLOC, huge_lengths[i]), -ANOLE_EINVAL);
    EXPECT(RAW(DMA_ALLOC, ALLOC_LONGEST), 0);

    /* For life: it can be unmapped, but not unpinned. */
    uint64_t frames = own_info().frames;
    pinned = own_info().pinned_frames;
    EXPECT(RAW(UNMAP, result[0], ALLOC_LONGEST), 0);
    CHECK(own_info().frames == frames && own_info().pinned_frames == pinned);
    for (uint64_t id = 1ul << 16; id < (1ul << 16) + 64; id++)
        EXPECT(RAW(DMA_UNMAP, id), -ANOLE_EBADHANDLE);
}

/* The maker of a grant dies while its memory is pinned; then the one who pinned it. */
void group_dma_deaths(void)
{
    endpoint_t maker = child_start(), driver = child_start();
    uint64_t to = (uintptr_t)segments, before = frames_in_reach(), word = CHILD_BUFFER;
    enum death_cause cause;
    struct ipc_delivery delivery;
    uint64_t detail;
    handle_t grant;

    EXPECT(child_do(maker, CHILD_GRANT, &word, GRANT_READ | GRANT_WRITE, 4, 0, 0), 0);
    EXPECT(RAW(DMA_MAP, maker, word, 0, CHILD_BUFFER, 3, to, SEGMENTS), 0);
    handle_t pin = result[0];
    EXPECT(program_kill(maker), 0);
    EXPECT(program_wait(maker, &cause, &detail), 0);
    CHECK(own_info().pinned_frames == CHILD_BUFFER / PAGE_SIZE);
    EXPECT(RAW(DMA_MAP, maker, word, 0, 8, 3, to, SEGMENTS), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(DMA_UNMAP, pin), 0);
    CHECK(own_info().pinned_frames == 0);

    /* Without a device there is nothing to wait for: the maker hears of it, and has his memory back. */
    EXPECT(kcall_grant(driver, memory, sizeof(memory), GRANT_WRITE, &grant), 0);
    word = grant;
    EXPECT(child_do(driver, CHILD_DMA_MAP, &word, 0, sizeof(memory), DMA_DEVICE_WRITES, 0), 0);
    EXPECT(kcall_revoke(grant, 6), -ANOLE_EBUSY);
    EXPECT(program_kill(driver), 0);
    EXPECT(ipc_receive(&delivery, NOTIFY_BIT(6), deadline_in_us(PATIENCE_US), 0), 0);
    EXPECT(kcall_revoke(grant, -1), 0);
    EXPECT(program_wait(driver, &cause, &detail), 0);
    CHECK(frames_in_reach() > before); /* both are gone */

    /* They die in the middle of pinning and of letting go. */
    for (unsigned i = 0; i < 20; i++) {
        driver = child_start();
        EXPECT(kcall_grant(driver, memory, sizeof(memory), GRANT_WRITE, &grant), 0);
        struct caller caller = {
            .message = {.endpoint = driver,
                        .type = CHILD_DMA_LOOP,
                        .word = {grant, sizeof(memory), DMA_DEVICE_WRITES, 1000000}},
            .deadline_ticks = DEADLINE_NEVER,
        };
        caller_start(&caller);
        sleep_us(100 * i);
        EXPECT(program_kill(driver), 0);
        CHECK(caller_wait(&caller));
        EXPECT(caller.status, -ANOLE_EDEADENDPOINT);
        EXPECT(program_wait(driver, &cause, &detail), 0);
        EXPECT(kcall_revoke(grant, -1), 0);
    }
}
