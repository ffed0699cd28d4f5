/*
 * What a client of the network server can't have: more than its share of memory and of sockets.
 */
#include "socktest.h"

/* Who doesn't read costs one window, and no one else anything. */
void group_unread(void)
{
    static char block[65536];
    size_t sent = 0;
    ssize_t count;
    int fds[2], others[2];

    pair(fds);
    pair(others);
    while ((count = send(fds[0], block, sizeof(block), MSG_DONTWAIT)) > 0 ||
           wait_for(fds[0], POLLOUT) & POLLOUT) {
        sent += count > 0 ? (size_t)count : 0;
        if (sent > 4 * MIB)
            break;
    }
    CHECK(sent > 100000 && sent <= 4 * MIB);
    CHECK(send(others[0], "through", 7, 0) == 7 && recv(others[1], block, 7, MSG_WAITALL) == 7);
    while (sent > 0 && (count = recv(fds[1], block, sizeof(block), 0)) > 0)
        sent -= (size_t)count;
    CHECK(sent == 0);
}

/* What comes while nobody reads is bounded. */
void group_flood(void)
{
    static char data[1024];
    struct sockaddr_in any = v4(INADDR_LOOPBACK, 0);
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
    unsigned count = 0;

    WORKS(bind(a, ADDRESS(any)));
    struct sockaddr_in to = v4(INADDR_LOOPBACK, port_of(a));
    for (unsigned i = 0; i < 2000; i++)
        (void)sendto(b, data, sizeof(data), 0, ADDRESS(to));
    while (recv(a, data, sizeof(data), MSG_DONTWAIT) == sizeof(data))
        count++;
    CHECK(count > 0 && count <= 256);
}

#define PAIRS 60u

static size_t fill(int fd)
{
    static char block[65536];
    size_t sent = 0;
    ssize_t count;

    while ((count = send(fd, block, sizeof(block), MSG_DONTWAIT)) > 0)
        sent += (size_t)count;
    return sent;
}

static size_t drain(int fd)
{
    static char block[65536];
    size_t got = 0;
    ssize_t count;

    while ((count = recv(fd, block, sizeof(block), MSG_DONTWAIT)) > 0)
        got += (size_t)count;
    return got;
}

/* All that waits in a process's sockets is bounded. Whatever was taken arrives, as room comes. */
void group_hoard(void)
{
    static int fds[PAIRS][2];
    size_t sent = 0, got = 0;

    for (unsigned i = 0; i < PAIRS; i++)
        pair(fds[i]);
    /* What was sent moves to the other end, and makes room, while there is room there. */
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < PAIRS; i++)
            sent += fill(fds[i][0]);
        sleep_us(20000);
    }
    CHECK(sent > 2 * MIB && sent <= 9 * MIB);
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    while (got < sent && ticks_now() < deadline)
        for (unsigned i = 0; i < PAIRS; i++)
            got += drain(fds[i][1]);
    check(got == sent, __LINE__, "%zu of %zu bytes arrived", got, sent);
    CHECK(wait_for(fds[0][0], POLLOUT) == POLLOUT);
}

/* As many as one process may have; they end with it, so the next group has as many again. */
void group_quota(void)
{
    unsigned count = 0;

    while (count < 10000 && socket(AF_INET, SOCK_DGRAM, 0) >= 0)
        count++;
    CHECK(count >= 100 && count < 1000 && errno == ENOBUFS);
}
