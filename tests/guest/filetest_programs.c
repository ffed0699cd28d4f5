/*
 * filetest: descriptors, and what programs get from those that start them.
 */
#include "filetest.h"

#include <poll.h>

void group_descriptors(void)
{
    char buffer[8] = {0};

    enter("descriptors");
    int fd = open("a", O_RDWR | O_CREAT, 0644), copy = dup(fd);
    CHECK(copy > fd);
    CHECK(write(fd, "abc", 3) == 3 && write(copy, "def", 3) == 3); /* one position */
    CHECK(close(fd) == 0 && write(copy, "g", 1) == 1);
    CHECK(content_is("a", "abcdefg"));
    CHECK(dup2(copy, 20) == 20 && close(copy) == 0);
    CHECK(lseek(20, 0, SEEK_SET) == 0 && read(20, buffer, 3) == 3);
    CHECK(dup2(20, 20) == 20);
    CHECK(fcntl(20, F_DUPFD, 30) == 30 && fcntl(20, F_DUPFD_CLOEXEC, 30) == 31);
    CHECK(fcntl(30, F_GETFD) == 0 && fcntl(31, F_GETFD) == FD_CLOEXEC);
    CHECK(fcntl(31, F_SETFD, 0) == 0 && fcntl(31, F_GETFD) == 0);
    CHECK(close(20) == 0 && close(30) == 0 && close(31) == 0);
    FAILS(fcntl(20, F_GETFL), EBADF);
    FAILS(dup(77), EBADF);
    FAILS(dup2(1, 100000), EBADF);
    FAILS(dup2(1, -1), EBADF);
    CHECK(isatty(1));
    FAILS(lseek(1, 0, SEEK_CUR), ESPIPE);
    /* The lowest number is taken first, the streams' too. */
    int input = dup(0);
    CHECK(close(0) == 0 && open("a", O_RDONLY) == 0);
    CHECK(!isatty(0) && read(0, buffer, 8) == 7);
    CHECK(dup2(input, 0) == 0 && close(input) == 0 && isatty(0));
}

/* The child: upper case from its input to its output, and where it is. */
int inherited_main(void)
{
    char line[64], where[128];

    while (fgets(line, sizeof(line), stdin)) {
        for (char *letter = line; *letter; letter++)
            *letter = (char)(*letter >= 'a' && *letter <= 'z' ? *letter - 32 : *letter);
        printf("%s", line);
    }
    printf("%s %s %d\n", getcwd(where, sizeof(where)), getenv("COLOUR") ? getenv("COLOUR") : "none",
           fcntl(9, F_GETFD) < 0 && fcntl(10, F_GETFD) == 0);
    fprintf(stderr, "said\n");
    return 3;
}

static int run_child(void)
{
    const char *const argv[] = {test_name, "--inherited", NULL};
    enum death_cause cause;
    uint64_t detail = 0;
    endpoint_t program;

    if (!EXPECT(program_spawn(argv, false, &program), 0) ||
        !EXPECT(program_wait(program, &cause, &detail), 0))
        return -1;
    CHECK(cause == DEATH_EXIT);
    return (int)detail;
}

void group_inherit(void)
{
    char expected[256], where[128];
    int streams[3];

    enter("inherit");
    make_file("input", "one\ntwo\nthree\n");
    fflush(stdout);
    for (int i = 0; i < 3; i++)
        streams[i] = fcntl(i, F_DUPFD_CLOEXEC, 12);
    int input = open("input", O_RDONLY), output = open("output", O_RDWR | O_CREAT, 0644);
    int errors = open("errors", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    CHECK(lseek(input, 4, SEEK_SET) == 4);
    CHECK(write(output, "before\n", 7) == 7);
    CHECK(dup2(input, 0) == 0 && dup2(output, 1) == 1 && dup2(errors, 2) == 2);
    CHECK(fcntl(input, F_DUPFD_CLOEXEC, 9) == 9 && fcntl(input, F_DUPFD, 10) == 10);
    CHECK(setenv("COLOUR", "green", 1) == 0);
    int status = run_child();
    for (int i = 0; i < 3; i++)
        CHECK(dup2(streams[i], i) == i && close(streams[i]) == 0);
    CHECK(status == 3);
    /* The position is one with the child's. */
    CHECK(lseek(input, 0, SEEK_CUR) == 14);
    snprintf(expected, sizeof(expected), "before\nTWO\nTHREE\n%s green 1\n",
             getcwd(where, sizeof(where)));
    CHECK(content_is("output", expected));
    CHECK(content_is("errors", "said\n"));
}

void group_poll(void)
{
    enter("poll");
    int fd = open("a", O_RDWR | O_CREAT, 0644);
    struct pollfd look[3] = {{fd, POLLIN | POLLOUT, 0}, {-1, POLLIN, 0}, {99, POLLIN, 0}};
    CHECK(poll(look, 1, -1) == 1 && look[0].revents == (POLLIN | POLLOUT));
    CHECK(poll(look, 2, 0) == 1 && look[1].revents == 0);
    CHECK(poll(look, 3, 1000) == 2 && look[2].revents == POLLNVAL);
    CHECK(poll(&look[1], 1, 10) == 0);
    CHECK(close(fd) == 0);
}
