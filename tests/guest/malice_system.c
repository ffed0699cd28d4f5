/*
 * malice: system calls with every register random but those that decide whether it may wait for ever.
 * Forged requests, receives, replies and rings: none reaches anybody, and the kernel leaves alone the
 * registers that it promises to.
 */
#include "malice.h"

#include <string.h>

enum reg { T0 = 5, T1 = 6, T2 = 7, A0 = 10, A1 = 11, A7 = 17, T4 = 29 };
#define OWN_POINTER 27 /* of registers_call */

/* A moment that doesn't let a call wait for ever, past or near. */
static uint64_t pick_deadline(struct hostile *hostile)
{
    switch (chance_below(&hostile->chance, 4)) {
    case 0:
        return DEADLINE_POLL;
    case 1:
        return chance_below(&hostile->chance, ticks_now());
    case 2:
        return ticks_now();
    default:
        return ticks_now() + chance_below(&hostile->chance, ticks_from_us(30) + 1);
    }
}

/* The kernel keeps every register but t0, t2 and a0..a7. */
static void check_preserved(struct hostile *hostile, const struct registers *before,
                            const struct registers *after)
{
    for (unsigned i = 1; i < 32; i++) {
        if (i == T0 || i == T2 || (i >= A0 && i <= A7) || i == OWN_POINTER)
            continue;
        if (before->x[i] != after->x[i])
            unexpected(hostile, "system call %lu changed x%u from 0x%lx to 0x%lx",
                       (unsigned long)before->x[T0], i, (unsigned long)before->x[i],
                       (unsigned long)after->x[i]);
    }
}

static void tell(struct hostile *hostile, const struct registers *before,
                 const struct registers *after, const char *promise)
{
    unexpected(hostile,
               "system call %lu, a0 0x%lx, a1 0x%lx, t1 0x%lx, t2 0x%lx, t4 0x%lx: promised %s, "
               "got %ld, a0 0x%lx",
               (unsigned long)before->x[T0], (unsigned long)before->x[A0],
               (unsigned long)before->x[A1], (unsigned long)before->x[T1],
               (unsigned long)before->x[T2], (unsigned long)before->x[T4], promise,
               (long)after->x[T0], (unsigned long)after->x[A0]);
}

/* Makes the call and checks what holds for all; the status. */
static int64_t call_with(struct hostile *hostile, const struct registers *before,
                         struct registers *after)
{
    *after = *before;
    registers_call(after);
    check_preserved(hostile, before, after);
    return (int64_t)after->x[T0];
}

static bool is_notification(const struct registers *after)
{
    return (endpoint_t)after->x[A0] == ENDPOINT_KERNEL && after->x[T2] == 0;
}

/* A request that nobody understands, to everyone. */
static void attempt_call(struct hostile *hostile, struct registers *before)
{
    static const int promised[WHOMS] = {
        [NOBODY] = -ANOLE_EDEADENDPOINT, [ONESELF] = -ANOLE_EDEADLOCK,  [THE_VICTIM] = 0,
        [THE_OWNER] = -ANOLE_ETIMEDOUT,  [THE_HELD] = -ANOLE_ETIMEDOUT, [A_CALLABLE] = 0,
        [A_FORBIDDEN] = -ANOLE_EPERM,
    };
    enum whom whom = (enum whom)chance_below(&hostile->chance, WHOMS);
    struct registers after;

    /* Those who answer are asked more seldom: it takes longer. */
    if (promised[whom] == 0 && !chance_one_in(&hostile->chance, 8))
        whom = NOBODY;
    before->x[A0] = pick_endpoint(hostile, whom) |
                    (chance_next(&hostile->chance) | 1ul << 63) >> 32 << 32;
    bool short_of_time = promised[whom] != 0 || chance_one_in(&hostile->chance, 2);
    before->x[T1] = short_of_time ? pick_deadline(hostile) : deadline_in_us(PATIENCE_US);
    int64_t status = call_with(hostile, before, &after);
    if (promised[whom] != 0) {
        if (status != promised[whom])
            tell(hostile, before, &after, anole_error_name(promised[whom]));
    } else if (status == 0) {
        int answer = (int)(int32_t)(after.x[A0] >> 32);
        if ((endpoint_t)after.x[A0] != (endpoint_t)before->x[A0] || answer >= 0)
            tell(hostile, before, &after, "an error from whom it called");
    } else if (status != -ANOLE_ETIMEDOUT || !short_of_time) {
        tell(hostile, before, &after, "an answer");
    }
}

/* Nobody calls this process, so there is nothing to take but its own notifications. */
static void attempt_receive(struct hostile *hostile, struct registers *before)
{
    struct registers after;
    bool rings = before->x[T4] & RECEIVE_RING && before->x[T0] == SYS_IPC_RECEIVE;

    before->x[T1] = pick_deadline(hostile);
    before->x[A0] = pick_endpoint(hostile, (enum whom)chance_below(&hostile->chance, WHOMS));
    if (before->x[T0] == SYS_IPC_REPLY_RECEIVE && chance_one_in(&hostile->chance, 2))
        before->x[T2] = chance_below(&hostile->chance, 16);
    int64_t status = call_with(hostile, before, &after);
    if (rings) {
        if (status != -ANOLE_EBADHANDLE && status != -ANOLE_EDEADENDPOINT)
            tell(hostile, before, &after, "EBADHANDLE or EDEADENDPOINT");
    } else if (status != -ANOLE_ETIMEDOUT && !(status == 0 && is_notification(&after))) {
        tell(hostile, before, &after, "ETIMEDOUT or own notifications");
    }
}

/* Answers to whom nobody asked: above all to the caller that the victim keeps waiting. */
static void attempt_reply(struct hostile *hostile, struct registers *before)
{
    struct registers after;
    enum whom whom = chance_one_in(&hostile->chance, 2)
                         ? THE_HELD
                         : (enum whom)chance_below(&hostile->chance, WHOMS);

    before->x[A0] = pick_endpoint(hostile, whom) | chance_next(&hostile->chance) << 32;
    if (chance_one_in(&hostile->chance, 2))
        before->x[T2] = chance_below(&hostile->chance, 64);
    if (call_with(hostile, before, &after) != -ANOLE_ENOTWAITING)
        tell(hostile, before, &after, "ENOTWAITING");
}

/* Others' doorbells. */
static void attempt_notify(struct hostile *hostile, struct registers *before)
{
    struct registers after;
    enum whom whom = chance_one_in(&hostile->chance, 2)
                         ? THE_VICTIM
                         : (enum whom)chance_below(&hostile->chance, WHOMS);
    int promised = whom == NOBODY ? -ANOLE_EDEADENDPOINT : -ANOLE_EBADHANDLE;

    before->x[A0] = pick_endpoint(hostile, whom);
    switch (chance_below(&hostile->chance, 4)) {
    case 0:
        before->x[A1] = hostile->victim.bell;
        break;
    case 1:
        before->x[A1] = (1 + chance_below(&hostile->chance, 8)) << 16 |
                        chance_below(&hostile->chance, 512);
        break;
    case 2:
        before->x[A1] = hostile->victim.grant;
        break;
    default:
        break;
    }
    /* Its own grant or region isn't a doorbell either. */
    if (call_with(hostile, before, &after) != promised)
        tell(hostile, before, &after, anole_error_name(promised));
}

void attempt_system_call(struct hostile *hostile)
{
    struct registers before;

    memset(&before, 0, sizeof(before));
    for (unsigned i = 1; i < 32; i++)
        before.x[i] = chance_magnitude(&hostile->chance);
    before.x[T0] = 1 + chance_below(&hostile->chance, SYS_IPC_NOTIFY);
    switch (before.x[T0]) {
    case SYS_IPC_CALL:
        attempt_call(hostile, &before);
        break;
    case SYS_IPC_REPLY:
        attempt_reply(hostile, &before);
        break;
    case SYS_IPC_NOTIFY:
        attempt_notify(hostile, &before);
        break;
    default:
        attempt_receive(hostile, &before);
    }
}
