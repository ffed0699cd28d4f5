/*
 * filetest: the bytes of files.
 */
#include "filetest.h"

#include <sys/uio.h>

#define BIG (3 * 1024 * 1024 + 17)

static char byte_at(size_t position)
{
    return (char)(position * 7 + position / 251);
}

static bool fill_and_compare(int fd, char *buffer)
{
    size_t done = 0;

    for (size_t i = 0; i < BIG; i++)
        buffer[i] = byte_at(i);
    while (done < BIG) {
        size_t piece = done % 5000 + 1 < BIG - done ? done % 5000 + 1 : BIG - done;
        if (write(fd, buffer + done, piece) != (ssize_t)piece)
            return false;
        done += piece;
    }
    memset(buffer, 0, BIG);
    if (lseek(fd, 0, SEEK_SET) != 0 || read(fd, buffer, BIG) != BIG)
        return false;
    for (size_t i = 0; i < BIG; i++)
        if (buffer[i] != byte_at(i))
            return false;
    return true;
}

void group_data(void)
{
    char buffer[16] = {0}, *big = calloc(1, BIG);
    struct stat stat;

    enter("data");
    int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0640);
    CHECK(fd >= 3);
    FAILS(open("a", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
    CHECK(write(fd, "hello world", 11) == 11);
    CHECK(read(fd, buffer, sizeof(buffer)) == 0);
    CHECK(lseek(fd, -5, SEEK_END) == 6);
    CHECK(read(fd, buffer, sizeof(buffer)) == 5 && memcmp(buffer, "world", 5) == 0);
    CHECK(pread(fd, buffer, 4, 1) == 4 && memcmp(buffer, "ello", 4) == 0);
    CHECK(lseek(fd, 0, SEEK_CUR) == 11);
    CHECK(pwrite(fd, "HE", 2, 0) == 2);
    FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
    FAILS(lseek(fd, 0, 9), EINVAL);
    FAILS(pread(fd, buffer, 1, -1), EINVAL);
    CHECK(content_is("a", "HEllo world"));
    CHECK(fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size == 11);
    CHECK((stat.st_mode & 0777) == 0640 && stat.st_nlink == 1);
    CHECK(ftruncate(fd, 4) == 0 && content_is("a", "HEll"));
    FAILS(ftruncate(fd, -1), EINVAL);
    struct iovec pieces[2] = {{"12", 2}, {"345", 3}};
    CHECK(lseek(fd, 4, SEEK_SET) == 4 && writev(fd, pieces, 2) == 5);
    CHECK(content_is("a", "HEll12345"));
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
    CHECK(read(fd, buffer, 0) == 0 && write(fd, buffer, 0) == 0);
    CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    if (CHECK(big))
        CHECK(fill_and_compare(fd, big));
    free(big);
    CHECK(close(fd) == 0);
    FAILS(close(fd), EBADF);
    FAILS(read(fd, buffer, 1), EBADF);
    /* Opened for truncation, and what goes with its last name. */
    fd = open("a", O_RDWR | O_TRUNC);
    CHECK(fstat(fd, &stat) == 0 && stat.st_size == 0);
    CHECK(unlink("a") == 0 && write(fd, "gone", 4) == 4);
    CHECK(pread(fd, buffer, 8, 0) == 4 && memcmp(buffer, "gone", 4) == 0);
    CHECK(fstat(fd, &stat) == 0 && stat.st_nlink == 0);
    CHECK(close(fd) == 0);
    FAILS(open("a", O_RDONLY), ENOENT);
}

void group_append(void)
{
    enter("append");
    make_file("log", "0");
    int one = open("log", O_WRONLY | O_APPEND), two = open("log", O_WRONLY | O_APPEND);
    CHECK(write(one, "1", 1) == 1);
    CHECK(write(two, "22", 2) == 2);
    CHECK(lseek(one, 0, SEEK_SET) == 0 && write(one, "3", 1) == 1);
    CHECK(content_is("log", "01223"));
    CHECK(fcntl(one, F_GETFL) == (O_WRONLY | O_APPEND));
    CHECK(close(one) == 0 && close(two) == 0);
}

void group_holes(void)
{
    char buffer[64], zeroes[64] = {0};
    struct stat stat;
    off_t far = 5l << 20;

    enter("holes");
    int fd = open("sparse", O_RDWR | O_CREAT, 0644);
    CHECK(pwrite(fd, "end", 3, far) == 3);
    CHECK(pread(fd, buffer, 64, far - 61) == 64);
    CHECK(memcmp(buffer, zeroes, 61) == 0 && memcmp(buffer + 61, "end", 3) == 0);
    CHECK(fstat(fd, &stat) == 0 && stat.st_size == far + 3);
    CHECK(stat.st_blocks * 512 < far);
    CHECK(ftruncate(fd, 10) == 0 && ftruncate(fd, far) == 0);
    CHECK(pread(fd, buffer, 64, far - 64) == 64 && memcmp(buffer, zeroes, 64) == 0);
    CHECK(lseek(fd, far * 2, SEEK_SET) == far * 2);
    CHECK(read(fd, buffer, 64) == 0);
    CHECK(close(fd) == 0);
}

void group_access(void)
{
    char buffer[4];

    enter("access");
    make_file("a", "text");
    CHECK(mkdir("d", 0755) == 0);
    int reader = open("a", O_RDONLY), writer = open("a", O_WRONLY), directory = open("d", O_RDONLY);
    FAILS(write(reader, "x", 1), EBADF);
    FAILS(read(writer, buffer, 1), EBADF);
    FAILS(read(directory, buffer, 1), EISDIR);
    FAILS(open("d", O_WRONLY), EISDIR);
    FAILS(open("d", O_RDWR | O_CREAT, 0644), EISDIR);
    FAILS(open("a", O_RDONLY | O_DIRECTORY), ENOTDIR);
    FAILS(open("a/b", O_RDONLY), ENOTDIR);
    FAILS(open("no/b", O_WRONLY | O_CREAT, 0644), ENOENT);
    FAILS(open("", O_RDONLY), ENOENT);
    CHECK(access("a", R_OK | W_OK) == 0);
    FAILS(access("a", X_OK), EACCES);
    FAILS(access("no", F_OK), ENOENT);
    CHECK(close(reader) == 0 && close(writer) == 0 && close(directory) == 0);
}

void group_stdio(void)
{
    char line[64];
    int number = 0;

    enter("stdio");
    FILE *file = fopen("text", "w");
    if (!CHECK(file))
        return;
    for (int i = 0; i < 1000; i++)
        CHECK(fprintf(file, "line %d\n", i) > 0);
    CHECK(fclose(file) == 0);
    file = fopen("text", "r+");
    if (!CHECK(file))
        return;
    for (int i = 0; i < 1000; i++)
        CHECK(fgets(line, sizeof(line), file) && sscanf(line, "line %d", &number) == 1 &&
              number == i);
    CHECK(!fgets(line, sizeof(line), file) && feof(file));
    CHECK(fseek(file, 5, SEEK_SET) == 0 && ftell(file) == 5);
    CHECK(fputc('X', file) == 'X');
    CHECK(fseek(file, 0, SEEK_SET) == 0);
    CHECK(fgets(line, sizeof(line), file) && strcmp(line, "line X\n") == 0);
    CHECK(fclose(file) == 0);
    file = fopen("text", "a");
    CHECK(file && fputs("more\n", file) >= 0 && fclose(file) == 0);
    file = fopen("text", "r");
    CHECK(file && fseek(file, -5, SEEK_END) == 0);
    CHECK(file && fgets(line, sizeof(line), file) && strcmp(line, "more\n") == 0);
    CHECK(file && fclose(file) == 0);
    errno = 0;
    file = fopen("no/such", "r");
    CHECK(!file && errno == ENOENT);
    if (file)
        (void)fclose(file);
    CHECK(remove("text") == 0 && access("text", F_OK) < 0);
    file = fopen("/dev/full", "w");
    CHECK(file && setvbuf(file, NULL, _IOLBF, sizeof(line)) == 0);
    CHECK(file && (fprintf(file, "a line\n"), ferror(file) != 0));
    CHECK(file && fflush(file) == 0); /* it was lost before */
    CHECK(file && (clearerr(file), fputs("no line", file)) >= 0 && !ferror(file));
    CHECK(file && fclose(file) == EOF);
}
