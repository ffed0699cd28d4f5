/*
 * ipctest: memory of one's own and regions shared with others.
 */
#include "ipctest.h"

#include <string.h>

#define READ_WRITE (PROT_READ_BIT | PROT_WRITE_BIT)

static int map_raw(uint64_t len, uint64_t prot, uint64_t address, uint64_t *mapped)
{
    struct message message = {.word = {len, prot, address}};
    int status = kcall(KCALL_MAP, &message);

    *mapped = message.word[0];
    return status;
}

/* Whether the kernel can read that page of mine, found out without touching it. */
static bool readable(const void *address)
{
    return kcall_log_write(LOG_DEBUG, address, 1) != -ANOLE_EFAULT;
}

static bool all_zero(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

void group_map(void)
{
    void *page, *big, *read_only;
    uint64_t address;

    EXPECT(kcall_map(1, READ_WRITE, &page), 0);
    CHECK((uintptr_t)page % PAGE_SIZE == 0);
    CHECK(all_zero(page, PAGE_SIZE));
    memset(page, 0xa5, PAGE_SIZE);
    EXPECT(kcall_map(100 * PAGE_SIZE, READ_WRITE, &big), 0); /* more than one step */
    CHECK(all_zero(big, 100 * PAGE_SIZE));
    pattern_fill(big, 100 * PAGE_SIZE, 1);
    CHECK(pattern_check(big, 100 * PAGE_SIZE, 1));
    EXPECT(kcall_map(PAGE_SIZE, PROT_READ_BIT, &read_only), 0);
    CHECK(all_zero(read_only, PAGE_SIZE));

    /* There is a gap behind a mapping, and nothing is where nothing was mapped. */
    CHECK(!readable((char *)page + PAGE_SIZE));
    CHECK(!readable((void *)(USER_MAP_END - PAGE_SIZE)));

    EXPECT(map_raw(0, READ_WRITE, 0, &address), -ANOLE_EINVAL);
    EXPECT(map_raw(PAGE_SIZE, 0, 0, &address), -ANOLE_EINVAL);
    EXPECT(map_raw(PAGE_SIZE, 8, 0, &address), -ANOLE_EINVAL);
    EXPECT(map_raw(PAGE_SIZE, PROT_WRITE_BIT | PROT_EXEC_BIT, 0, &address), -ANOLE_EINVAL);
    EXPECT(map_raw(PAGE_SIZE, READ_WRITE, 5, &address), -ANOLE_EINVAL);
    EXPECT(map_raw(PAGE_SIZE, READ_WRITE, USER_END, &address), -ANOLE_EINVAL);
    EXPECT(map_raw(PAGE_SIZE, READ_WRITE, ~(PAGE_SIZE - 1), &address), -ANOLE_EINVAL);
    EXPECT(map_raw(~0ul, READ_WRITE, 0, &address), -ANOLE_EINVAL);
    EXPECT(map_raw(USER_END, READ_WRITE, 0, &address), -ANOLE_ENOMEM);
    EXPECT(map_raw(PAGE_SIZE, READ_WRITE, (uintptr_t)page, &address), -ANOLE_EEXIST);
    EXPECT(map_raw(PAGE_SIZE, READ_WRITE, (uintptr_t)&group_map & ~(PAGE_SIZE - 1), &address),
           -ANOLE_EEXIST);

    EXPECT(kcall_unmap((char *)page + 1, PAGE_SIZE), -ANOLE_EINVAL);
    EXPECT(kcall_unmap((char *)page + PAGE_SIZE, PAGE_SIZE), -ANOLE_EINVAL);
    EXPECT(kcall_unmap(big, PAGE_SIZE), -ANOLE_EINVAL);
    EXPECT(kcall_unmap((void *)USER_INFO_PAGE, PAGE_SIZE), -ANOLE_EINVAL);
    EXPECT(kcall_unmap(big, 100 * PAGE_SIZE), 0);
    EXPECT(kcall_unmap(big, 100 * PAGE_SIZE), -ANOLE_EINVAL);
    CHECK(!readable(big));
    EXPECT(kcall_unmap(page, PAGE_SIZE), 0);
    EXPECT(map_raw(PAGE_SIZE, READ_WRITE, (uintptr_t)page, &address), 0);
    CHECK(address == (uintptr_t)page);
    CHECK(all_zero(page, PAGE_SIZE)); /* not what was there before */

    /* A read-only page can't be written for me by the kernel either. */
    EXPECT(kcall_system_info(read_only), -ANOLE_EFAULT);
}

void group_regions(void)
{
    endpoint_t self = startup_page()->self;
    handle_t region, contiguous, offer;
    void *first, *second, *tail;
    unsigned prot;
    size_t len;

    EXPECT(kcall_region_create(0, 0, &region), -ANOLE_EINVAL);
    EXPECT(kcall_region_create(PAGE_SIZE, 2, &region), -ANOLE_EINVAL);
    EXPECT(kcall_region_create(~0ul, 0, &region), -ANOLE_EINVAL);
    EXPECT(kcall_region_create(1ul << 30, 0, &region), -ANOLE_ENOMEM);
    EXPECT(kcall_region_create(3 * PAGE_SIZE - 1, 0, &region), 0);
    EXPECT(kcall_region_create(2 * PAGE_SIZE, REGION_CONTIGUOUS, &contiguous), 0);
    EXPECT(kcall_region_info(ENDPOINT_SELF, region, &len, &prot), 0);
    CHECK(len == 3 * PAGE_SIZE && prot == READ_WRITE);

    /* Two mappings show the same memory. */
    EXPECT(kcall_region_map(ENDPOINT_SELF, region, 0, len, READ_WRITE, &first), 0);
    EXPECT(kcall_region_map(ENDPOINT_SELF, region, 0, len, PROT_READ_BIT, &second), 0);
    EXPECT(kcall_region_map(self, region, PAGE_SIZE, PAGE_SIZE, PROT_READ_BIT, &tail), 0);
    CHECK(all_zero(first, len));
    pattern_fill(first, len, 3);
    CHECK(pattern_check(second, len, 3));
    CHECK(memcmp(tail, (char *)first + PAGE_SIZE, PAGE_SIZE) == 0);

    void *none;
    EXPECT(kcall_region_map(ENDPOINT_SELF, region, 1, PAGE_SIZE, READ_WRITE, &none), -ANOLE_EINVAL);
    EXPECT(kcall_region_map(ENDPOINT_SELF, region, 0, 0, READ_WRITE, &none), -ANOLE_EINVAL);
    EXPECT(kcall_region_map(ENDPOINT_SELF, region, 0, 4 * PAGE_SIZE, READ_WRITE, &none),
           -ANOLE_EINVAL);
    EXPECT(kcall_region_map(ENDPOINT_SELF, region, 3 * PAGE_SIZE, PAGE_SIZE, READ_WRITE, &none),
           -ANOLE_EINVAL);
    EXPECT(kcall_region_map(ENDPOINT_SELF, region, ~(PAGE_SIZE - 1), PAGE_SIZE, READ_WRITE, &none),
           -ANOLE_EINVAL);
    EXPECT(kcall_region_map(ENDPOINT_SELF, region, 0, PAGE_SIZE, 0, &none), -ANOLE_EINVAL);
    EXPECT(kcall_region_map(ENDPOINT_SELF, region, 0, PAGE_SIZE, PROT_EXEC_BIT, &none),
           -ANOLE_EPERM);
    EXPECT(kcall_region_map(ENDPOINT_SELF, HANDLE_NONE, 0, PAGE_SIZE, READ_WRITE, &none),
           -ANOLE_EBADHANDLE);
    EXPECT(kcall_region_map(ENDPOINT_NONE, region, 0, PAGE_SIZE, READ_WRITE, &none),
           -ANOLE_EDEADENDPOINT);
    EXPECT(kcall_region_map(ENDPOINT_KERNEL, KERNEL_REGION_BOOT_IMAGE, 0, PAGE_SIZE, PROT_EXEC_BIT,
                            &none),
           -ANOLE_EPERM);
    EXPECT(kcall_region_map(ENDPOINT_KERNEL, KERNEL_REGION_DEVICE_TREE, 0, PAGE_SIZE, PROT_READ_BIT,
                            &none),
           -ANOLE_EPERM);
    EXPECT(kcall_region_map(ENDPOINT_KERNEL, 99, 0, PAGE_SIZE, PROT_READ_BIT, &none),
           -ANOLE_EBADHANDLE);

    EXPECT(kcall_region_offer(region, self, 0, &offer), -ANOLE_EINVAL);
    EXPECT(kcall_region_offer(region, self, PROT_EXEC_BIT, &offer), -ANOLE_EINVAL);
    EXPECT(kcall_region_offer(region, ENDPOINT_NONE, READ_WRITE, &offer), -ANOLE_EDEADENDPOINT);
    EXPECT(kcall_region_offer(contiguous + 1, self, READ_WRITE, &offer), -ANOLE_EBADHANDLE);
    EXPECT(kcall_region_offer(region, self, PROT_READ_BIT, &offer), 0);
    EXPECT(kcall_region_map(self, offer, 0, PAGE_SIZE, READ_WRITE, &none), -ANOLE_EPERM);
    EXPECT(kcall_region_offer(offer, self, PROT_READ_BIT, &offer), -ANOLE_EBADHANDLE);

    /* The memory lives as long as a mapping of it. */
    EXPECT(kcall_close(region), 0);
    EXPECT(kcall_close(region), -ANOLE_EBADHANDLE);
    EXPECT(kcall_close(contiguous), 0);
    CHECK(pattern_check(first, len, 3));
    EXPECT(kcall_unmap(first, len), 0);
    CHECK(pattern_check(second, len, 3));
}

void group_region_peers(void)
{
    enum { LEN = 2 * PAGE_SIZE };
    endpoint_t child = child_start(), other = child_start();
    struct message message;
    handle_t region, read_offer, write_offer;
    void *mine, *theirs;

    EXPECT(kcall_region_create(LEN, 0, &region), 0);
    EXPECT(kcall_region_map(ENDPOINT_SELF, region, 0, LEN, READ_WRITE, &mine), 0);
    EXPECT(kcall_region_offer(region, child, PROT_READ_BIT, &read_offer), 0);
    EXPECT(kcall_region_offer(region, child, READ_WRITE, &write_offer), 0);

    /* Each offer gives its peer what it says, and nobody else anything. */
    message = (struct message){.word = {read_offer, 0, LEN, READ_WRITE}};
    EXPECT(child_call(child, CHILD_MAP, &message), -ANOLE_EPERM);
    message = (struct message){.word = {region, 0, LEN, PROT_READ_BIT}};
    EXPECT(child_call(child, CHILD_MAP, &message), -ANOLE_EBADHANDLE);
    message = (struct message){.word = {read_offer, 0, LEN, PROT_READ_BIT}};
    EXPECT(child_call(other, CHILD_MAP, &message), -ANOLE_EBADHANDLE);
    message = (struct message){.word = {write_offer, 0, LEN, READ_WRITE}};
    EXPECT(child_call(child, CHILD_MAP, &message), 0);

    ((uint64_t *)mine)[PAGE_SIZE / 8] = 0x1122334455667788;
    message = (struct message){.word = {PAGE_SIZE}};
    EXPECT(child_call(child, CHILD_PEEK, &message), 0);
    CHECK(message.word[0] == 0x1122334455667788);
    message = (struct message){.word = {8, 0x99aabbccddeeff00}};
    EXPECT(child_call(child, CHILD_POKE, &message), 0);
    CHECK(((volatile uint64_t *)mine)[1] == 0x99aabbccddeeff00);

    /* Taking an offer back ends new mappings, never a live one. */
    EXPECT(kcall_close(write_offer), 0);
    message = (struct message){.word = {write_offer, 0, LEN, READ_WRITE}};
    EXPECT(child_call(child, CHILD_MAP, &message), -ANOLE_EBADHANDLE);
    message = (struct message){.word = {8}};
    EXPECT(child_call(child, CHILD_PEEK, &message), 0);
    child_end(child);

    /* A region outlives its maker as long as somebody has it mapped. */
    message = (struct message){.word = {LEN, PROT_READ_BIT, 5}};
    EXPECT(child_call(other, CHILD_REGION, &message), 0);
    handle_t offered = message.word[0];
    EXPECT(kcall_region_map(other, offered, 0, LEN, READ_WRITE, &theirs), -ANOLE_EPERM);
    EXPECT(kcall_region_map(other, offered, 0, LEN, PROT_READ_BIT, &theirs), 0);
    CHECK(pattern_check(theirs, LEN, 5));
    child_end(other);
    CHECK(pattern_check(theirs, LEN, 5));
    void *late;
    EXPECT(kcall_region_map(other, offered, 0, LEN, PROT_READ_BIT, &late), -ANOLE_EDEADENDPOINT);
    EXPECT(kcall_unmap(theirs, LEN), 0);
}
