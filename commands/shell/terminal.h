/*
 * The shell's end of the console. A console that dies is waited for.
 */
#ifndef SHELL_TERMINAL_H
#define SHELL_TERMINAL_H

#include <proto/tty.h>
#include <stddef.h>

/*
 * Waits for input and takes up to TTY_INLINE_MAX bytes of it. Returns how many; 0: the console died
 * and came back, so that what stood on the line should be shown again.
 */
size_t terminal_read(char bytes[TTY_INLINE_MAX]);
/* Waits until all that was written has left the machine, or a few seconds have passed. */
void terminal_drain(void);

#endif
