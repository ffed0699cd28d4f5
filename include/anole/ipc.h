/*
 * The five system calls. All of a message travels in registers; no system call of the fast path
 * touches user memory.
 *
 *   t0      call number in, status out (0 or -error)
 *   a0..a7  the message: destination in, source out
 *   t1      absolute deadline in ticks, for calls that wait (DEADLINE_NEVER: for ever; 0: poll)
 *   t2      call id: delivered with a request, given back with its reply
 *   t3      in: what a receive takes (bit mask of notifications); t4: RECEIVE_* flags
 *
 * Registers other than t0, a0..a7 and t2 are preserved.
 */
#ifndef ANOLE_IPC_H
#define ANOLE_IPC_H

#define SYS_IPC_CALL 1          /* send a request, wait for its reply; deadline covers both */
#define SYS_IPC_RECEIVE 2       /* take the next request, or pending notifications in the mask */
#define SYS_IPC_REPLY 3         /* answer call t2 of thread a0; never blocks */
#define SYS_IPC_REPLY_RECEIVE 4 /* both in one trap; a failed reply is counted, not reported */
#define SYS_IPC_NOTIFY 5        /* ring doorbell a1 of thread a0; never blocks */

#define RECEIVE_NO_REQUESTS 1 /* wait for notifications (or the deadline) only */
#define RECEIVE_RING 2        /* ring doorbell a1 of thread a0 first; its error ends the call */

#ifndef __ASSEMBLER__

#include <anole/error.h>
#include <anole/message.h>
#include <stdint.h>

#define DEADLINE_NEVER (~(uint64_t)0)
#define DEADLINE_POLL ((uint64_t)0)

#define NOTIFY_ALL (~(uint64_t)0)
#define NOTIFY_BIT(n) ((uint64_t)1 << (n))

/*
 * Notification bits 0..47 are a thread's own: doorbells, interrupts, alarms, watches by its choice.
 * The others are rung by the kernel and RS only.
 */
#define NOTIFY_OWN_BITS 48
enum notify_reserved_bit {
    NOTIFY_INJECT = 58, /* RS: ask RS which protocol fault to commit (libanole does) */
    NOTIFY_PING = 59,   /* RS: call RS back to show life (libanole does) */
    NOTIFY_STOP = 60,   /* RS: finish, then exit(0) */
    NOTIFY_WORK = 61,   /* a server above has work to be fetched by a call */
    NOTIFY_LOG = 62,    /* kernel: new log text, for the owner of the console */
    NOTIFY_DEATH = 63,  /* kernel: a process that I created is dead: KCALL_DEATH_NEXT */
};

/*
 * Stubs (lib/libanole/ipc.S; a message is read from and written back to the struct).
 *
 * ipc_call: 0, or -error of the delivery: EDEADENDPOINT, EPERM (no right), ETIMEDOUT (word[0] = 1 if
 * the server had taken the request), EDEADLOCK. The server's own status is then in reply type.
 */
int ipc_call(struct message *message, uint64_t deadline_ticks);

/* What ipc_receive and ipc_reply_receive deliver besides the message. */
struct ipc_delivery {
    struct message message;
    uint64_t call_id; /* 0 for notifications */
};
static_assert(sizeof(struct ipc_delivery) == 72, "layout known to ipc.S");

/* 0, or -ETIMEDOUT when the deadline passed with nothing to take. */
int ipc_receive(struct ipc_delivery *delivery, uint64_t notify_mask, uint64_t deadline_ticks,
                uint64_t flags);
/* Rings a doorbell and receives, in one trap: who rings and then waits costs the peer no extra switch.
 * 0, -ETIMEDOUT, or the error of the ringing. */
int ipc_ring_receive(struct ipc_delivery *delivery, endpoint_t maker, uint64_t doorbell,
                     uint64_t notify_mask, uint64_t deadline_ticks, uint64_t flags);
/* 0, or -ENOTWAITING when that call timed out, died or was answered. */
int ipc_reply(const struct message *reply, uint64_t call_id);
/* Replies with delivery->message to delivery->call_id, then receives into it. */
int ipc_reply_receive(struct ipc_delivery *delivery, uint64_t notify_mask, uint64_t deadline_ticks);
/* 0, or -EBADHANDLE / -EDEADENDPOINT. */
int ipc_notify(endpoint_t maker, uint64_t doorbell);

#endif /* __ASSEMBLER__ */
#endif
