/*
 * From the system's errors to picolibc's, whose numbers are others.
 */
#include <errno.h>
#include <libanole/anole.h>
#include <libanole/internal.h>

int errno_of(int status)
{
    static const struct {
        int error, number;
    } numbers[] = {
        {ANOLE_EPERM, EPERM},
        {ANOLE_ENOENT, ENOENT},
        {ANOLE_EIO, EIO},
        {ANOLE_EBADF, EBADF},
        {ANOLE_EAGAIN, EAGAIN},
        {ANOLE_ENOMEM, ENOMEM},
        {ANOLE_EFAULT, EFAULT},
        {ANOLE_EBUSY, EBUSY},
        {ANOLE_EEXIST, EEXIST},
        {ANOLE_EXDEV, EXDEV},
        {ANOLE_ENODEV, ENODEV},
        {ANOLE_ENOTDIR, ENOTDIR},
        {ANOLE_EISDIR, EISDIR},
        {ANOLE_EINVAL, EINVAL},
        {ANOLE_EMFILE, EMFILE},
        {ANOLE_EFBIG, EFBIG},
        {ANOLE_ENOSPC, ENOSPC},
        {ANOLE_EROFS, EROFS},
        {ANOLE_EMLINK, EMLINK},
        {ANOLE_EPIPE, EPIPE},
        {ANOLE_ERANGE, ERANGE},
        {ANOLE_ENAMETOOLONG, ENAMETOOLONG},
        {ANOLE_ENOSYS, ENOSYS},
        {ANOLE_ENOTEMPTY, ENOTEMPTY},
        {ANOLE_ELOOP, ELOOP},
        {ANOLE_EDESTADDRREQ, EDESTADDRREQ},
        {ANOLE_EMSGSIZE, EMSGSIZE},
        {ANOLE_EAFNOSUPPORT, EAFNOSUPPORT},
        {ANOLE_EADDRINUSE, EADDRINUSE},
        {ANOLE_EADDRNOTAVAIL, EADDRNOTAVAIL},
        {ANOLE_ENETUNREACH, ENETUNREACH},
        {ANOLE_ECONNABORTED, ECONNABORTED},
        {ANOLE_ECONNRESET, ECONNRESET},
        {ANOLE_EISCONN, EISCONN},
        {ANOLE_ENOTCONN, ENOTCONN},
        {ANOLE_ETIMEDOUT, ETIMEDOUT},
        {ANOLE_ECONNREFUSED, ECONNREFUSED},
        {ANOLE_EHOSTUNREACH, EHOSTUNREACH},
        {ANOLE_EINPROGRESS, EINPROGRESS},
        {ANOLE_ESTALE, ESTALE},
        {ANOLE_ECANCELED, ECANCELED},
        {ANOLE_EPROTO, EPROTO},
    };

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i].error == -status)
            return numbers[i].number;
    return EIO;
}

int errno_result(int status)
{
    if (status >= 0)
        return status;
    errno = errno_of(status);
    return -1;
}
