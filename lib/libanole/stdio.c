/*
 * The standard streams of picolibc over the console. Output is line buffered; stderr is the same
 * stream as stdout, so that what a program says stays in order. Programs without file descriptors
 * (descriptor.c) have these streams alone. Input is raw bytes, as the console
 * has them: echo and line editing are the shell's.
 */
#include <errno.h>
#include <libanole/anole.h>
#include <libanole/internal.h>
#include <stdio-bufio.h>
#include <unistd.h>

#define OUTPUT_BUFFER 1024
#define INPUT_BUFFER 64

static ssize_t stream_write(int fd, const void *buffer, size_t len)
{
    (void)fd;
    console_write(buffer, len);
    return (ssize_t)len;
}

static ssize_t stream_read(int fd, void *buffer, size_t len)
{
    int count = len > 0 ? console_read(buffer, len) : 0;

    (void)fd;
    if (count < 0) {
        errno = EIO;
        return -1;
    }
    return count;
}

static off_t stream_seek(int fd, off_t offset, int whence)
{
    (void)fd;
    (void)offset;
    (void)whence;
    errno = ESPIPE;
    return -1;
}

static int stream_close(int fd)
{
    (void)fd;
    return 0;
}

static char output_buffer[OUTPUT_BUFFER];
static char input_buffer[INPUT_BUFFER];
static struct __lock output_lock;
static struct __lock input_lock;

static struct __file_bufio output = FDEV_SETUP_BUFIO(STDOUT_FILENO, output_buffer, OUTPUT_BUFFER,
                                                     stream_read, stream_write, stream_seek,
                                                     stream_close, __SWR, __BLBF);
static struct __file_bufio input = FDEV_SETUP_BUFIO(STDIN_FILENO, input_buffer, INPUT_BUFFER,
                                                    stream_read, stream_write, stream_seek,
                                                    stream_close, __SRD, 0);

FILE *const stdin = &input.xfile.cfile.file;
FILE *const stdout = &output.xfile.cfile.file;
FILE *const stderr = &output.xfile.cfile.file;

__attribute__((constructor)) static void streams_open(void)
{
    output.lock = &output_lock;
    input.lock = &input_lock;
}

__attribute__((destructor)) static void streams_flush(void)
{
    (void)fflush(stdout);
}
