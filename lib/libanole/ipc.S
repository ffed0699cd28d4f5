/*
 * The five system calls (include/anole/ipc.h). The kernel keeps every register but t0, a0..a7 and
 * t2, so the pointer to the message waits in t5. struct message is the eight registers a0..a7 in
 * order.
 */
#include <anole/ipc.h>

#define CALL_ID_OFFSET 64 /* of struct ipc_delivery */

    .macro load_message base
    ld      a1, 8(\base)
    ld      a2, 16(\base)
    ld      a3, 24(\base)
    ld      a4, 32(\base)
    ld      a5, 40(\base)
    ld      a6, 48(\base)
    ld      a7, 56(\base)
    ld      a0, 0(\base)
    .endm

    .macro store_message base
    sd      a0, 0(\base)
    sd      a1, 8(\base)
    sd      a2, 16(\base)
    sd      a3, 24(\base)
    sd      a4, 32(\base)
    sd      a5, 40(\base)
    sd      a6, 48(\base)
    sd      a7, 56(\base)
    .endm

    .section .text.hot.ipc, "ax"

/* int ipc_call(struct message *message, uint64_t deadline_ticks) */
    .globl ipc_call
    .type ipc_call, @function
ipc_call:
    mv      t5, a0
    mv      t1, a1
    load_message t5
    li      t0, SYS_IPC_CALL
    ecall
    store_message t5
    mv      a0, t0
    ret
    .size ipc_call, . - ipc_call

/* int ipc_receive(struct ipc_delivery *, uint64_t mask, uint64_t deadline, uint64_t flags) */
    .globl ipc_receive
    .type ipc_receive, @function
ipc_receive:
    mv      t5, a0
    mv      t3, a1
    mv      t1, a2
    mv      t4, a3
    li      t0, SYS_IPC_RECEIVE
    j       receive
    .size ipc_receive, . - ipc_receive

/* int ipc_ring_receive(struct ipc_delivery *, endpoint_t maker, uint64_t doorbell, uint64_t mask,
 *                      uint64_t deadline, uint64_t flags) */
    .globl ipc_ring_receive
    .type ipc_ring_receive, @function
ipc_ring_receive:
    mv      t5, a0
    mv      a0, a1
    mv      a1, a2
    mv      t3, a3
    mv      t1, a4
    ori     t4, a5, RECEIVE_RING
    li      t0, SYS_IPC_RECEIVE
    j       receive
    .size ipc_ring_receive, . - ipc_ring_receive

/* int ipc_reply_receive(struct ipc_delivery *, uint64_t mask, uint64_t deadline) */
    .globl ipc_reply_receive
    .type ipc_reply_receive, @function
ipc_reply_receive:
    mv      t5, a0
    mv      t3, a1
    mv      t1, a2
    li      t4, 0
    load_message t5
    ld      t2, CALL_ID_OFFSET(t5)
    li      t0, SYS_IPC_REPLY_RECEIVE
receive:
    ecall
    store_message t5
    sd      t2, CALL_ID_OFFSET(t5)
    mv      a0, t0
    ret
    .size ipc_reply_receive, . - ipc_reply_receive

/* int ipc_reply(const struct message *reply, uint64_t call_id) */
    .globl ipc_reply
    .type ipc_reply, @function
ipc_reply:
    mv      t5, a0
    mv      t2, a1
    load_message t5
    li      t0, SYS_IPC_REPLY
    ecall
    mv      a0, t0
    ret
    .size ipc_reply, . - ipc_reply

/* int ipc_notify(endpoint_t maker, uint64_t doorbell) */
    .globl ipc_notify
    .type ipc_notify, @function
ipc_notify:
    li      t0, SYS_IPC_NOTIFY
    ecall
    mv      a0, t0
    ret
    .size ipc_notify, . - ipc_notify
