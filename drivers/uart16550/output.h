/*
 * What goes out: a ring of bytes before the device, a queue of requests that wait for room in it,
 * and the kernel's log between them.
 *
 * Requests are served in the order in which they came, one after the other, so the text of one is
 * never torn by another's. A caller has at most one in the queue: a second one means that it
 * stopped waiting for the first.
 */
#ifndef UART16550_OUTPUT_H
#define UART16550_OUTPUT_H

#include <anole/ipc.h>
#include <stdbool.h>
#include <stdint.h>

#define OUTPUT_RING_BYTES 16384u
#define OUTPUT_REQUESTS 64u

/* Handlers for service.h's table: TTY_PUT, TTY_WRITE, TTY_DRAIN. */
int output_put(struct ipc_delivery *request);
int output_write(struct ipc_delivery *request);
int output_drain(struct ipc_delivery *request);

/* The kernel's log is printed from that position on. */
void output_log_from(uint64_t position);
/* The kernel's log has new text. */
void output_log_grown(void);
/* Moves what can move: ring to device, log and waiting requests to ring. Never waits. */
void output_pump(void);
/* A drain waits for the device's last byte, of which no interrupt tells: pump again soon. */
bool output_draining(void);
/* All bytes that were queued are sent. */
bool output_sent(void);

#endif
