/*
 * The standard streams of picolibc over descriptors 0, 1 and 2: the console, unless the program was
 * started with something else. Output is line buffered; what goes to stderr comes behind what was
 * printed before. Input from the console is raw bytes, as it has them: echo and line editing are the
 * shell's.
 */
#include <errno.h>
#include <libanole/anole.h>
#include <libanole/lock.h>
#include <stdio-bufio.h>
#include <unistd.h>

#define OUTPUT_BUFFER 1024
#define ERROR_BUFFER 256
#define INPUT_BUFFER 64

/* What was said before comes first. */
static ssize_t error_write(int fd, const void *buffer, size_t len)
{
    (void)fflush(stdout);
    return write(fd, buffer, len);
}

static off_t stream_seek(int fd, off_t offset, int whence)
{
    return lseek(fd, offset, whence);
}

/* The descriptors stay: others may print yet. */
static int stream_close(int fd)
{
    (void)fd;
    return 0;
}

/* ---- errors of any stream ---- */

/* picolibc tells who happens to fill or flush the buffer, and nobody else: ferror() would know
 * nothing of a full disk. The linker puts these before its own (tools/rules.mk). */
int __real___bufio_put(char c, FILE *stream);
int __real___bufio_flush(FILE *stream);
int __wrap___bufio_put(char c, FILE *stream);
int __wrap___bufio_flush(FILE *stream);

int __wrap___bufio_put(char c, FILE *stream)
{
    int result = __real___bufio_put(c, stream);

    if (result < 0)
        stream->flags |= __SERR;
    return result;
}

int __wrap___bufio_flush(FILE *stream)
{
    int result = __real___bufio_flush(stream);

    if (result < 0)
        stream->flags |= __SERR;
    return result;
}

/* ---- the three ---- */

static char output_buffer[OUTPUT_BUFFER];
static char error_buffer[ERROR_BUFFER];
static char input_buffer[INPUT_BUFFER];
static struct __lock output_lock;
static struct __lock error_lock;
static struct __lock input_lock;

static struct __file_bufio output = FDEV_SETUP_BUFIO(STDOUT_FILENO, output_buffer, OUTPUT_BUFFER,
                                                     read, write, stream_seek, stream_close, __SWR,
                                                     __BLBF);
static struct __file_bufio error_output = FDEV_SETUP_BUFIO(
    STDERR_FILENO, error_buffer, ERROR_BUFFER, read, error_write, stream_seek, stream_close, __SWR,
    __BLBF);
static struct __file_bufio input = FDEV_SETUP_BUFIO(STDIN_FILENO, input_buffer, INPUT_BUFFER, read,
                                                    write, stream_seek, stream_close, __SRD, 0);

FILE *const stdin = &input.xfile.cfile.file;
FILE *const stdout = &output.xfile.cfile.file;
FILE *const stderr = &error_output.xfile.cfile.file;

__attribute__((constructor)) static void streams_open(void)
{
    output.lock = &output_lock;
    error_output.lock = &error_lock;
    input.lock = &input_lock;
}

__attribute__((destructor)) static void streams_flush(void)
{
    (void)fflush(stdout);
    (void)fflush(stderr);
}
