/*
 * Requests to vfs about paths, made again under the same number when vfs dies. Paths that don't begin with '/' begin in the working directory, which is a path of ours.
 */
#include <errno.h>
#include <libanole/files.h>
#include <libanole/internal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VFS_WAIT_US 60000000u
#define VFS_BUSY_US 1000u

static char directory[FS_PATH_MAX] = "/";

const char *working_directory(void)
{
    return directory;
}

void working_directory_set(const char *path)
{
    size_t len = strlen(path);

    if (path[0] == '/' && len < sizeof(directory))
        memcpy(directory, path, len + 1);
}

/* ---- requests ---- */

static int vfs_find(endpoint_t *vfs, bool died)
{
    static _Atomic endpoint_t known = ENDPOINT_NONE;
    int error = 0;

    if (known == ENDPOINT_NONE || died) {
        error = name_wait("vfs", vfs, ANOLE_NOTIFY_BIT, deadline_in_us(VFS_WAIT_US));
        if (!error)
            known = *vfs;
    }
    *vfs = known;
    return error;
}

static size_t absolute_len(const char *path)
{
    return strlen(path) + (path[0] == '/' ? 0 : strlen(directory) + 1);
}

static char *absolute_put(char *to, const char *path)
{
    if (path[0] != '/') {
        size_t len = strlen(directory);
        memcpy(to, directory, len);
        to[len] = '/';
        to += len + 1;
    }
    memcpy(to, path, strlen(path));
    return to + strlen(path);
}

int path_text_make(struct path_text *text, const char *first, const char *second)
{
    text->first = absolute_len(first);
    text->len = text->first + (second ? absolute_len(second) : 0);
    if (first[0] == '\0' || (second && second[0] == '\0'))
        return -ANOLE_ENOENT;
    if (text->first >= FS_PATH_MAX || text->len - text->first >= FS_PATH_MAX)
        return -ANOLE_ENAMETOOLONG;
    text->bytes = malloc(text->len);
    if (!text->bytes)
        return -ANOLE_ENOMEM;
    char *end = absolute_put(text->bytes, first);
    if (second)
        (void)absolute_put(end, second);
    return 0;
}

/* One try at one instance. Both grants end with it. */
static int vfs_try(endpoint_t vfs, uint32_t type, const struct path_text *text, void *buffer,
                   size_t len, unsigned access, struct message *message)
{
    handle_t paths = HANDLE_NONE, grant = HANDLE_NONE;
    int error = text ? kcall_grant(vfs, text->bytes, text->len, GRANT_READ, &paths) : 0;

    if (!error && buffer)
        error = kcall_grant(vfs, buffer, len, access, &grant);
    if (!error) {
        if (text) {
            message->word[0] = paths;
            message->word[1] = (uint64_t)text->first << 32;
        }
        if (buffer)
            message->word[3] = grant;
        error = anole_call(vfs, type, message, DEADLINE_NEVER);
    }
    if (paths != HANDLE_NONE)
        (void)kcall_revoke(paths, -1);
    if (grant != HANDLE_NONE)
        (void)kcall_revoke(grant, -1);
    return error;
}

int vfs_call(uint32_t type, const struct path_text *text, void *buffer, size_t len, unsigned access,
             struct message *message)
{
    struct message request = *message;
    bool died = false;
    endpoint_t vfs;

    request.word[6] = operation_next();
    for (;;) {
        int error = vfs_find(&vfs, died);
        if (error)
            return -ANOLE_EIO;
        *message = request;
        error = vfs_try(vfs, type, text, buffer, len, access, message);
        died = error == -ANOLE_EDEADENDPOINT;
        if (error == -ANOLE_EAGAIN)
            sleep_us(VFS_BUSY_US);
        else if (!died)
            return error;
    }
}

int vfs_call_path(uint32_t type, const char *path, void *buffer, size_t len, unsigned access,
                  struct message *message)
{
    struct path_text text;
    int error = path_text_make(&text, path, NULL);

    if (error)
        return error;
    error = vfs_call(type, &text, buffer, len, access, message);
    free(text.bytes);
    return error;
}

/* ---- the working directory ---- */

char *realpath(const char *restrict path, char *restrict resolved)
{
    char *buffer = resolved ? resolved : malloc(FS_PATH_MAX);
    struct message message = {.word = {[5] = FS_PATH_MAX - 1}};
    int error = buffer ? vfs_call_path(VFS_REAL_PATH, path, buffer, FS_PATH_MAX - 1, GRANT_WRITE,
                                       &message)
                       : -ANOLE_ENOMEM;

    if (!error && message.word[0] >= FS_PATH_MAX)
        error = -ANOLE_ENAMETOOLONG;
    if (error) {
        if (!resolved)
            free(buffer);
        errno = errno_of(error);
        return NULL;
    }
    buffer[message.word[0]] = '\0';
    return buffer;
}

int chdir(const char *path)
{
    char *real = realpath(path, NULL);
    struct stat found;
    int result = -1;

    if (!real)
        return -1;
    if (stat(real, &found) == 0) {
        if (S_ISDIR(found.st_mode)) {
            working_directory_set(real);
            result = 0;
        } else {
            errno = ENOTDIR;
        }
    }
    free(real);
    return result;
}

char *getcwd(char *buffer, size_t size)
{
    size_t len = strlen(directory) + 1;

    if (!buffer)
        buffer = malloc(size > len ? size : len);
    else if (size < len)
        buffer = (errno = size == 0 ? EINVAL : ERANGE, NULL);
    return buffer ? memcpy(buffer, directory, len) : NULL;
}
