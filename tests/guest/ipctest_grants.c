/*
 * ipctest: grants, copies with them, and both in batches. What pins a grant needs a driver's rights:
 * blktest tests that.
 */
#include "ipctest.h"

#include <string.h>

static _Alignas(PAGE_SIZE) unsigned char memory[CHILD_BUFFER];

static int child_copy(endpoint_t child, handle_t grant, uint64_t offset, uint64_t len,
                      uint64_t direction, uint64_t seed)
{
    struct message message = {.word = {grant, offset, len, direction, seed}};

    return child_call(child, CHILD_COPY, &message);
}

void group_grants(void)
{
    endpoint_t child = child_start(), other = child_start();
    handle_t grant, read_only, write_only;

    EXPECT(kcall_grant(child, memory, 0, GRANT_READ, &grant), -ANOLE_EINVAL);
    EXPECT(kcall_grant(child, memory, 8, 0, &grant), -ANOLE_EINVAL);
    EXPECT(kcall_grant(child, memory, 8, 4, &grant), -ANOLE_EINVAL);
    EXPECT(kcall_grant(ENDPOINT_NONE, memory, 8, GRANT_READ, &grant), -ANOLE_EDEADENDPOINT);
    EXPECT(kcall_grant(child, memory, ~0ul, GRANT_READ, &grant), -ANOLE_EFAULT);
    EXPECT(kcall_grant(child, (void *)(USER_END - 8), 16, GRANT_READ, &grant), -ANOLE_EFAULT);
    EXPECT(kcall_grant(child, (void *)~0ul, 1, GRANT_READ, &grant), -ANOLE_EFAULT);

    EXPECT(kcall_grant(child, memory, 1000, GRANT_READ, &read_only), 0);
    EXPECT(kcall_grant(child, memory, 1000, GRANT_WRITE, &write_only), 0);
    pattern_fill(memory, 1000, 1);
    EXPECT(child_copy(child, read_only, 0, 1000, COPY_FROM_GRANT, 1), 0);
    EXPECT(child_copy(child, read_only, 0, 1000, COPY_TO_GRANT, 2), -ANOLE_EPERM);
    EXPECT(child_copy(child, write_only, 0, 1000, COPY_FROM_GRANT, 1), -ANOLE_EPERM);
    CHECK(pattern_check(memory, 1000, 1));
    EXPECT(child_copy(child, write_only, 0, 1000, COPY_TO_GRANT, 2), 0);
    CHECK(pattern_check(memory, 1000, 2));

    /* Only the peer, only while it stands, only by its id. */
    EXPECT(child_copy(other, read_only, 0, 1000, COPY_FROM_GRANT, 2), -ANOLE_EBADHANDLE);
    EXPECT(child_copy(child, read_only + (1ul << 16), 0, 1, COPY_FROM_GRANT, 2), -ANOLE_EBADHANDLE);
    EXPECT(child_copy(child, HANDLE_NONE, 0, 1, COPY_FROM_GRANT, 2), -ANOLE_EBADHANDLE);
    EXPECT(kcall_close(read_only), -ANOLE_EINVAL); /* a grant is revoked, not closed */
    EXPECT(kcall_revoke(read_only, NOTIFY_OWN_BITS), -ANOLE_EINVAL);
    EXPECT(kcall_revoke(read_only, -1), 0);
    EXPECT(kcall_revoke(read_only, -1), -ANOLE_EBADHANDLE);
    EXPECT(child_copy(child, read_only, 0, 1000, COPY_FROM_GRANT, 2), -ANOLE_EBADHANDLE);
    EXPECT(kcall_revoke(HANDLE_NONE, -1), -ANOLE_EBADHANDLE);
    child_end(other);

    /* A grant to a dead one can still be taken back, a dead one's grant can't be used. */
    struct message message = {.word = {1000, GRANT_READ | GRANT_WRITE, 9}};
    EXPECT(child_call(child, CHILD_GRANT, &message), 0);
    handle_t theirs = message.word[0];
    EXPECT(kcall_copy(child, theirs, 0, memory, 1000, COPY_FROM_GRANT), 0);
    CHECK(pattern_check(memory, 1000, 9));
    child_end(child);
    EXPECT(kcall_copy(child, theirs, 0, memory, 1000, COPY_FROM_GRANT), -ANOLE_EDEADENDPOINT);
    EXPECT(kcall_revoke(write_only, -1), 0);
}

void group_copies(void)
{
    endpoint_t child = child_start();
    struct message message = {.word = {CHILD_BUFFER, GRANT_READ | GRANT_WRITE, 7}};
    handle_t grant, hole;

    /* Long ones go in several steps. */
    EXPECT(child_call(child, CHILD_GRANT, &message), 0);
    grant = message.word[0];
    EXPECT(kcall_copy(child, grant, 0, memory, CHILD_BUFFER, COPY_FROM_GRANT), 0);
    CHECK(pattern_check(memory, CHILD_BUFFER, 7));
    memset(memory, 0, sizeof(memory));

    /* Any alignment, and not a byte beyond. */
    for (unsigned offset = 0; offset < 9; offset += 4) {
        memory[offset + 5000] = 0x5a;
        EXPECT(kcall_copy(child, grant, 0, memory + offset, 5000, COPY_FROM_GRANT), 0);
        CHECK(pattern_check(memory + offset, 5000, 7));
        CHECK(memory[offset + 5000] == 0x5a);
    }

    EXPECT(kcall_copy(child, grant, 0, memory, 0, COPY_FROM_GRANT), 0);
    EXPECT(kcall_copy(child, grant, CHILD_BUFFER, memory, 0, COPY_FROM_GRANT), 0);
    EXPECT(kcall_copy(child, grant, 1, memory, CHILD_BUFFER, COPY_FROM_GRANT), -ANOLE_ERANGE);
    EXPECT(kcall_copy(child, grant, CHILD_BUFFER, memory, 1, COPY_FROM_GRANT), -ANOLE_ERANGE);
    EXPECT(kcall_copy(child, grant, ~0ul, memory, 1, COPY_FROM_GRANT), -ANOLE_ERANGE);
    EXPECT(kcall_copy(child, grant, 8, memory, ~0ul - 4, COPY_FROM_GRANT), -ANOLE_ERANGE);
    EXPECT(kcall_copy(child, grant, 0, memory, 8, 2), -ANOLE_EINVAL);
    EXPECT(kcall_copy(child, grant, 0, NULL, 8, COPY_FROM_GRANT), -ANOLE_EFAULT);
    EXPECT(kcall_copy(child, grant, 0, (void *)(USER_END - 4), 8, COPY_FROM_GRANT), -ANOLE_EFAULT);
    EXPECT(kcall_copy(child, grant, 0, (void *)(uintptr_t)&group_copies, 8, COPY_FROM_GRANT),
           -ANOLE_EFAULT);
    EXPECT(kcall_copy(child, grant, 0, (void *)0xffffffc080200000ul, 8, COPY_TO_GRANT),
           -ANOLE_EFAULT);

    /* A grant of what isn't mapped fails where it is used; so does writing to read-only memory. */
    EXPECT(kcall_grant(child, (void *)(USER_MAP_END - PAGE_SIZE), PAGE_SIZE, GRANT_READ, &hole), 0);
    EXPECT(child_copy(child, hole, 0, 8, COPY_FROM_GRANT, 0), -ANOLE_EFAULT);
    EXPECT(kcall_revoke(hole, -1), 0);
    EXPECT(kcall_grant(child, (void *)(uintptr_t)&group_copies, 8, GRANT_WRITE, &hole), 0);
    EXPECT(child_copy(child, hole, 0, 8, COPY_TO_GRANT, 0), -ANOLE_EFAULT);
    EXPECT(kcall_revoke(hole, -1), 0);
    child_end(child);
}

/* Several operations in one call; the first one that fails ends it and the count says where. */
void group_batches(void)
{
    enum { GRANTS = 100 };
    static struct grant_op grants[GRANTS];
    static handle_t ids[GRANTS];
    static struct copy_op copies[4];
    endpoint_t child = child_start();
    struct message message = {.word = {4096, GRANT_READ, 11}};
    unsigned done = 0;

    for (unsigned i = 0; i < GRANTS; i++)
        grants[i] = (struct grant_op){
            .peer = child, .access = GRANT_READ, .address = (uintptr_t)memory, .len_bytes = 16};
    EXPECT(kcall_grant_batch(grants, GRANTS, &done), 0);
    CHECK(done == GRANTS);
    for (unsigned i = 0; i < GRANTS; i++) {
        ids[i] = grants[i].id;
        for (unsigned j = 0; j < i; j++)
            CHECK(ids[j] != ids[i]);
    }
    EXPECT(kcall_revoke(ids[60], -1), 0);
    EXPECT(kcall_revoke_batch(ids, GRANTS, &done), -ANOLE_EBADHANDLE);
    CHECK(done == 60);
    EXPECT(kcall_revoke_batch(&ids[61], GRANTS - 61, &done), 0);
    CHECK(done == GRANTS - 61);
    grants[1].access = 0;
    EXPECT(kcall_grant_batch(grants, 3, &done), -ANOLE_EINVAL);
    CHECK(done == 1);
    EXPECT(kcall_revoke(grants[0].id, -1), 0);
    EXPECT(kcall_grant_batch((struct grant_op *)USER_END, 1, &done), -ANOLE_EFAULT);
    EXPECT(kcall_revoke_batch(NULL, 1, &done), -ANOLE_EFAULT);
    EXPECT(kcall_revoke_batch(NULL, 0, &done), 0);

    EXPECT(child_call(child, CHILD_GRANT, &message), 0);
    for (unsigned i = 0; i < 4; i++)
        copies[i] = (struct copy_op){
            .maker = child,
            .direction = COPY_FROM_GRANT,
            .grant = message.word[0],
            .offset = 1024 * i,
            .local_address = (uintptr_t)memory + 1024 * i,
            .len_bytes = 1024,
        };
    EXPECT(kcall_copy_vector(copies, 4, &done), 0);
    CHECK(done == 4);
    CHECK(pattern_check(memory, 4096, 11));
    copies[2].offset = 4096;
    EXPECT(kcall_copy_vector(copies, 4, &done), -ANOLE_ERANGE);
    CHECK(done == 2);
    EXPECT(kcall_copy_vector(NULL, 1, &done), -ANOLE_EFAULT);
    child_end(child);
}
