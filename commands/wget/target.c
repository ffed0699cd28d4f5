/*
 * Where content goes.
 */
#include "wget.h"

#include "../common/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool target_open(struct target *target)
{
    if (!target->name || target->fd >= 0)
        return true;
    if (strcmp(target->name, "-") == 0)
        target->fd = STDOUT_FILENO;
    else
        target->fd = open(target->name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    return target->fd >= 0;
}

bool target_add(struct target *target, struct http_text content)
{
    sha256_add(&target->sha, content.start, content.len);
    target->bytes += content.len;
    return target->fd < 0 || write_all(target->fd, content.start, content.len);
}

bool target_close(struct target *target)
{
    return target->fd <= STDERR_FILENO || close(target->fd) == 0;
}
