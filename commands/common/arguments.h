/*
 * What the commands' command lines have in common.
 */
#ifndef COMMANDS_ARGUMENTS_H
#define COMMANDS_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#define EXIT_USAGE 2

/* Prints "usage: text" and returns EXIT_USAGE. */
int print_usage(const char *text);
/* A whole decimal or (0x) hexadecimal number up to max; false: it isn't one. */
bool parse_number(const char *text, uint64_t max, uint64_t *value);

#endif
