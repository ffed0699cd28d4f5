/*
 * libanole's programs (program.c) as processes of this machine, for what is compiled for it.
 */
#include <errno.h>
#include <libanole/anole.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

int program_spawn(const char *const argv[], bool foreground, endpoint_t *endpoint)
{
    pid_t child;
    int error = posix_spawnp(&child, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ);

    (void)foreground;
    *endpoint = error == 0 ? (endpoint_t)child : ENDPOINT_NONE;
    return error == 0 ? 0 : error == ENOENT ? -ANOLE_ENOENT : -ANOLE_EINVAL;
}

int program_end(endpoint_t endpoint, struct program_end *end)
{
    int status;

    if (waitpid((pid_t)endpoint, &status, 0) < 0)
        return -ANOLE_ENOENT;
    *end = (struct program_end){.cause = DEATH_EXIT, .detail = (uint64_t)WEXITSTATUS(status)};
    if (WIFSIGNALED(status))
        end->cause = WTERMSIG(status) == SIGINT ? DEATH_INTERRUPT : DEATH_KILLED;
    return 0;
}

int program_wait(endpoint_t endpoint, enum death_cause *cause, uint64_t *detail)
{
    struct program_end end;
    int error = program_end(endpoint, &end);

    if (error == 0) {
        *cause = end.cause;
        *detail = end.detail;
    }
    return error;
}
