/*
 * Runs command lines. `a && b || c` is one chain and has the status of the command that ran last in
 * it; a chain that fails is a failure of the line.
 */
#include "execute.h"

#include "builtins.h"
#include "parse.h"

#include <libanole/anole.h>
#include <stdio.h>

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
        printf("\n");
    } else if (is_fault(end->cause)) {
        printf("%s: %s at 0x%lx", name, death_cause_text(end->cause), (unsigned long)end->detail);
        if (end->pc != 0)
            printf(" (pc 0x%lx)", (unsigned long)end->pc);
        printf("\n");
    } else {
        printf("%s: died: %s (%ld)\n", name, death_cause_text(end->cause), (long)end->detail);
    }
    return STATUS_DEATH + (int)(end->cause & 0x7f);
}

static int run_program(const struct command *command)
{
    const char *name = command->argv[0];
    struct program_end end;
    endpoint_t program;

    fflush(stdout);
    int status = program_spawn(command->argv, true, &program);
    if (status == -ANOLE_ENOENT) {
        printf("shell: no such program: %s\n", name);
        return STATUS_NOT_FOUND;
    }
    if (status != 0) {
        printf("shell: %s can't be started: %s\n", name, anole_error_text(status));
        return STATUS_CANNOT_RUN;
    }
    status = program_end(program, &end);
    if (status != 0) {
        printf("shell: %s can't be waited for: %s\n", name, anole_error_text(status));
        return STATUS_CANNOT_RUN;
    }
    return report_end(name, &end);
}

static void run_command(struct shell *shell, const struct command *command)
{
    const struct builtin *builtin = builtin_find(command->argv[0]);

    shell->last_status = builtin != NULL && builtin->run != NULL
                             ? builtin->run(command->argc, command->argv)
                             : run_program(command);
}

static void refuse_line(struct shell *shell, const char *error, const char *line)
{
    printf("shell: %s: %s\n", error, line);
    shell->last_status = STATUS_USAGE;
    if (shell->first_failure == 0)
        shell->first_failure = STATUS_USAGE;
}

void shell_run(struct shell *shell, const char *line)
{
    static struct command command;
    enum connector connector = CONNECTOR_SEQUENCE;
    const char *error;
    int found;

    if (!command_check(line, &error)) {
        refuse_line(shell, error, line);
        return;
    }
    while ((found = command_parse(&line, shell->last_status, &command, &error)) > 0) {
        if (connector == CONNECTOR_SEQUENCE ||
            (connector == CONNECTOR_AND) == (shell->last_status == 0))
            run_command(shell, &command);
        connector = command.connector;
        if (connector == CONNECTOR_SEQUENCE && shell->first_failure == 0)
            shell->first_failure = shell->last_status;
    }
    /* The line was checked, but `$?` may have made a word too long for the command. */
    if (found < 0)
        refuse_line(shell, error, line);
    fflush(stdout);
}
