/*
 * Patterns become names of files.
 */
#ifndef SHELL_EXPAND_H
#define SHELL_EXPAND_H

#include "parse.h"

#include "../common/names.h"

/* The command's words, its patterns replaced by the names that they match, in the order of their bytes;
 * a pattern that matches none stays as it was written. false: no memory. Freed by names_free. */
bool expand_words(const struct command *command, struct names *words);

#endif
