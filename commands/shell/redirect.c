/*
 * Redirections: see redirect.h.
 */
#include "redirect.h"

#include "../common/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define NOT_SAVED -1
#define WAS_CLOSED -2
#define MODE 0666

static bool save(struct redirected *redirected, int fd)
{
    if (redirected->saved[fd] != NOT_SAVED)
        return true;
    int saved = fcntl(fd, F_DUPFD_CLOEXEC, REDIRECT_FDS);
    if (saved < 0 && errno != EBADF)
        return false;
    redirected->saved[fd] = saved >= 0 ? saved : WAS_CLOSED;
    return true;
}

static int open_target(const struct redirection *redirection)
{
    switch (redirection->kind) {
    case REDIRECT_FROM:
        return open(redirection->path, O_RDONLY);
    case REDIRECT_TO:
        return open(redirection->path, O_WRONLY | O_CREAT | O_TRUNC, MODE);
    case REDIRECT_APPEND:
        return open(redirection->path, O_WRONLY | O_CREAT | O_APPEND, MODE);
    default:
        return dup(redirection->other);
    }
}

static bool redirect_one(struct redirected *redirected, const struct redirection *redirection)
{
    char digit[] = {(char)('0' + redirection->other), '\0'};
    int fd = open_target(redirection);

    if (fd < 0)
        return complain("shell", redirection->kind == REDIRECT_LIKE ? digit : redirection->path);
    /* A low number that was free: it is the place itself. */
    if (fd == redirection->fd) {
        if (redirected->saved[fd] == NOT_SAVED)
            redirected->saved[fd] = WAS_CLOSED;
        return true;
    }
    bool well = save(redirected, redirection->fd) && dup2(fd, redirection->fd) >= 0;
    if (!well)
        complain("shell", "redirection");
    close(fd);
    return well;
}

bool redirect(const struct command *command, struct redirected *redirected)
{
    for (int fd = 0; fd < REDIRECT_FDS; fd++)
        redirected->saved[fd] = NOT_SAVED;
    if (command->redirection_count == 0)
        return true;
    fflush(stdout);
    for (unsigned i = 0; i < command->redirection_count; i++) {
        if (!redirect_one(redirected, &command->redirections[i])) {
            redirect_undo(redirected);
            return false;
        }
    }
    return true;
}

void redirect_undo(struct redirected *redirected)
{
    bool flushed = false;

    for (int fd = 0; fd < REDIRECT_FDS; fd++) {
        int saved = redirected->saved[fd];

        if (saved == NOT_SAVED)
            continue;
        if (!flushed)
            fflush(stdout);
        flushed = true;
        if (saved == WAS_CLOSED) {
            close(fd);
            continue;
        }
        if (dup2(saved, fd) < 0)
            complain("shell", "a standard stream is lost");
        close(saved);
    }
}
