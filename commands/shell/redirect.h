/*
 * The shell's own descriptors while a command runs: what it starts inherits them.
 */
#ifndef SHELL_REDIRECT_H
#define SHELL_REDIRECT_H

#include "parse.h"

#define REDIRECT_FDS 10 /* those that a digit names */

struct redirected {
    int saved[REDIRECT_FDS]; /* what each was before, NOT_SAVED or WAS_CLOSED */
};

/* Opens what the command says, in its order. false: something can't be opened, which was said, and all
 * is as before. */
bool redirect(const struct command *command, struct redirected *redirected);
/* Makes it as before. */
void redirect_undo(struct redirected *redirected);

#endif
