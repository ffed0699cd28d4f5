/*
 * handletest: DOORBELL, WATCH and CLOSE, and ringing with every wrong name.
 */
#include "handletest.h"

static const uint64_t wrong_bits[] = {NOTIFY_OWN_BITS, NOTIFY_DEATH, 64, 1ul << 32, ~0ul};
#define WRONG_BITS (sizeof(wrong_bits) / sizeof(wrong_bits[0]))

/* Takes the bits that rang within that time, and no requests. */
static uint64_t take_bits(uint64_t us)
{
    struct ipc_delivery delivery;

    if (ipc_receive(&delivery, NOTIFY_ALL, us ? deadline_in_us(us) : DEADLINE_POLL,
                    RECEIVE_NO_REQUESTS) != 0)
        return 0;
    return delivery.message.word[0];
}

static void end_at_once(void *argument)
{
    handle_t *bell = argument;

    EXPECT(RAW(DOORBELL, startup_page()->self, 9), 0);
    *bell = result[0];
}

void group_doorbells(void)
{
    endpoint_t child = child_start(), other = child_start(), dead = dead_child();
    endpoint_t self = startup_page()->self;
    uint32_t handles = own_info().handles;
    uint64_t word;

    for (unsigned i = 0; i < WRONG_BITS; i++)
        EXPECT(RAW(DOORBELL, child, wrong_bits[i]), -ANOLE_EINVAL);
    EXPECT(RAW(DOORBELL, dead, 1), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(DOORBELL, ENDPOINT_KERNEL, 1), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(DOORBELL, ENDPOINT_SELF, 1), -ANOLE_EDEADENDPOINT);
    CHECK(own_info().handles == handles);

    EXPECT(RAW(DOORBELL, child, 0), 0);
    handle_t first = result[0];
    EXPECT(RAW(DOORBELL, child, NOTIFY_OWN_BITS - 1), 0);
    handle_t last = result[0];
    word = first;
    EXPECT(child_do(child, CHILD_RING, &word, 3, 0, 0, 0), 0);
    CHECK(take_bits(PATIENCE_US) == NOTIFY_BIT(0));
    word = last;
    EXPECT(child_do(child, CHILD_RING, &word, 1, 0, 0, 0), 0);
    CHECK(take_bits(PATIENCE_US) == NOTIFY_BIT(NOTIFY_OWN_BITS - 1));

    /* Nobody else rings it, its maker neither; nor does another id or another kind of handle. */
    word = first;
    EXPECT(child_do(other, CHILD_RING, &word, 1, 0, 0, 0), -ANOLE_EBADHANDLE);
    EXPECT(ipc_notify(self, first), -ANOLE_EBADHANDLE);
    word = first ^ 1ul << 16;
    EXPECT(child_do(child, CHILD_RING, &word, 1, 0, 0, 0), -ANOLE_EBADHANDLE);
    word = ~0ul;
    EXPECT(child_do(child, CHILD_RING, &word, 1, 0, 0, 0), -ANOLE_EBADHANDLE);
    EXPECT(RAW(GRANT, child, (uintptr_t)&word, 8, GRANT_READ), 0);
    handle_t grant = result[0];
    word = grant;
    EXPECT(child_do(child, CHILD_RING, &word, 1, 0, 0, 0), -ANOLE_EBADHANDLE);
    EXPECT(RAW(REVOKE, grant, 0), 0);
    EXPECT(RAW(REVOKE, first, 0), -ANOLE_EBADHANDLE);
    EXPECT(ipc_notify(dead, first), -ANOLE_EDEADENDPOINT);
    EXPECT(ipc_notify(ENDPOINT_KERNEL, first), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(CLOSE, first), 0);
    word = first;
    EXPECT(child_do(child, CHILD_RING, &word, 1, 0, 0, 0), -ANOLE_EBADHANDLE);
    CHECK(take_bits(0) == 0);

    /* It dies with the thread whose bit it is. */
    handle_t orphan = HANDLE_NONE;
    endpoint_t thread = start_thread(end_at_once, &orphan, 0), process;
    unsigned id;
    while (kcall_endpoint_info(thread, &process, &id) == 0)
        sleep_us(200);
    EXPECT(ipc_notify(self, orphan), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(CLOSE, orphan), 0);

    /* And with its peer: closing it is all that is left to do. */
    child_end(child);
    EXPECT(RAW(CLOSE, last), 0);
    child_end(other);
    CHECK(own_info().handles == handles);
}

void group_watches(void)
{
    enum { WATCHES = 40 };
    endpoint_t child = child_start(), dead = dead_child(), self = startup_page()->self;
    uint32_t handles = own_info().handles;
    handle_t watches[WATCHES];

    for (unsigned i = 0; i < WRONG_BITS; i++)
        EXPECT(RAW(WATCH, child, wrong_bits[i]), -ANOLE_EINVAL);
    EXPECT(RAW(WATCH, dead, 1), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(WATCH, ENDPOINT_KERNEL, 1), -ANOLE_EDEADENDPOINT);
    EXPECT(RAW(WATCH, ENDPOINT_SELF, 1), -ANOLE_EDEADENDPOINT);
    CHECK(own_info().handles == handles);

    /* Any number of them on one process; the closed ones keep silent. */
    for (unsigned i = 0; i < WATCHES; i++) {
        EXPECT(RAW(WATCH, child, i), 0);
        watches[i] = result[0];
    }
    for (unsigned i = 0; i < WATCHES; i += 2)
        EXPECT(RAW(CLOSE, watches[i]), 0);
    EXPECT(ipc_notify(self, watches[1]), -ANOLE_EBADHANDLE); /* not a doorbell */
    child_end(child);
    uint64_t expected = 0, bits = 0;
    for (unsigned i = 1; i < WATCHES; i += 2)
        expected |= NOTIFY_BIT(i);
    for (uint64_t more; bits != expected && (more = take_bits(PATIENCE_US)) != 0;)
        bits |= more;
    CHECK(bits == expected);
    for (unsigned i = 0; i < WATCHES; i++)
        EXPECT(RAW(CLOSE, watches[i]), i % 2 == 0 ? -ANOLE_EBADHANDLE : 0);

    /* Watching oneself is of no use, and does no harm: the group's end shows it. */
    EXPECT(RAW(WATCH, self, 5), 0);
    CHECK(own_info().handles == handles + 1);
}

void group_close(void)
{
    endpoint_t self = startup_page()->self;
    struct dma_segment segment;
    uint32_t handles = own_info().handles;
    uint64_t page = (uintptr_t)map_memory(PAGE_SIZE);

    EXPECT(RAW(GRANT, self, page, 8, GRANT_READ), 0);
    handle_t grant = result[0];
    EXPECT(RAW(DMA_MAP_OWN, page, 8, DMA_DEVICE_READS, (uintptr_t)&segment, 1), 0);
    handle_t pin = result[0];
    EXPECT(RAW(REGION_CREATE, PAGE_SIZE, 0), 0);
    handle_t region = result[0];
    EXPECT(RAW(REGION_OFFER, region, self, PROT_READ_BIT), 0);
    handle_t offer = result[0];
    EXPECT(RAW(DOORBELL, self, 1), 0);
    handle_t bell = result[0];
    EXPECT(RAW(WATCH, self, 1), 0);
    handle_t watch = result[0];
    const handle_t closable[] = {region, offer, bell, watch};

    /* Each kind has its own way to go, and no other. */
    EXPECT(RAW(CLOSE, grant), -ANOLE_EINVAL);
    EXPECT(RAW(CLOSE, pin), -ANOLE_EINVAL);
    EXPECT(RAW(REVOKE, pin, 0), -ANOLE_EBADHANDLE);
    EXPECT(RAW(DMA_UNMAP, grant), -ANOLE_EBADHANDLE);
    for (unsigned i = 0; i < sizeof(closable) / sizeof(closable[0]); i++) {
        EXPECT(RAW(REVOKE, closable[i], 0), -ANOLE_EBADHANDLE);
        EXPECT(RAW(DMA_UNMAP, closable[i]), -ANOLE_EBADHANDLE);
        EXPECT(RAW(CLOSE, closable[i] ^ 1ul << 16), -ANOLE_EBADHANDLE);
        EXPECT(RAW(CLOSE, closable[i] ^ 1ul << 63), -ANOLE_EBADHANDLE);
        EXPECT(RAW(CLOSE, closable[i]), 0);
        EXPECT(RAW(CLOSE, closable[i]), -ANOLE_EBADHANDLE);
    }
    for (uint64_t id = 0; id < 1ul << 16; id += 257)
        EXPECT(RAW(CLOSE, id), -ANOLE_EBADHANDLE);
    EXPECT(RAW(CLOSE, ~0ul), -ANOLE_EBADHANDLE);
    EXPECT(RAW(DMA_UNMAP, pin), 0);
    EXPECT(RAW(REVOKE, grant, 0), 0);
    CHECK(own_info().handles == handles);
}
