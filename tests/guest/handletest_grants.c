/*
 * handletest: GRANT, REVOKE, COPY and their batches, at every border of their arguments.
 */
#include "handletest.h"

#include <string.h>

#define GUARD 0xa5u

static _Alignas(PAGE_SIZE) unsigned char memory[PAGE_SIZE + CHILD_BUFFER + PAGE_SIZE];

void group_grant_arguments(void)
{
    static const uint64_t accesses[] = {0, 4, 7, 1ul << 32 | GRANT_READ, ~0ul};
    static const uint64_t bits[] = {NOTIFY_OWN_BITS + 1, NOTIFY_DEATH + 1, 65, 1ul << 32, ~0ul};
    endpoint_t child = child_start(), dead = dead_child(), self = startup_page()->self;
    const endpoint_t nobody[] = {dead, ENDPOINT_KERNEL, ENDPOINT_SELF, ENDPOINT_NONE, ~0u};
    uint64_t address = (uintptr_t)memory;
    uint32_t handles = own_info().handles;

    for (unsigned i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++)
        EXPECT(RAW(GRANT, child, address, 8, accesses[i]), -ANOLE_EINVAL);
    for (unsigned i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++)
        EXPECT(RAW(GRANT, nobody[i], address, 8, GRANT_READ), -ANOLE_EDEADENDPOINT);
    CHECK(own_info().handles == handles);

    /* To oneself is allowed, as to any thread of a process. */
    EXPECT(RAW(GRANT, self, address, 8, GRANT_READ), 0);
    handle_t grant = result[0];
    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
        EXPECT(RAW(REVOKE, grant, bits[i]), -ANOLE_EINVAL);
    EXPECT(RAW(REVOKE, grant ^ 1ul << 16, 0), -ANOLE_EBADHANDLE);
    EXPECT(RAW(REVOKE, grant ^ 1ul << 63, 0), -ANOLE_EBADHANDLE);
    EXPECT(RAW(REVOKE, grant | 0xffff, 0), -ANOLE_EBADHANDLE);
    EXPECT(RAW(REVOKE, HANDLE_NONE, 0), -ANOLE_EBADHANDLE);
    EXPECT(RAW(REVOKE, ~0ul, 0), -ANOLE_EBADHANDLE);
    EXPECT(RAW(REVOKE, grant, 0), 0);
    EXPECT(RAW(REVOKE, grant, 0), -ANOLE_EBADHANDLE);
    CHECK(own_info().handles == handles);

    /* A child's own grant is nobody else's to take back. */
    uint64_t theirs = 64;
    EXPECT(child_do(child, CHILD_GRANT, &theirs, GRANT_READ, 3, 0, 0), 0);
    EXPECT(RAW(REVOKE, theirs, 0), -ANOLE_EBADHANDLE);
    EXPECT(kcall_copy(child, theirs, 0, memory, 64, COPY_FROM_GRANT), 0);
    CHECK(pattern_check(memory, 64, 3));
    child_end(child);
}

/* The child reads and writes a grant of exactly that length; not a byte beyond is touched. */
static void check_grant(endpoint_t child, unsigned char *start, uint64_t len)
{
    handle_t grant;
    uint64_t word;

    if (!EXPECT(kcall_grant(child, start, len, GRANT_READ | GRANT_WRITE, &grant), 0))
        return;
    pattern_fill(start, len, len);
    word = grant;
    EXPECT(child_do(child, CHILD_COPY, &word, 0, len, COPY_FROM_GRANT, len), 0);
    memset(start - 1, GUARD, 1);
    memset(start + len, GUARD, 1);
    word = grant;
    EXPECT(child_do(child, CHILD_COPY, &word, 0, len, COPY_TO_GRANT, len + 1), 0);
    CHECK(pattern_check(start, len, len + 1));
    CHECK(start[-1] == GUARD && start[len] == GUARD);

    const struct {
        uint64_t offset, len;
        int status;
    } ranges[] = {
        {0, 0, 0},
        {len, 0, 0},
        {len - 1, 1, 0},
        {0, len + 1, -ANOLE_ERANGE},
        {1, len, -ANOLE_ERANGE},
        {len, 1, -ANOLE_ERANGE},
        {len + 1, 0, -ANOLE_ERANGE},
        {~0ul, 1, -ANOLE_ERANGE},
        {~0ul - len + 1, len, -ANOLE_ERANGE},
        {1, ~0ul, -ANOLE_ERANGE},
        {1ul << 63, 1ul << 63, -ANOLE_ERANGE},
    };
    for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        /* Directions are checked apart from the pattern: what is copied may be any part of it. */
        uint64_t local = (uintptr_t)memory;
        struct message message = {
            .word = {KCALL_COPY, startup_page()->self, grant, ranges[i].offset, local,
                     ranges[i].len, COPY_TO_GRANT},
        };
        EXPECT(child_call(child, CHILD_KCALL, &message), ranges[i].status);
    }
    EXPECT(kcall_revoke(grant, -1), 0);
}

void group_grant_lengths(void)
{
    endpoint_t child = child_start();
    uint64_t start = (uintptr_t)memory;

    for (unsigned i = 0; i < BORDER_LENGTHS; i++) {
        check_grant(child, memory + PAGE_SIZE, border_lengths[i]);
        check_grant(child, memory + PAGE_SIZE + 1, border_lengths[i]);
        check_grant(child, memory + PAGE_SIZE - 1, border_lengths[i]);
    }
    EXPECT(RAW(GRANT, child, start, 0, GRANT_READ), -ANOLE_EINVAL);
    for (unsigned i = 0; i < HUGE_LENGTHS; i++)
        EXPECT(RAW(GRANT, child, start, huge_lengths[i], GRANT_READ), -ANOLE_EFAULT);

    /* Up to the end of user space and not a byte beyond; what is there is checked at its use. */
    EXPECT(RAW(GRANT, child, start, USER_END - start + 1, GRANT_READ), -ANOLE_EFAULT);
    EXPECT(RAW(GRANT, child, USER_END, 1, GRANT_READ), -ANOLE_EFAULT);
    EXPECT(RAW(GRANT, child, ~0ul, 2, GRANT_READ), -ANOLE_EFAULT);
    EXPECT(RAW(GRANT, child, 1ul << 63, 1, GRANT_READ), -ANOLE_EFAULT);
    EXPECT(RAW(GRANT, child, start, USER_END - start, GRANT_READ), 0);
    handle_t grant = result[0];
    uint64_t word = grant;
    pattern_fill(memory, sizeof(memory), 9);
    EXPECT(child_do(child, CHILD_COPY, &word, 0, CHILD_BUFFER, COPY_FROM_GRANT, 9), 0);
    word = grant;
    EXPECT(child_do(child, CHILD_COPY, &word, USER_END - start - 8, 8, COPY_FROM_GRANT, 9),
           -ANOLE_EFAULT);
    EXPECT(RAW(REVOKE, grant, 0), 0);
    child_end(child);
}

/* Where memory ends in the middle of a copy, on either side, it ends with an error. */
void group_copy_ranges(void)
{
    static const uint64_t directions[] = {2, 3, 1ul << 32, 1ul << 32 | COPY_TO_GRANT, ~0ul};
    uint64_t self = startup_page()->self, len = STEP_BYTES + PAGE_SIZE;
    uint64_t source = (uintptr_t)map_memory(len), target = (uintptr_t)map_memory(len);

    pattern_fill((void *)source, len, 4);
    EXPECT(RAW(GRANT, self, source, len + PAGE_SIZE, GRANT_READ | GRANT_WRITE), 0);
    handle_t grant = result[0];
    for (unsigned i = 0; i < BORDER_LENGTHS; i++) {
        uint64_t part = border_lengths[i];

        EXPECT(RAW(COPY, self, grant, len - part, target, part, COPY_FROM_GRANT), 0);
        EXPECT(RAW(COPY, self, grant, len - part, target, part + 1, COPY_FROM_GRANT),
               -ANOLE_EFAULT);
        EXPECT(RAW(COPY, self, grant, 0, target + len - part, part, COPY_FROM_GRANT), 0);
        CHECK(pattern_check((void *)(target + len - part), part, 4));
        EXPECT(RAW(COPY, self, grant, 0, target + len - part, part + 1, COPY_FROM_GRANT),
               -ANOLE_EFAULT);
        EXPECT(RAW(COPY, self, grant, 0, target - PAGE_SIZE, part, COPY_FROM_GRANT), -ANOLE_EFAULT);
        EXPECT(RAW(COPY, self, grant, 0, USER_END - part + 1, part, COPY_TO_GRANT), -ANOLE_EFAULT);
        EXPECT(RAW(COPY, self, grant, 0, ~0ul - part + 1, part, COPY_TO_GRANT), -ANOLE_EFAULT);
    }
    for (unsigned i = 0; i < sizeof(directions) / sizeof(directions[0]); i++)
        EXPECT(RAW(COPY, self, grant, 0, target, 8, directions[i]), -ANOLE_EINVAL);
    EXPECT(RAW(COPY, ENDPOINT_SELF, grant, 0, target, 8, COPY_FROM_GRANT), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(COPY, ENDPOINT_KERNEL, grant, 0, target, 8, COPY_FROM_GRANT), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(COPY, dead_child(), grant, 0, target, 8, COPY_FROM_GRANT), -ANOLE_EDEADENDPOINT);

    /* From a page to itself, shifted: what is around it stays. */
    unsigned char *bytes = (unsigned char *)source;
    unsigned char before = bytes[0], after = bytes[PAGE_SIZE + 1];
    EXPECT(RAW(COPY, self, grant, 0, source + 1, PAGE_SIZE, COPY_FROM_GRANT), 0);
    CHECK(bytes[0] == before && bytes[1] == before && bytes[PAGE_SIZE + 1] == after);
    EXPECT(RAW(REVOKE, grant, 0), 0);
}

static struct grant_op grants[1024];
static handle_t ids[1024];
static struct copy_op copies[130];

static void fill_grants(endpoint_t peer, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        grants[i] = (struct grant_op){
            .peer = peer, .access = GRANT_READ, .address = (uintptr_t)memory, .len_bytes = 16};
}

static void check_grant_batch(unsigned count)
{
    unsigned done = 0;

    fill_grants(startup_page()->self, count);
    EXPECT(kcall_grant_batch(grants, count, &done), 0);
    CHECK(done == count);
    for (unsigned i = 0; i < count; i++)
        ids[i] = grants[i].id;
    EXPECT(kcall_revoke_batch(ids, count, &done), 0);
    CHECK(done == count);
}

/* Arrays whose end isn't mapped, isn't writable, or wraps: what was done before is told. */
static void check_batch_arrays(void)
{
    struct grant_op *last = (struct grant_op *)(map_memory(PAGE_SIZE) + PAGE_SIZE) - 1;
    uint32_t handles = own_info().handles;
    endpoint_t self = startup_page()->self;
    void *read_only;

    *last = (struct grant_op){.peer = self, .access = GRANT_READ, .len_bytes = 1};
    EXPECT(RAW(GRANT_BATCH, (uintptr_t)last, 2), -ANOLE_EFAULT);
    CHECK(result[0] == 1);
    EXPECT(kcall_revoke(last->id, -1), 0);
    EXPECT(RAW(REVOKE_BATCH, (uintptr_t)(last + 1) - 8, 2), -ANOLE_EBADHANDLE);
    CHECK(result[0] == 0);
    EXPECT(RAW(GRANT_BATCH, ~0ul - 7, 4), -ANOLE_EFAULT);
    EXPECT(RAW(REVOKE_BATCH, ~0ul - 7, 4), -ANOLE_EFAULT);
    EXPECT(RAW(COPY_VECTOR, ~0ul - 7, 4), -ANOLE_EFAULT);

    /* The id can't be told, so the grant isn't made. */
    handle_t region;
    EXPECT(kcall_region_create(PAGE_SIZE, 0, &region), 0);
    void *writable;
    EXPECT(kcall_region_map(ENDPOINT_SELF, region, 0, PAGE_SIZE, READ_WRITE, &writable), 0);
    EXPECT(kcall_region_map(ENDPOINT_SELF, region, 0, PAGE_SIZE, PROT_READ_BIT, &read_only), 0);
    *(struct grant_op *)writable = *last;
    EXPECT(RAW(GRANT_BATCH, (uintptr_t)read_only, 1), -ANOLE_EFAULT);
    CHECK(result[0] == 0);
    EXPECT(kcall_close(region), 0);
    CHECK(own_info().handles == handles);
}

static void check_copy_vector(endpoint_t self, unsigned count, unsigned wrong)
{
    handle_t grant;
    unsigned done = 0;

    EXPECT(kcall_grant(self, memory, 4096, GRANT_READ | GRANT_WRITE, &grant), 0);
    for (unsigned i = 0; i < count; i++)
        copies[i] = (struct copy_op){
            .maker = self,
            .direction = i % 2 ? COPY_TO_GRANT : COPY_FROM_GRANT,
            .grant = grant,
            .offset = i,
            .local_address = (uintptr_t)memory + 8192 + i,
            .len_bytes = i == wrong ? 5000 : 16,
        };
    EXPECT(kcall_copy_vector(copies, count, &done), wrong < count ? -ANOLE_ERANGE : 0);
    CHECK(done == (wrong < count ? wrong : count));
    EXPECT(kcall_revoke(grant, -1), 0);
}

void group_batches(void)
{
    static const unsigned counts[] = {0, 1, 2, 63, 64, 65, 127, 128, 129, 900};
    static const uint64_t too_many[] = {4097, 1ul << 31, 1ul << 32, 1ul << 63, ~0ul};
    endpoint_t self = startup_page()->self;
    unsigned done;

    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        check_grant_batch(counts[i]);
    for (unsigned i = 0; i < sizeof(too_many) / sizeof(too_many[0]); i++) {
        EXPECT(RAW(GRANT_BATCH, (uintptr_t)grants, too_many[i]), -ANOLE_EINVAL);
        EXPECT(RAW(REVOKE_BATCH, (uintptr_t)ids, too_many[i]), -ANOLE_EINVAL);
        if (too_many[i] > UINT32_MAX)
            EXPECT(RAW(COPY_VECTOR, (uintptr_t)copies, too_many[i]), -ANOLE_EINVAL);
    }

    /* The first element that fails ends it; the count says which. */
    for (unsigned bad = 0; bad < 130; bad += 43) {
        fill_grants(self, 130);
        grants[bad].access = 0;
        EXPECT(kcall_grant_batch(grants, 130, &done), -ANOLE_EINVAL);
        CHECK(done == bad);
        for (unsigned i = 0; i < bad; i++)
            EXPECT(kcall_revoke(grants[i].id, -1), 0);
        check_copy_vector(self, 130, bad);
    }
    check_copy_vector(self, 130, 130);
    check_copy_vector(self, 0, 1);
    check_batch_arrays();
}
