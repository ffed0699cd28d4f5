#include "kprintf.h"
#include "hart.h"
#include "machine.h"
#include "thread.h"
#include <string.h>

static char log_buffer[LOG_SIZE];
static uint64_t log_position;
static uint64_t console_position; /* what the console has been given of the log */
static bool log_quiet;
static endpoint_t console_owner = ENDPOINT_NONE;

/* ---- formatting ---- */

struct output {
    char *buffer;
    size_t size, len;
};

static void put(struct output *out, char c)
{
    if (out->len + 1 < out->size)
        out->buffer[out->len++] = c;
}

static void put_number(struct output *out, uint64_t value, unsigned base, unsigned width, char pad)
{
    char digits[20];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    for (; width > count; width--)
        put(out, pad);
    while (count)
        put(out, digits[--count]);
}

static void put_string(struct output *out, const char *text)
{
    for (; *text; text++)
        put(out, *text);
}

static void put_signed(struct output *out, int64_t value, unsigned width, char pad)
{
    if (value < 0) {
        put(out, '-');
        put_number(out, -(uint64_t)value, 10, width, pad);
    } else {
        put_number(out, (uint64_t)value, 10, width, pad);
    }
}

/* One conversion; returns what follows it. */
static const char *put_conversion(struct output *out, const char *format, va_list *arguments)
{
    char pad = *format == '0' ? '0' : ' ';
    unsigned width = 0;
    bool is_long = false;

    for (; *format >= '0' && *format <= '9'; format++)
        width = width * 10 + (unsigned)(*format - '0');
    for (; *format == 'l'; format++)
        is_long = true;
    switch (*format) {
    case 's':
        put_string(out, va_arg(*arguments, const char *));
        break;
    case 'c':
        put(out, (char)va_arg(*arguments, int));
        break;
    case 'd':
        put_signed(out, is_long ? va_arg(*arguments, long) : va_arg(*arguments, int), width, pad);
        break;
    case 'u':
    case 'x':
        put_number(out, is_long ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned),
                   *format == 'x' ? 16 : 10, width, pad);
        break;
    case 'p':
        put_string(out, "0x");
        put_number(out, (uint64_t)va_arg(*arguments, void *), 16, 0, ' ');
        break;
    default:
        put(out, *format);
        break;
    }
    return *format ? format + 1 : format;
}

static size_t kformat(char *buffer, size_t size, const char *format, va_list arguments)
{
    struct output out = {buffer, size, 0};
    va_list copy;

    va_copy(copy, arguments);
    while (*format) {
        if (*format == '%')
            format = put_conversion(&out, format + 1, &copy);
        else
            put(&out, *format++);
    }
    va_end(copy);
    buffer[out.len] = '\0';
    return out.len;
}

/* ---- the log ---- */

static void log_byte(char c)
{
    log_buffer[log_position++ % LOG_SIZE] = c;
}

static void log_line(enum log_level level, const char *text, size_t len)
{
    char stamp[32];
    struct output out = {stamp, sizeof(stamp), 0};
    uint64_t us = ticks_per_second ? (time_now() - machine.boot_ticks) * 1000000 / ticks_per_second
                                   : 0;

    put(&out, (char)('0' + (int)level));
    put(&out, ' ');
    put_number(&out, us / 1000000, 10, 4, ' ');
    put(&out, '.');
    put_number(&out, us % 1000000, 10, 6, '0');
    put(&out, ' ');
    for (size_t i = 0; i < out.len; i++)
        log_byte(stamp[i]);
    for (size_t i = 0; i < len; i++)
        log_byte(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    log_byte('\n');
}

static uint64_t oldest(void)
{
    return log_position > LOG_SIZE ? log_position - LOG_SIZE : 0;
}

/* Prints what the console hasn't got yet on the firmware's, without the levels. */
static void print_rest(void)
{
    bool shown = true, line_start = true;

    if (console_position < oldest())
        console_position = oldest();
    for (; console_position < log_position; console_position++) {
        char c = log_buffer[console_position % LOG_SIZE];
        if (line_start)
            shown = !log_quiet || c <= '0' + LOG_WARNING;
        else if (shown)
            machine_putchar(c);
        line_start = c == '\n';
    }
}

void log_append(enum log_level level, const char *text, size_t len)
{
    struct thread *owner;

    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t line = end ? (size_t)(end - text) : len;
        log_line(level, text, line);
        line = min_u64(line + 1, len);
        text += line;
        len -= line;
    }
    owner = console_owner == ENDPOINT_NONE ? NULL : thread_lookup_live(console_owner);
    if (console_owner == ENDPOINT_NONE)
        print_rest();
    if (owner)
        thread_ring(owner, NOTIFY_BIT(NOTIFY_LOG));
}

uint64_t log_end(void)
{
    return log_position;
}

const char *log_peek(uint64_t *position, size_t *len)
{
    uint64_t offset;

    if (*position < oldest())
        *position = oldest();
    if (*position > log_position)
        *position = log_position;
    offset = *position % LOG_SIZE;
    *len = min_u64(*len, min_u64(log_position - *position, LOG_SIZE - offset));
    return log_buffer + offset;
}

void log_set_quiet(bool quiet)
{
    log_quiet = quiet;
}

uint64_t log_hand_over(struct thread *thread)
{
    console_owner = thread->endpoint;
    log_quiet = true; /* from now on the console gets warnings only, whoever prints them */
    return console_position;
}

void log_taken(const struct thread *thread, uint64_t position)
{
    if (console_owner == thread->endpoint)
        console_position = position;
}

void log_take_back(const struct thread *thread)
{
    if (console_owner != thread->endpoint)
        return;
    console_owner = ENDPOINT_NONE;
    print_rest();
}

void kprintf(enum log_level level, const char *format, ...)
{
    char line[256];
    va_list arguments;

    va_start(arguments, format);
    log_append(level, line, kformat(line, sizeof(line), format, arguments));
    va_end(arguments);
}

void kernel_panic(const char *format, ...)
{
    char line[256];
    va_list arguments;

    console_owner = ENDPOINT_NONE;
    va_start(arguments, format);
    kformat(line, sizeof(line), format, arguments);
    va_end(arguments);
    kprintf(LOG_ERROR, "*** kernel panic: %s", line);
    machine_backtrace();
    machine_power(POWER_OFF, 70);
}
