/*
 * Text to the kernel's log, under the process's own name. Needs nothing but the kernel, so it works
 * in services that start before there is a console, and in a process that is about to die.
 */
#include <libanole/anole.h>
#include <stdio.h>

#define LOG_LINE_MAX 256
#define PANIC_STATUS 1

static void log_format(enum log_level level, const char *format, va_list arguments)
{
    char line[LOG_LINE_MAX];
    int prefix = snprintf(line, sizeof(line), "%s: ", startup_page()->name);
    size_t len;
    int text;

    if (prefix < 0 || (size_t)prefix >= sizeof(line)) {
        prefix = 0;
    }
    text = vsnprintf(line + prefix, sizeof(line) - (size_t)prefix, format, arguments);
    len = (size_t)prefix + (text > 0 ? (size_t)text : 0);
    if (len >= sizeof(line)) {
        len = sizeof(line) - 1;
    }
    /* Nobody could be told that the log can't be written. */
    (void)kcall_log_write(level, line, len);
}

void log_printf(enum log_level level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_format(level, format, arguments);
    va_end(arguments);
}

_Noreturn void panic(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_format(LOG_ERROR, format, arguments);
    va_end(arguments);
    kcall_exit(DEATH_PANIC, PANIC_STATUS);
}
