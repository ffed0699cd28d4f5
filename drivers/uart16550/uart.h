/*
 * The 16550's registers, and nothing of terminals: bytes in, bytes out, interrupts. One device, the
 * driver's own.
 */
#ifndef UART16550_UART_H
#define UART16550_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uart_counts {
    uint64_t sent, received;
    uint64_t lost; /* overruns: the FIFO was full when a byte came */
    uint64_t interrupts;
};

/* Maps the window and programs the device: 8N1 at the speed that firmware set, FIFOs on (bytes that
 * are in them stay), receive interrupts on. 0 or -error. */
int uart_open(void);
/* Receive and transmit interrupts off; what is in the transmit FIFO still goes out. */
void uart_close(void);
/* Takes the reasons of an interrupt off the device. */
void uart_interrupt(void);
/* Takes one received byte. false: there is none. */
bool uart_get(uint8_t *byte);
/* How many bytes the transmit FIFO takes now, 0 or all it has. */
size_t uart_room(void);
/* Sends a byte; there must be room. */
void uart_put(uint8_t byte);
/* Whether the device interrupts when the transmit FIFO is empty. */
void uart_want_room(bool on);
/* Everything has left the shift register, too. */
bool uart_idle(void);
const struct uart_counts *uart_counts(void);

#endif
