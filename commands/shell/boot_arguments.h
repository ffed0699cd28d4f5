/*
 * What the launcher passes to the shell: `key=value` words, then ` -- ` and commands.
 */
#ifndef SHELL_BOOT_ARGUMENTS_H
#define SHELL_BOOT_ARGUMENTS_H

/* The commands in the boot arguments; NULL: there are none, the console is interactive. */
const char *boot_commands(const char *arguments);

#endif
