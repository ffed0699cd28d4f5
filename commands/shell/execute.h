/*
 * Runs command lines: builtins here, everything else as a program through pm.
 */
#ifndef SHELL_EXECUTE_H
#define SHELL_EXECUTE_H

/* Statuses that the shell itself gives; a program's own is 0..255. */
#define STATUS_USAGE 2
#define STATUS_CANNOT_RUN 126
#define STATUS_NOT_FOUND 127
#define STATUS_DEATH 128 /* plus enum death_cause */

struct shell {
    int last_status;   /* $? */
    int first_failure; /* of the commands run so far: the first status that wasn't 0 */
};

/* Runs all commands of the line; nothing of it if it can't be parsed. */
void shell_run(struct shell *shell, const char *line);

#endif
