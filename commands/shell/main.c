/*
 * The shell: a service that RS starts and restarts, and the operator of the system. With commands in
 * the boot arguments it runs them between two marks that the launcher looks for and powers the
 * machine off with their status; without, it reads lines from the console. Before either, the start
 * script runs, if the boot image has one.
 *
 * It owns nothing that outlives it. When it dies, pm ends the programs that it started and RS brings
 * a new shell up; commands from the boot arguments are not run a second time then.
 */
#include "boot_arguments.h"
#include "builtins.h"
#include "editor.h"
#include "execute.h"
#include "script.h"
#include "terminal.h"

#include "../common/files.h"

#include <errno.h>
#include <libanole/anole.h>
#include <libanole/service.h>
#include <librs/rs_client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOOT_ARGUMENTS_MAX 65536u
#define START_SCRIPT "/boot/etc/rc"
#define STATUS_RESTARTED 125 /* the shell died while it ran the boot arguments' commands */

/* The boot arguments, terminated; from malloc. Panics if they can't be had: nothing could be run. */
static char *read_boot_arguments(void)
{
    size_t len = 0;
    char probe[1];
    int status = kcall_boot_arguments(probe, sizeof(probe), &len);

    if (status != 0 || len > BOOT_ARGUMENTS_MAX)
        panic("boot arguments: %s, %zu bytes", anole_error_text(status), len);
    char *arguments = calloc(1, len + 1);
    if (arguments == NULL)
        panic("no memory for %zu bytes of boot arguments", len);
    status = kcall_boot_arguments(arguments, len, &len);
    if (status != 0)
        panic("boot arguments: %s", anole_error_text(status));
    return arguments;
}

/* Its failures are said, and are not those of the commands in the boot arguments; the directory that
 * it ends in isn't theirs. */
static void run_start_script(void)
{
    struct shell shell = {0};
    int status = script_run(&shell, START_SCRIPT);

    if (status < 0 && errno != ENOENT)
        complain("shell", START_SCRIPT);
    if (status > 0)
        fprintf(stderr, "shell: %s ended with status %d\n", START_SCRIPT, status);
    if (status >= 0 && chdir("/") != 0)
        complain("shell", "/");
}

static _Noreturn void run_boot_commands(const char *commands)
{
    struct shell shell = {0};

    if (startup_page()->instance == 0) {
        printf("==anole-begin==\n");
        run_start_script();
        shell_run(&shell, commands);
    } else {
        shell.first_failure = STATUS_RESTARTED;
        printf("shell: died while it ran: %s\n", commands);
    }
    printf("==anole-end %d==\n", shell.first_failure);
    fflush(stdout);
    terminal_drain();

    int status = rs_shutdown(POWER_OFF, (unsigned)shell.first_failure);
    if (status != 0 && status != -ANOLE_EBUSY) /* busy: one of the commands was poweroff */
        panic("power-off refused: %s", anole_error_text(status));

    /* RS ends the shell like all others. */
    for (;;)
        sleep_until(DEADLINE_NEVER);
}

static void emit(void *context, const char *bytes, size_t len)
{
    (void)context;
    fwrite(bytes, 1, len, stdout);
}

static void print_banner(void)
{
    struct system_info info = {0};

    if (startup_page()->instance > 0) {
        printf("\nThe shell died and was started again.\n");
        return;
    }
    if (kcall_system_info(&info) == 0)
        printf("\nAnole: %u hart%s, %lu MiB of memory free. `help` lists the commands.\n",
               info.harts, info.harts == 1 ? "" : "s",
               (unsigned long)(info.frames_free * PAGE_SIZE >> 20));
}

static _Noreturn void run_interactive(void)
{
    static const struct editor_callbacks callbacks = {.emit = emit, .command_name = builtin_name};
    static struct editor editor;
    struct shell shell = {0};
    char bytes[TTY_INLINE_MAX];

    print_banner();
    editor_init(&editor, &callbacks, "anole> ");
    editor_start(&editor);
    for (;;) {
        fflush(stdout);
        size_t count = terminal_read(bytes);

        if (count == 0)
            editor_redraw(&editor);
        for (size_t i = 0; i < count; i++) {
            enum editor_result result = editor_input(&editor, bytes[i]);

            if (result == EDITOR_MORE)
                continue;
            if (result == EDITOR_LINE) {
                editor_remember(&editor, editor.line);
                shell_run(&shell, editor.line);
            }
            editor_start(&editor);
        }
    }
}

int main(void)
{
    service_ready();

    char *arguments = read_boot_arguments();
    const char *commands = boot_commands(arguments);

    if (commands != NULL)
        run_boot_commands(commands);
    free(arguments);
    if (startup_page()->instance == 0)
        run_start_script();
    run_interactive();
}
