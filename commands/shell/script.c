/*
 * Scripts: see script.h. A script is read line by line while it runs, so that it may be longer than
 * memory, and so that what is above a wrong line has run when it is found.
 */
#include "script.h"

#include "../common/arguments.h"
#include "../common/files.h"
#include "../common/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *script_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    FILE *script = fd >= 0 ? fdopen(fd, "r") : NULL;

    if (script == NULL && fd >= 0)
        close(fd);
    return script;
}

int script_run(struct shell *shell, const char *path)
{
    FILE *script = script_open(path);
    struct line line = {0};

    if (script == NULL)
        return -1;
    shell->last_status = 0;
    shell->depth++;
    while (!shell->ending && line_read(&line, script))
        shell_run(shell, line.text);
    if (!shell->ending && !feof(script)) {
        complain("shell", path);
        shell->last_status = EXIT_FAILURE;
    }
    shell->depth--;
    /* What ended this script by `exit` ends no other; Ctrl-C ends them all. */
    if (!shell->interrupted)
        shell->ending = false;
    line_free(&line);
    fclose(script);
    return shell->last_status;
}

int run_source(struct shell *shell, unsigned argc, const char *const argv[])
{
    if (argc != 2)
        return print_usage("source FILE");
    if (shell->depth == SCRIPT_DEPTH_MAX) {
        fprintf(stderr, "shell: %s: scripts that run scripts, %u deep\n", argv[1],
                SCRIPT_DEPTH_MAX);
        return EXIT_FAILURE;
    }
    int status = script_run(shell, argv[1]);
    if (status < 0) {
        complain("shell", argv[1]);
        return STATUS_NOT_FOUND;
    }
    return status;
}

/* As source, but the working directory stays what it is. */
int run_sh(struct shell *shell, unsigned argc, const char *const argv[])
{
    char *directory = malloc(PATH_MAX);
    bool known = directory != NULL && getcwd(directory, PATH_MAX) != NULL;
    int status = run_source(shell, argc, argv);

    if (known && chdir(directory) != 0)
        complain("shell", directory);
    free(directory);
    return status;
}

int run_exit(struct shell *shell, unsigned argc, const char *const argv[])
{
    uint64_t status = (uint64_t)shell->last_status;

    if (argc > 2 || (argc == 2 && !parse_number(argv[1], 255, &status)))
        return print_usage("exit [STATUS]");
    shell->ending = true;
    return (int)status;
}
