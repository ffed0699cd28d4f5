/*
 * The console driver: a 16550 UART, its window and its interrupt line out of the resource table.
 *
 * It publishes the name "console" and answers proto/tty.h: programs write and read through their C
 * library, which waits for the next instance when this one dies. Kernel and services see it as the
 * printer of the kernel's log. When it dies, what was queued and not yet sent is lost; everything
 * else is made again by those who wait, and the kernel prints its log itself meanwhile.
 */
#include "input.h"
#include "output.h"
#include "uart.h"
#include <libanole/anole.h>
#include <libanole/service.h>
#include <proto/tty.h>

#define NAME "console"
#define BIT_INTERRUPT 0u
#define BURST_BYTES 256u /* taken in at one interrupt; the line stays up for the rest */
#define DRAIN_POLL_US 1000u
#define STOP_DRAIN_US 200000u

static int stats(struct ipc_delivery *request)
{
    const struct uart_counts *counts = uart_counts();

    request->message.word[0] = counts->sent;
    request->message.word[1] = counts->received;
    request->message.word[2] = counts->lost + input_lost();
    request->message.word[3] = counts->interrupts;
    return 0;
}

static void receive(void)
{
    uint8_t byte;

    for (unsigned i = 0; i < BURST_BYTES && uart_get(&byte); i++) {
        input_byte(byte);
    }
    input_deliver();
}

static void notified(uint64_t bits)
{
    if (bits & NOTIFY_BIT(BIT_INTERRUPT)) {
        uart_interrupt();
        receive();
    }
    if (bits & NOTIFY_BIT(NOTIFY_LOG)) {
        output_log_grown();
    }
}

static uint64_t deadline(void)
{
    return output_draining() ? deadline_in_us(DRAIN_POLL_US) : input_deadline();
}

/* Sends what is queued, for a bounded time. */
static void stop(void)
{
    uint64_t end = deadline_in_us(STOP_DRAIN_US);

    do {
        output_pump();
    } while (!output_sent() && ticks_now() < end);
    uart_close();
}

/* From here on the kernel prints no more: the driver shows what the log gets after now. */
static void console_take(void)
{
    struct message message = {0};
    int error = kcall(KCALL_CONSOLE_TAKE, &message);

    if (error) {
        panic("the kernel doesn't hand the console over: %s", anole_error_text(error));
    }
    output_log_from(message.word[0]);
}

static void device_open(void)
{
    int error = uart_open();

    if (error) {
        panic("the register window can't be used: %s", anole_error_text(error));
    }
    error = device_irq_bind(BIT_INTERRUPT);
    if (error) {
        panic("the interrupt can't be bound: %s", anole_error_text(error));
    }
}

int main(void)
{
    SERVICE_TABLE static const struct service_entry entries[] = {
        {TTY_PUT, output_put},     {TTY_WRITE, output_write}, {TTY_READ, input_read},
        {TTY_DRAIN, output_drain}, {TTY_STATS, stats},
    };
    SERVICE_TABLE static const struct service service = {
        .name = NAME,
        .entries = entries,
        .entry_count = sizeof(entries) / sizeof(entries[0]),
        .notified = notified,
        .before_wait = output_pump,
        .stop = stop,
        .deadline = deadline,
        .timeout = input_retry,
    };
    int error;

    device_open();
    console_take();
    receive(); /* what was typed before there was a driver */
    error = service_publish(NAME);
    if (error) {
        panic("the name %s can't be published: %s", NAME, anole_error_text(error));
    }
    service_ready();
    service_run(&service);
}
