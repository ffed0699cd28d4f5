/*
 * Runs command lines. `a && b || c` is one chain and has the status of the command that ran last in
 * it; a chain that fails is a failure of the line. Ctrl-C ends the running program, and all that
 * stands behind it.
 */
#include "execute.h"

#include "builtins.h"
#include "expand.h"
#include "parse.h"
#include "redirect.h"

#include "../common/files.h"

#include <libanole/anole.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_fault(uint32_t cause)
{
    return cause >= DEATH_LOAD_FAULT && cause <= DEATH_BREAKPOINT;
}

/* The status of a program that ended, and a line about it if it didn't end by itself. */
static int report_end(const char *name, const struct program_end *end)
{
    if (end->cause == DEATH_EXIT) {
        int status = (int)(end->detail & 0xff);
        /* What doesn't fit into a status must not become a success. */
        return status != 0 || end->detail == 0 ? status : 255;
    }
    if (end->cause == DEATH_INTERRUPT) {
        fprintf(stderr, "\n");
    } else if (is_fault(end->cause)) {
        fprintf(stderr, "%s: %s at 0x%lx", name, death_cause_text(end->cause),
                (unsigned long)end->detail);
        if (end->pc != 0)
            fprintf(stderr, " (pc 0x%lx)", (unsigned long)end->pc);
        fprintf(stderr, "\n");
    } else {
        fprintf(stderr, "%s: died: %s (%ld)\n", name, death_cause_text(end->cause),
                (long)end->detail);
    }
    return STATUS_DEATH + (int)(end->cause & 0x7f);
}

static int run_program(struct shell *shell, const char *const argv[])
{
    struct program_end end;
    endpoint_t program;

    fflush(stdout);
    int status = program_spawn(argv, true, &program);
    if (status == -ANOLE_ENOENT) {
        fprintf(stderr, "shell: no such program: %s\n", argv[0]);
        return STATUS_NOT_FOUND;
    }
    if (status != 0) {
        fprintf(stderr, "shell: %s can't be started: %s\n", argv[0], anole_error_text(status));
        return STATUS_CANNOT_RUN;
    }
    status = program_end(program, &end);
    if (status != 0) {
        fprintf(stderr, "shell: %s can't be waited for: %s\n", argv[0], anole_error_text(status));
        return STATUS_CANNOT_RUN;
    }
    shell->interrupted = end.cause == DEATH_INTERRUPT;
    shell->ending = shell->ending || shell->interrupted;
    return report_end(argv[0], &end);
}

/* What it printed has gone where it should. The stream goes on, so an error of it is not to be found
 * again. */
static int run_builtin(struct shell *shell, const struct builtin *builtin, unsigned count,
                       const char *const argv[])
{
    int status = finish_output(builtin->name, builtin->run(shell, count, argv));

    clearerr(stdout);
    return status;
}

/* argv: count words and a NULL. */
static int run_words(struct shell *shell, const char *const argv[], size_t count)
{
    const struct builtin *builtin = builtin_find(argv[0]);

    return builtin != NULL && builtin->run != NULL
               ? run_builtin(shell, builtin, (unsigned)count, argv)
               : run_program(shell, argv);
}

static void run_command(struct shell *shell, const struct command *command)
{
    struct redirected redirected;
    struct names words;

    if (!expand_words(command, &words) || !names_terminate(&words)) {
        fprintf(stderr, "shell: no memory for the command's words\n");
        shell->last_status = STATUS_CANNOT_RUN;
        return;
    }
    if (!redirect(command, &redirected)) {
        shell->last_status = EXIT_FAILURE;
    } else {
        shell->last_status = words.count > 0
                                 ? run_words(shell, (const char *const *)words.list, words.count)
                                 : 0;
        redirect_undo(&redirected);
    }
    names_free(&words);
}

/* The status of a chain that has ended, or of the line. */
static void note_failure(struct shell *shell)
{
    if (shell->depth == 0 && shell->first_failure == 0)
        shell->first_failure = shell->last_status;
}

static void refuse_line(struct shell *shell, const char *error, const char *line)
{
    fprintf(stderr, "shell: %s: %s\n", error, line);
    shell->last_status = STATUS_USAGE;
    shell->ending = shell->depth > 0;
}

static void run_line(struct shell *shell, struct command *command, const char *line)
{
    enum connector connector = CONNECTOR_SEQUENCE;
    const char *error;
    int found;

    if (!command_check(line, &error)) {
        refuse_line(shell, error, line);
        return;
    }
    while (!shell->ending &&
           (found = command_parse(&line, shell->last_status, command, &error)) != 0) {
        /* The line was checked, but `$?` may have made a word too long for the command. */
        if (found < 0) {
            refuse_line(shell, error, line);
            return;
        }
        if (connector == CONNECTOR_SEQUENCE ||
            (connector == CONNECTOR_AND) == (shell->last_status == 0))
            run_command(shell, command);
        connector = command->connector;
        if (connector == CONNECTOR_SEQUENCE)
            note_failure(shell);
    }
}

void shell_run(struct shell *shell, const char *line)
{
    struct command *command = malloc(sizeof(*command));

    if (shell->depth == 0)
        shell->ending = shell->interrupted = false;
    if (command != NULL)
        run_line(shell, command, line);
    else
        refuse_line(shell, "no memory for the line", line);
    note_failure(shell);
    free(command);
    fflush(stdout);
}
