/*
 * ipctest: doorbells, masks, the order of notifications and requests, alarms.
 */
#include "ipctest.h"

#define SHORT_US 20000ul

static int poll_bits(struct ipc_delivery *delivery, uint64_t mask)
{
    return ipc_receive(delivery, mask, DEADLINE_POLL, RECEIVE_NO_REQUESTS);
}

void group_doorbells(void)
{
    endpoint_t self = startup_page()->self, child = child_start(), other = child_start();
    struct ipc_delivery delivery;
    struct message message;
    handle_t mine, childs, closed;

    EXPECT(kcall_doorbell(self, NOTIFY_OWN_BITS, &mine), -ANOLE_EINVAL);
    EXPECT(kcall_doorbell(self, NOTIFY_STOP, &mine), -ANOLE_EINVAL);
    EXPECT(kcall_doorbell(ENDPOINT_NONE, 1, &mine), -ANOLE_EDEADENDPOINT);
    EXPECT(kcall_doorbell(self, 1, &mine), 0);
    EXPECT(kcall_doorbell(child, 2, &childs), 0);
    EXPECT(kcall_doorbell(child, 3, &closed), 0);
    EXPECT(kcall_close(closed), 0);

    /* Rung twice, delivered once: a bit is a hint. */
    EXPECT(ipc_notify(self, mine), 0);
    EXPECT(ipc_notify(self, mine), 0);
    EXPECT(poll_bits(&delivery, NOTIFY_ALL), 0);
    CHECK(delivery.message.word[0] == NOTIFY_BIT(1));
    EXPECT(poll_bits(&delivery, NOTIFY_ALL), -ANOLE_ETIMEDOUT);

    /* By the peer, while this thread is inside a call: it stays pending. */
    message = (struct message){.word = {childs, 5}};
    EXPECT(child_call(child, CHILD_RING, &message), 0);
    EXPECT(poll_bits(&delivery, NOTIFY_ALL), 0);
    CHECK(delivery.message.word[0] == NOTIFY_BIT(2));

    /* By everyone else it can't be rung, nor when it is closed, nor by a made-up id. */
    EXPECT(ipc_notify(self, childs), -ANOLE_EBADHANDLE);
    message = (struct message){.word = {childs, 1}};
    EXPECT(child_call(other, CHILD_RING, &message), -ANOLE_EBADHANDLE);
    message = (struct message){.word = {mine, 1}};
    EXPECT(child_call(child, CHILD_RING, &message), -ANOLE_EBADHANDLE);
    message = (struct message){.word = {closed, 1}};
    EXPECT(child_call(child, CHILD_RING, &message), -ANOLE_EBADHANDLE);
    EXPECT(ipc_notify(self, HANDLE_NONE), -ANOLE_EBADHANDLE);
    EXPECT(ipc_notify(self, ~(handle_t)0), -ANOLE_EBADHANDLE);
    EXPECT(ipc_notify(self, mine + (1ul << 16)), -ANOLE_EBADHANDLE);
    EXPECT(ipc_notify(ENDPOINT_NONE, mine), -ANOLE_EDEADENDPOINT);
    EXPECT(poll_bits(&delivery, NOTIFY_ALL), -ANOLE_ETIMEDOUT);
    child_end(child);
    child_end(other);
    EXPECT(ipc_notify(child, mine), -ANOLE_EDEADENDPOINT);
}

void group_masks(void)
{
    endpoint_t self = startup_page()->self;
    struct ipc_delivery delivery;
    handle_t bells[3];

    for (unsigned bit = 0; bit < 3; bit++) {
        EXPECT(kcall_doorbell(self, bit, &bells[bit]), 0);
        EXPECT(ipc_notify(self, bells[bit]), 0);
    }
    EXPECT(poll_bits(&delivery, 0), -ANOLE_ETIMEDOUT);
    EXPECT(poll_bits(&delivery, NOTIFY_BIT(1)), 0);
    CHECK(delivery.message.word[0] == NOTIFY_BIT(1));
    EXPECT(poll_bits(&delivery, NOTIFY_BIT(1)), -ANOLE_ETIMEDOUT);
    EXPECT(poll_bits(&delivery, NOTIFY_ALL), 0);
    CHECK(delivery.message.word[0] == (NOTIFY_BIT(0) | NOTIFY_BIT(2)));

    /* A bit outside the mask doesn't end a wait. */
    EXPECT(ipc_notify(self, bells[0]), 0);
    EXPECT(ipc_receive(&delivery, NOTIFY_BIT(1), deadline_in_us(SHORT_US), 0), -ANOLE_ETIMEDOUT);
    EXPECT(poll_bits(&delivery, NOTIFY_ALL), 0);
    CHECK(delivery.message.word[0] == NOTIFY_BIT(0));
}

/* Notifications come first, but never twice in a row while somebody calls. */
void group_fairness(void)
{
    endpoint_t self = startup_page()->self;
    struct caller caller = {.message = {.endpoint = self, .type = 9},
                            .deadline_ticks = DEADLINE_NEVER};
    struct ipc_delivery delivery;
    handle_t bell;

    EXPECT(kcall_doorbell(self, 1, &bell), 0);
    /* What came before leaves no trace: the last delivery is that of a request. */
    struct caller first = caller;
    caller_start(&first);
    EXPECT(take_request(&delivery), 0);
    EXPECT(ipc_reply(&delivery.message, delivery.call_id), 0);
    CHECK(caller_wait(&first));

    EXPECT(ipc_notify(self, bell), 0);
    caller_start(&caller);
    sleep_us(SHORT_US);
    EXPECT(ipc_receive(&delivery, NOTIFY_ALL, DEADLINE_POLL, 0), 0);
    CHECK(delivery.message.type == MESSAGE_NOTIFICATIONS);
    EXPECT(ipc_notify(self, bell), 0);
    EXPECT(ipc_receive(&delivery, NOTIFY_ALL, DEADLINE_POLL, 0), 0);
    CHECK(delivery.message.type == 9);
    EXPECT(ipc_reply(&delivery.message, delivery.call_id), 0);
    EXPECT(ipc_receive(&delivery, NOTIFY_ALL, DEADLINE_POLL, 0), 0);
    CHECK(delivery.message.type == MESSAGE_NOTIFICATIONS);
    CHECK(caller_wait(&caller));

    /* Without requests, notifications may follow each other, and a sender is left where it is. */
    struct caller last = {.message = {.endpoint = self, .type = 10},
                          .deadline_ticks = DEADLINE_NEVER};
    caller_start(&last);
    sleep_us(SHORT_US);
    EXPECT(poll_bits(&delivery, NOTIFY_ALL), -ANOLE_ETIMEDOUT);
    EXPECT(take_request(&delivery), 0);
    CHECK(delivery.message.type == 10);
    EXPECT(ipc_reply(&delivery.message, delivery.call_id), 0);
    CHECK(caller_wait(&last));
}

void group_alarms(void)
{
    struct ipc_delivery delivery;
    uint64_t due;

    EXPECT(kcall_alarm(deadline_in_us(SHORT_US), NOTIFY_OWN_BITS), -ANOLE_EINVAL);

    due = deadline_in_us(SHORT_US);
    EXPECT(kcall_alarm(due, 4), 0);
    EXPECT(poll_bits(&delivery, NOTIFY_ALL), -ANOLE_ETIMEDOUT);
    EXPECT(ipc_receive(&delivery, NOTIFY_ALL, deadline_in_us(PATIENCE_US), 0), 0);
    CHECK(delivery.message.word[0] == NOTIFY_BIT(4));
    CHECK(ticks_now() >= due);

    /* A second one replaces the first; 0 turns it off; one that is past rings at once. */
    EXPECT(kcall_alarm(deadline_in_us(SHORT_US), 4), 0);
    EXPECT(kcall_alarm(deadline_in_us(2 * SHORT_US), 5), 0);
    EXPECT(ipc_receive(&delivery, NOTIFY_ALL, deadline_in_us(PATIENCE_US), 0), 0);
    CHECK(delivery.message.word[0] == NOTIFY_BIT(5));
    EXPECT(kcall_alarm(deadline_in_us(SHORT_US), 4), 0);
    EXPECT(kcall_alarm(0, 4), 0);
    EXPECT(ipc_receive(&delivery, NOTIFY_ALL, deadline_in_us(2 * SHORT_US), 0), -ANOLE_ETIMEDOUT);
    EXPECT(kcall_alarm(1, 6), 0);
    EXPECT(ipc_receive(&delivery, NOTIFY_ALL, deadline_in_us(PATIENCE_US), 0), 0);
    CHECK(delivery.message.word[0] == NOTIFY_BIT(6));
}
