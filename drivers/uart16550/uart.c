/*
 * The 16550 itself. Called by main.c only; it owns the mapped registers.
 */
#include "uart.h"
#include <libanole/anole.h>

/* Registers by byte offset; some are one thing to read and another to write. */
enum uart_register {
    UART_RBR = 0, /* read: received byte */
    UART_THR = 0, /* write: byte to transmit */
    UART_IER = 1, /* interrupt enable */
    UART_IIR = 2, /* read: interrupt identification */
    UART_FCR = 2, /* write: FIFO control */
    UART_LCR = 3, /* line control */
    UART_MCR = 4, /* modem control */
    UART_LSR = 5, /* line status */
    UART_MSR = 6, /* modem status */
    UART_REGISTERS = 8,
};

#define IER_RECEIVED 0x01u
#define IER_TRANSMIT_EMPTY 0x02u
#define IER_LINE_STATUS 0x04u
#define IIR_NONE 0x01u
#define FCR_ENABLE 0x01u
#define FCR_TRIGGER_8 0x80u /* interrupt at 8 bytes, or 4 characters' time after the last */
#define LCR_8N1 0x03u
#define MCR_DTR_RTS_OUT2 0x0bu /* OUT2 lets interrupts through on boards that gate them */
#define LSR_DATA 0x01u
#define LSR_OVERRUN 0x02u
#define LSR_THR_EMPTY 0x20u
#define LSR_IDLE 0x40u

#define FIFO_BYTES 16u
#define CAUSES_MAX 8u /* more than there are; a device that goes on naming causes is left alone */

static volatile uint8_t *registers;
static uint8_t interrupts_enabled;
static struct uart_counts counts;

static uint8_t read_register(enum uart_register number)
{
    return registers[number];
}

static void write_register(enum uart_register number, uint8_t value)
{
    registers[number] = value;
}

static void enable(uint8_t interrupts)
{
    if (interrupts != interrupts_enabled) {
        interrupts_enabled = interrupts;
        write_register(UART_IER, interrupts);
    }
}

int uart_open(void)
{
    void *window;
    size_t len;
    int error = device_window_map(&window, &len);

    if (error) {
        return error;
    }
    if (len < UART_REGISTERS) {
        return -ANOLE_ENODEV;
    }
    registers = window;
    write_register(UART_IER, 0);
    write_register(UART_LCR, LCR_8N1);
    write_register(UART_FCR, FCR_ENABLE | FCR_TRIGGER_8);
    write_register(UART_MCR, MCR_DTR_RTS_OUT2);
    enable(IER_RECEIVED | IER_LINE_STATUS);
    return 0;
}

void uart_close(void)
{
    enable(0);
}

static uint8_t line_status(void)
{
    uint8_t status = read_register(UART_LSR);

    if (status & LSR_OVERRUN) {
        counts.lost++; /* reading has cleared it */
    }
    return status;
}

void uart_interrupt(void)
{
    counts.interrupts++;
    /* Reading IIR takes "transmit empty" off, LSR the errors, MSR a modem change; a received byte
     * keeps its cause until it is fetched with uart_get. */
    for (unsigned i = 0; i < CAUSES_MAX && !(read_register(UART_IIR) & IIR_NONE); i++) {
        (void)read_register(UART_MSR);
        if (line_status() & LSR_DATA) {
            break;
        }
    }
}

bool uart_get(uint8_t *byte)
{
    if (!(line_status() & LSR_DATA)) {
        return false;
    }
    *byte = read_register(UART_RBR);
    counts.received++;
    return true;
}

size_t uart_room(void)
{
    return line_status() & LSR_THR_EMPTY ? FIFO_BYTES : 0;
}

void uart_put(uint8_t byte)
{
    write_register(UART_THR, byte);
    counts.sent++;
}

void uart_want_room(bool on)
{
    enable(on ? interrupts_enabled | IER_TRANSMIT_EMPTY
              : interrupts_enabled & (uint8_t)~IER_TRANSMIT_EMPTY);
}

bool uart_idle(void)
{
    return line_status() & LSR_IDLE;
}

const struct uart_counts *uart_counts(void)
{
    return &counts;
}
