/*
 * Which of picolibc's formatters printf and its kin use. Its default one formats floating point and
 * brings all of soft float with it; programs and services here are built without floating point, so
 * they get the integer one. What one call prints stays together, whichever threads print.
 *
 * Apart from stdio.c, so that who only formats into memory has no streams.
 */
#include <stdarg.h>
#include <stdio-bufio.h>
#include <stdio.h>

int __i_vfprintf(FILE *stream, const char *format, va_list arguments);

int vfprintf(FILE *stream, const char *format, va_list arguments)
{
    int printed;

    if (!(stream->flags & __SBUF)) {
        return __i_vfprintf(stream, format, arguments);
    }
    __bufio_lock(stream); /* its put() takes it again */
    printed = __i_vfprintf(stream, format, arguments);
    __bufio_unlock(stream);
    return printed;
}
