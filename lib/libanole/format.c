/*
 * Which of picolibc's formatters printf and its kin use. Its default one formats floating point and
 * brings all of soft float with it; programs and services here are built without floating point, so
 * they get the integer one. Apart from stdio.c, so that who only formats has no streams.
 */
#include <stdarg.h>
#include <stdio.h>

int __i_vfprintf(FILE *stream, const char *format, va_list arguments);

int vfprintf(FILE *stream, const char *format, va_list arguments)
{
    return __i_vfprintf(stream, format, arguments);
}
