/*
 * The one error vocabulary of Anole. Every call returns 0 (or a count) or one of these, negated.
 * Messages carry them in their type field (replies) as int32_t.
 */
#ifndef ANOLE_ERROR_H
#define ANOLE_ERROR_H

/* X(name, number, text): the numbers are part of the ABI and never change. */
#define ANOLE_ERRORS(X)                                                                            \
    X(EPERM, 1, "not permitted")                                                                   \
    X(ENOENT, 2, "no such object")                                                                 \
    X(EIO, 5, "input/output error")                                                                \
    X(EBADF, 9, "no such open file, or not open for that")                                         \
    X(EAGAIN, 11, "not now, try again")                                                            \
    X(ENOMEM, 12, "quota or memory exhausted")                                                     \
    X(EFAULT, 14, "bad address")                                                                   \
    X(EBUSY, 16, "busy")                                                                           \
    X(EEXIST, 17, "exists already")                                                                \
    X(EXDEV, 18, "on another file system")                                                         \
    X(ENODEV, 19, "no such device")                                                                \
    X(ENOTDIR, 20, "not a directory")                                                              \
    X(EISDIR, 21, "is a directory")                                                                \
    X(EINVAL, 22, "invalid argument")                                                              \
    X(EMFILE, 24, "too many open files")                                                           \
    X(EFBIG, 27, "the file is too large")                                                          \
    X(ENOSPC, 28, "no space left")                                                                 \
    X(EROFS, 30, "read-only")                                                                      \
    X(EMLINK, 31, "too many links")                                                                \
    X(EPIPE, 32, "closed for writing")                                                             \
    X(ERANGE, 34, "out of range")                                                                  \
    X(ENAMETOOLONG, 36, "the name is too long")                                                    \
    X(ENOSYS, 38, "no such call or message type")                                                  \
    X(ENOTEMPTY, 39, "the directory is not empty")                                                 \
    X(ELOOP, 40, "too many symbolic links")                                                        \
    X(EDESTADDRREQ, 89, "a destination is needed")                                                 \
    X(EMSGSIZE, 90, "the message is too long")                                                     \
    X(EAFNOSUPPORT, 97, "no such address family")                                                  \
    X(EADDRINUSE, 98, "the address is in use")                                                     \
    X(EADDRNOTAVAIL, 99, "not an address of this machine")                                         \
    X(ENETUNREACH, 101, "the network can't be reached")                                            \
    X(ECONNABORTED, 103, "the connection was given up")                                            \
    X(ECONNRESET, 104, "the peer reset the connection")                                            \
    X(EISCONN, 106, "connected already")                                                           \
    X(ENOTCONN, 107, "not connected")                                                              \
    X(ETIMEDOUT, 110, "deadline passed")                                                           \
    X(ECONNREFUSED, 111, "the connection was refused")                                             \
    X(EHOSTUNREACH, 113, "the host can't be reached")                                              \
    X(EINPROGRESS, 115, "under way")                                                               \
    X(ESTALE, 116, "the file is gone")                                                             \
    X(ECANCELED, 125, "canceled")                                                                  \
    X(EDEADENDPOINT, 200, "the endpoint is dead")                                                  \
    X(EDEADLOCK, 201, "a cycle of calls")                                                          \
    X(ENOTWAITING, 202, "nobody waits for this answer")                                            \
    X(EBADHANDLE, 203, "stale or foreign handle")                                                  \
    X(EPROTO, 204, "the peer broke the protocol")                                                  \
    X(EGIVENUP, 205, "recovery was given up")

/*
 * Programs also include picolibc's <errno.h>, which has its own names for the classic ones; the
 * kernel's are therefore spelt with a prefix: ANOLE_EINVAL and so on.
 */
enum anole_error {
#define ANOLE_ERROR_ENUM(name, number, text) ANOLE_##name = (number),
    ANOLE_ERRORS(ANOLE_ERROR_ENUM)
#undef ANOLE_ERROR_ENUM
};

/* The text for an error number of either sign; never NULL. In lib/libanole/error.c. */
const char *anole_error_text(int error);
/* The name ("EINVAL") for an error number of either sign; never NULL. In lib/libanole/error.c. */
const char *anole_error_name(int error);

#endif
