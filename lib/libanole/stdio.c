/*
 * The standard streams of picolibc over the console. Output is line buffered; stderr is the same
 * stream as stdout, so that what a program says stays in order. Input is raw bytes, as the console
 * has them: echo and line editing are the shell's.
 */
#include <errno.h>
#include <libanole/anole.h>
#include <libanole/internal.h>
#include <stdio-bufio.h>
#include <unistd.h>

#define OUTPUT_BUFFER 1024
#define INPUT_BUFFER 64

ssize_t write(int fd, const void *buffer, size_t len)
{
    if (fd != STDOUT_FILENO && fd != STDERR_FILENO) {
        errno = EBADF;
        return -1;
    }
    console_write(buffer, len);
    return (ssize_t)len;
}

ssize_t read(int fd, void *buffer, size_t len)
{
    int count;

    if (fd != STDIN_FILENO) {
        errno = EBADF;
        return -1;
    }
    count = len > 0 ? console_read(buffer, len) : 0;
    if (count < 0) {
        errno = EIO;
        return -1;
    }
    return count;
}

off_t lseek(int fd, off_t offset, int whence)
{
    (void)fd;
    (void)offset;
    (void)whence;
    errno = ESPIPE;
    return -1;
}

int close(int fd)
{
    (void)fd;
    return 0;
}

static char output_buffer[OUTPUT_BUFFER];
static char input_buffer[INPUT_BUFFER];
static struct __lock output_lock;
static struct __lock input_lock;

static struct __file_bufio output = FDEV_SETUP_BUFIO(STDOUT_FILENO, output_buffer, OUTPUT_BUFFER,
                                                     read, write, lseek, close, __SWR, __BLBF);
static struct __file_bufio input = FDEV_SETUP_BUFIO(STDIN_FILENO, input_buffer, INPUT_BUFFER, read,
                                                    write, lseek, close, __SRD, 0);

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
