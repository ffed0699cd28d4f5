/*
 * Runs command lines: builtins here, everything else as a program through pm.
 */
#ifndef SHELL_EXECUTE_H
#define SHELL_EXECUTE_H

#include <stdbool.h>

/* Statuses that the shell itself gives; a program's own is 0..255. */
#define STATUS_USAGE 2
#define STATUS_CANNOT_RUN 126
#define STATUS_NOT_FOUND 127
#define STATUS_DEATH 128 /* plus enum death_cause */

struct shell {
    int last_status;   /* $? */
    int first_failure; /* of the command lines run so far: the first status that wasn't 0 */
    unsigned depth;    /* scripts that are running scripts */
    bool ending;      /* `exit` or Ctrl-C: what is left of the line and the script is passed over */
    bool interrupted; /* it was Ctrl-C */
};

/* Runs all commands of the line; nothing of it if it can't be parsed. Inside a script, failures are the
 * script's: they count by its status. */
void shell_run(struct shell *shell, const char *line);

#endif
