/*
 * What comes in: a ring of bytes that nobody has read yet, and the readers who wait, first come
 * first served. Bytes go to a reader who is there to take them, or stay.
 */
#ifndef UART16550_INPUT_H
#define UART16550_INPUT_H

#include <anole/ipc.h>
#include <stdint.h>

#define INPUT_RING_BYTES 16384u /* a paste of that size is kept whole */
/* One reader a process: as many as RS and pm let there be services and programs, so that nobody can
 * take another's place. */
#define INPUT_READERS (64u + 128u)

/* Handler for service.h's table: TTY_READ. EBUSY: another thread of the process is reading. */
int input_read(struct ipc_delivery *request);
/* A byte was typed: Ctrl-C ends the foreground program, if there is one; all others are input. */
void input_byte(uint8_t byte);
/* When to ask pm again for what it wasn't there to do (ticks), and to do so. */
uint64_t input_deadline(void);
void input_retry(void);
/* Gives what there is to those who wait for it. */
void input_deliver(void);
/* Bytes dropped because nobody read them in time. */
uint64_t input_lost(void);

#endif
