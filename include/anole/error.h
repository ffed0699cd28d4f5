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
    X(EAGAIN, 11, "not now, try again")                                                            \
    X(ENOMEM, 12, "quota or memory exhausted")                                                     \
    X(EFAULT, 14, "bad address")                                                                   \
    X(EBUSY, 16, "busy")                                                                           \
    X(EEXIST, 17, "exists already")                                                                \
    X(ENODEV, 19, "no such device")                                                                \
    X(EINVAL, 22, "invalid argument")                                                              \
    X(ENOSPC, 28, "no space left")                                                                 \
    X(EROFS, 30, "read-only")                                                                      \
    X(ERANGE, 34, "out of range")                                                                  \
    X(ENOSYS, 38, "no such call or message type")                                                  \
    X(ETIMEDOUT, 110, "deadline passed")                                                           \
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
