/*
 * shell_host LINE...: the shell's language and execution on this machine: its programs are this
 * machine's. Runs each line as if typed; the exit status is that of the first one that failed.
 */
#include "../../commands/shell/execute.h"

int main(int argc, char *argv[])
{
    struct shell shell = {0};

    for (int i = 1; i < argc; i++)
        shell_run(&shell, argv[i]);
    return shell.first_failure;
}
