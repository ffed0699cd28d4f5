/*
 * handletest: revocation at every stage of a copy and of DMA: while another process uses the grant in
 * long calls, it is taken back at changing moments.
 */
#include "handletest.h"

#include <string.h>

#define ROUNDS 60u
#define FOR_EVER 100000000ul

static _Alignas(PAGE_SIZE) unsigned char memory[CHILD_BUFFER];

/* Has the child use the grant in a loop, from a thread of its own. */
static void start_loop(struct caller *caller, endpoint_t child, enum child_request loop,
                       handle_t grant, uint64_t direction)
{
    *caller = (struct caller){
        .message = {.endpoint = child,
                    .type = loop,
                    .word = {grant, sizeof(memory), direction, FOR_EVER}},
        .deadline_ticks = DEADLINE_NEVER,
    };
    caller_start(caller);
}

/* Waits a moment that is another one in every round; sometimes only until the next time slice. */
static void pass_time(unsigned round)
{
    uint64_t until = deadline_in_us(round * 37 % 400);

    if (round % 3 == 0)
        sleep_us(round * 11 % 200);
    while (round % 3 == 1 && ticks_now() < until)
        continue;
}

/* Its last copy was refused; what is in the memory is left alone from the moment of REVOKE on. */
static void check_copies(endpoint_t child, uint64_t direction, unsigned round)
{
    struct caller caller;
    handle_t grant;

    EXPECT(kcall_grant(child, memory, sizeof(memory), GRANT_READ | GRANT_WRITE, &grant), 0);
    start_loop(&caller, child, CHILD_COPY_LOOP, grant, direction);
    pass_time(round);
    EXPECT(kcall_revoke(grant, -1), 0);
    pattern_fill(memory, sizeof(memory), round);
    CHECK(caller_wait(&caller));
    EXPECT(caller.status, 0);
    EXPECT(message_status(&caller.message), -ANOLE_EBADHANDLE);
    CHECK(caller.message.word[0] < FOR_EVER);
    CHECK(pattern_check(memory, sizeof(memory), round));
}

void group_revoke_copies(void)
{
    endpoint_t child = child_start();

    for (unsigned round = 0; round < ROUNDS; round++)
        check_copies(child, round % 2 ? COPY_TO_GRANT : COPY_FROM_GRANT, round);
    child_end(child);
}

/* Unmapped under a copy: an error for the copying one, and for nobody anything worse. */
static void check_unmapped(endpoint_t child, unsigned round)
{
    unsigned char *page = map_memory(sizeof(memory));
    struct caller caller;
    handle_t grant;

    EXPECT(kcall_grant(child, page, sizeof(memory), GRANT_READ | GRANT_WRITE, &grant), 0);
    start_loop(&caller, child, CHILD_COPY_LOOP, grant, round % 2 ? COPY_TO_GRANT : COPY_FROM_GRANT);
    pass_time(round);
    EXPECT(kcall_unmap(page, sizeof(memory)), 0);
    CHECK(caller_wait(&caller));
    EXPECT(message_status(&caller.message), -ANOLE_EFAULT);
    EXPECT(kcall_revoke(grant, -1), 0);
}

static void check_dma(endpoint_t child, unsigned round)
{
    struct ipc_delivery delivery;
    struct caller caller;
    handle_t grant;

    EXPECT(kcall_grant(child, memory, sizeof(memory), GRANT_WRITE, &grant), 0);
    start_loop(&caller, child, CHILD_DMA_LOOP, grant, DMA_DEVICE_WRITES);
    pass_time(round);
    int status = kcall_revoke(grant, 8);
    if (status == -ANOLE_EBUSY) {
        /* Pinned at that moment: it is taken back once the pin is gone, and that is rung. */
        EXPECT(
            ipc_receive(&delivery, NOTIFY_BIT(8), deadline_in_us(PATIENCE_US), RECEIVE_NO_REQUESTS),
            0);
        EXPECT(kcall_revoke(grant, 8), 0);
    } else {
        EXPECT(status, 0);
    }
    CHECK(caller_wait(&caller));
    status = message_status(&caller.message);
    CHECK(status == -ANOLE_EPERM || status == -ANOLE_EBADHANDLE);
    struct process_info info = {0};
    EXPECT(kcall_process_info(endpoint_slot(child), &info), 0);
    CHECK(info.pinned_frames == 0);
}

void group_revoke_dma(void)
{
    endpoint_t child = child_start();

    for (unsigned round = 0; round < ROUNDS; round++)
        check_dma(child, round);
    for (unsigned round = 0; round < ROUNDS / 2; round++)
        check_unmapped(child, round);
    child_end(child);
}
