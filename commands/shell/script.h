/*
 * Scripts: files of commands.
 */
#ifndef SHELL_SCRIPT_H
#define SHELL_SCRIPT_H

#include "execute.h"

#define SCRIPT_DEPTH_MAX 16u

/* Runs the file's lines, each as if typed. The status of the last command, which a wrong line or a line
 * that was interrupted ends it with; -1: there is no such file. */
int script_run(struct shell *shell, const char *path);

/* Builtins. */
int run_source(struct shell *shell, unsigned argc, const char *const argv[]);
int run_sh(struct shell *shell, unsigned argc, const char *const argv[]);
int run_exit(struct shell *shell, unsigned argc, const char *const argv[]);

#endif
