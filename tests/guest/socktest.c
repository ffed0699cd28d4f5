/*
 * socktest [GROUP...]: the network server as programs see it, over the loopback interface: streams,
 * datagrams, echo, poll, names, and what it refuses.
 */
#include "socktest.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <proto/sock.h>
#include <stdlib.h>
#include <sys/time.h>

const char test_name[] = "socktest";

static struct sockaddr_in local(void)
{
    return v4(INADDR_LOOPBACK, 0);
}

uint16_t port_of(int fd)
{
    struct sockaddr_in6 address = {0};
    socklen_t len = sizeof(address);

    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    return ntohs(address.sin6_port);
}

static int listener(int backlog)
{
    struct sockaddr_in any = local();
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (!WORKS(fd) || !WORKS(bind(fd, ADDRESS(any))) || !WORKS(listen(fd, backlog)))
        skip("no listener");
    return fd;
}

void pair(int fds[2])
{
    int listening = listener(5);
    struct sockaddr_in to = v4(INADDR_LOOPBACK, port_of(listening));

    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (!WORKS(connect(fds[0], ADDRESS(to))) || !WORKS(fds[1] = accept(listening, NULL, NULL)))
        skip("no connection");
    WORKS(close(listening));
}

short wait_for(int fd, short events)
{
    struct pollfd look = {.fd = fd, .events = events};

    return poll(&look, 1, POLL_MS) == 1 ? look.revents : 0;
}

/* ---- streams ---- */

static void group_stream(void)
{
    struct sockaddr_in name;
    socklen_t len = sizeof(name);
    char text[64] = "";
    int fds[2];

    pair(fds);
    CHECK(getpeername(fds[0], (struct sockaddr *)&name, &len) == 0 && len == sizeof(name));
    CHECK(ntohs(name.sin_port) == port_of(fds[1]) &&
          ntohl(name.sin_addr.s_addr) == INADDR_LOOPBACK);
    CHECK(send(fds[0], "hello", 5, 0) == 5);
    CHECK(recv(fds[1], text, sizeof(text), MSG_PEEK) == 5);
    CHECK(recv(fds[1], text, sizeof(text), 0) == 5 && memcmp(text, "hello", 5) == 0);
    FAILS(recv(fds[1], text, sizeof(text), MSG_DONTWAIT), EAGAIN);
    CHECK(write(fds[1], "you too", 7) == 7 && read(fds[0], text, 3) == 3);
    CHECK(read(fds[0], text, sizeof(text)) == 4 && memcmp(text, " too", 4) == 0);
    WORKS(shutdown(fds[0], SHUT_WR));
    CHECK(recv(fds[1], text, sizeof(text), 0) == 0);
    FAILS(send(fds[0], "x", 1, 0), EPIPE);
    CHECK(send(fds[1], "back", 4, 0) == 4 && recv(fds[0], text, 4, MSG_WAITALL) == 4);
    WORKS(close(fds[1]));
    CHECK(recv(fds[0], text, sizeof(text), 0) == 0);
    WORKS(close(fds[0]));
    FAILS(close(fds[0]), EBADF);
}

/* Both have said their last word: what is told of the connection stays as it is. */
static void group_half_close(void)
{
    char byte;
    int fds[2];

    pair(fds);
    WORKS(shutdown(fds[0], SHUT_WR));
    CHECK(recv(fds[1], &byte, 1, 0) == 0);
    CHECK(send(fds[1], "last", 4, 0) == 4);
    WORKS(shutdown(fds[1], SHUT_WR));
    sleep_us(300000);
    CHECK(recv(fds[0], &byte, 1, 0) == 1 && byte == 'l');
    CHECK(recv(fds[0], &byte, 1, 0) == 1 && recv(fds[0], &byte, 1, 0) == 1);
    CHECK(recv(fds[0], &byte, 1, 0) == 1 && byte == 't');
    for (unsigned i = 0; i < 2; i++) {
        CHECK(recv(fds[i], &byte, 1, 0) == 0 && recv(fds[i], &byte, 1, 0) == 0);
        FAILS(send(fds[i], "x", 1, 0), EPIPE);
        FAILS(getpeername(fds[i], (struct sockaddr *)&(struct sockaddr_in){0}, &(socklen_t){16}),
              ENOTCONN);
        WORKS(shutdown(fds[i], SHUT_WR));
    }
}

static int late_fd;

static void send_late(void *argument)
{
    (void)argument;
    sleep_us(50000);
    (void)send(late_fd, "late", 4, 0);
    kcall_thread_exit();
}

/* Who looks and waits for it takes nothing away. */
static void group_peek(void)
{
    char text[8];
    int fds[2];

    pair(fds);
    late_fd = fds[0];
    start_thread(send_late, NULL, 0);
    CHECK(recv(fds[1], text, sizeof(text), MSG_PEEK) == 4);
    CHECK(recv(fds[1], text, sizeof(text), 0) == 4 && memcmp(text, "late", 4) == 0);
}

/* A listener that ends takes along what waits to be accepted. */
static void group_backlog(void)
{
    int listening = listener(5), fd[3];
    struct sockaddr_in to = v4(INADDR_LOOPBACK, port_of(listening));
    char byte;

    for (unsigned i = 0; i < 3; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM, 0);
        WORKS(connect(fd[i], ADDRESS(to)));
        CHECK(send(fd[i], "unread", 6, 0) == 6);
    }
    CHECK(wait_for(listening, POLLIN) == POLLIN);
    WORKS(close(listening));
    for (unsigned i = 0; i < 3; i++)
        CHECK(recv(fd[i], &byte, 1, 0) <= 0);
}

static uint8_t *outgoing, *incoming;
static int bulk_fd;

static void send_all(void *argument)
{
    size_t done = 0;

    (void)argument;
    while (done < 4 * MIB) {
        size_t part = (done * 7 % 70001) + 1;
        ssize_t sent = send(bulk_fd, outgoing + done, part < 4 * MIB - done ? part : 4 * MIB - done,
                            0);
        if (sent <= 0)
            break;
        done += (size_t)sent;
    }
    (void)shutdown(bulk_fd, SHUT_WR);
    kcall_thread_exit();
}

/* More than both windows, in pieces that match nothing. */
static void group_bulk(void)
{
    size_t done = 0;
    ssize_t count;
    int fds[2];

    outgoing = malloc(4 * MIB);
    incoming = malloc(4 * MIB);
    if (!CHECK(outgoing && incoming))
        return;
    pattern_fill(outgoing, 4 * MIB, 3);
    pair(fds);
    bulk_fd = fds[0];
    start_thread(send_all, NULL, 0);
    while ((count = recv(fds[1], incoming + done, (done * 13 % 50021) + 1, 0)) > 0)
        done += (size_t)count;
    CHECK(count == 0 && done == 4 * MIB);
    CHECK(memcmp(outgoing, incoming, 4 * MIB) == 0);
}

static void group_connect(void)
{
    struct sockaddr_in to, nowhere = v4(0xc0000201, 80); /* 192.0.2.1: reserved for examples */
    int listening = listener(1), closed = listener(1), fd, error = 0;
    socklen_t len = sizeof(error);

    to = v4(INADDR_LOOPBACK, port_of(closed));
    WORKS(close(closed));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    FAILS(connect(fd, ADDRESS(to)), ECONNREFUSED);
    WORKS(close(fd));

    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    FAILS(send(fd, "x", 1, 0), ENOTCONN);
    to = v4(INADDR_LOOPBACK, port_of(listening));
    FAILS(connect(fd, ADDRESS(to)), EINPROGRESS);
    CHECK(wait_for(fd, POLLOUT) == POLLOUT);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0);
    FAILS(connect(fd, ADDRESS(to)), EISCONN);
    CHECK(wait_for(listening, POLLIN) == POLLIN);
    WORKS(close(fd));

    fd = socket(AF_INET, SOCK_STREAM, 0);
    FAILS(bind(fd, ADDRESS(nowhere)), EADDRNOTAVAIL);
    struct sockaddr_in taken = v4(INADDR_LOOPBACK, port_of(listening));
    FAILS(bind(fd, ADDRESS(taken)), EADDRINUSE);
    FAILS(listen(fd, 1), EDESTADDRREQ);
    to.sin_port = 0;
    FAILS(connect(fd, ADDRESS(to)), EINVAL);
}

static void group_timeouts(void)
{
    struct timeval short_time = {.tv_usec = 30000};
    int listening = listener(1), fds[2];
    char byte;

    CHECK(setsockopt(listening, SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof(short_time)) == 0);
    FAILS(accept(listening, NULL, NULL), EAGAIN);
    pair(fds);
    CHECK(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof(short_time)) == 0);
    FAILS(recv(fds[0], &byte, 1, 0), EAGAIN);
    /* Nothing is lost by it. */
    CHECK(send(fds[1], "x", 1, 0) == 1 && recv(fds[0], &byte, 1, 0) == 1 && byte == 'x');
    CHECK(poll(&(struct pollfd){.fd = fds[0], .events = POLLIN}, 1, 20) == 0);
    CHECK(poll(&(struct pollfd){.fd = 99, .events = POLLIN}, 1, 0) == 1);
}

/* ---- datagrams ---- */

static void group_datagram(void)
{
    static char big[65508];
    struct sockaddr_in any = local(), from;
    socklen_t len = sizeof(from);
    char text[16];
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);

    WORKS(bind(a, ADDRESS(any)));
    struct sockaddr_in to = v4(INADDR_LOOPBACK, port_of(a));
    CHECK(sendto(b, "one", 3, 0, ADDRESS(to)) == 3);
    CHECK(sendto(b, "", 0, 0, ADDRESS(to)) == 0);
    CHECK(sendto(b, "three", 5, 0, ADDRESS(to)) == 5);
    CHECK(recvfrom(a, text, sizeof(text), 0, (struct sockaddr *)&from, &len) == 3);
    CHECK(len == sizeof(from) && ntohs(from.sin_port) == port_of(b));
    CHECK(recv(a, text, sizeof(text), 0) == 0);
    CHECK(recv(a, text, 2, MSG_TRUNC) == 5 && text[0] == 't');
    FAILS(recv(a, text, sizeof(text), MSG_DONTWAIT), EAGAIN);
    FAILS(send(b, "x", 1, 0), EDESTADDRREQ);
    WORKS(connect(b, ADDRESS(to)));
    CHECK(send(b, "x", 1, 0) == 1 && wait_for(a, POLLIN) == POLLIN);
    FAILS(send(b, big, sizeof(big), 0), EMSGSIZE);
    CHECK(recv(a, text, sizeof(text), 0) == 1);
}

struct echo {
    uint8_t type, code;
    uint16_t checksum, id, sequence;
    char data[8];
};

static void group_echo(void)
{
    struct echo request = {.type = 8, .sequence = htons(7), .data = "anole!!"}, answer = {0};
    struct sockaddr_in to = local();
    int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);

    if (!WORKS(fd))
        return;
    CHECK(sendto(fd, &request, sizeof(request), 0, ADDRESS(to)) == sizeof(request));
    CHECK(wait_for(fd, POLLIN) == POLLIN);
    CHECK(recv(fd, &answer, sizeof(answer), 0) == sizeof(answer));
    CHECK(answer.type == 0 && answer.sequence == htons(7) && strcmp(answer.data, "anole!!") == 0);
    request.type = 5; /* a redirect */
    FAILS(sendto(fd, &request, sizeof(request), 0, ADDRESS(to)), EINVAL);
}

/* A server's socket for datagrams of both families answers either. */
static void answer_both_families(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    int server = socket(AF_INET6, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    char text[8];

    WORKS(bind(server, ADDRESS(any)));
    struct sockaddr_in to = v4(INADDR_LOOPBACK, port_of(server));
    CHECK(sendto(client, "ask", 3, 0, ADDRESS(to)) == 3);
    CHECK(recvfrom(server, text, sizeof(text), 0, (struct sockaddr *)&from, &len) == 3);
    CHECK(from.ss_family == AF_INET && len == sizeof(struct sockaddr_in));
    CHECK(sendto(server, "tell", 4, 0, (struct sockaddr *)&from, len) == 4);
    CHECK(recv(client, text, sizeof(text), 0) == 4);
}

static void group_v6(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int listening = socket(AF_INET6, SOCK_STREAM, 0), fd = socket(AF_INET6, SOCK_STREAM, 0);
    int old = socket(AF_INET, SOCK_STREAM, 0), accepted;
    char text[8];

    WORKS(bind(listening, ADDRESS(any)));
    WORKS(listen(listening, 5));
    to.sin6_port = htons(port_of(listening));
    if (!WORKS(connect(fd, ADDRESS(to))) || !WORKS(accepted = accept(listening, NULL, NULL)))
        return;
    CHECK(send(fd, "six", 3, 0) == 3 && recv(accepted, text, sizeof(text), 0) == 3);
    struct sockaddr_in four = v4(INADDR_LOOPBACK, port_of(listening));
    WORKS(connect(old, ADDRESS(four)));
    WORKS(accepted = accept(listening, NULL, NULL));
    FAILS(connect(fd, ADDRESS(four)), EAFNOSUPPORT);
    answer_both_families();
}

/* ---- names ---- */

static void group_names(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
    struct in_addr address;

    CHECK(getaddrinfo("127.0.0.1", "80", &hints, &list) == 0 && list->ai_family == AF_INET &&
          !list->ai_next);
    freeaddrinfo(list);
    CHECK(getaddrinfo("::1", "80", NULL, &list) == 0 && list->ai_family == AF_INET6 &&
          list->ai_next);
    freeaddrinfo(list);
    CHECK(getaddrinfo(NULL, "8080", &hints, &list) == 0);
    freeaddrinfo(list);
    CHECK(getaddrinfo("127.0.0.1", "http", NULL, &list) == EAI_SERVICE);
    CHECK(getaddrinfo("", "80", NULL, &list) == EAI_NONAME);
    CHECK(getaddrinfo(NULL, NULL, NULL, &list) == EAI_NONAME);
    CHECK(inet_pton(AF_INET, "127.0.0.256", &address) == 0);
}

/* ---- what is refused ---- */

static int raw_call(endpoint_t inet, uint32_t type, uint64_t word0, uint64_t word1)
{
    struct message message = {.word = {word0, word1, [6] = deadline_in_us(PATIENCE_US)}};

    return anole_call(inet, type, &message, deadline_in_us(2 * PATIENCE_US));
}

static void group_refusals(void)
{
    endpoint_t inet, child = child_start();
    struct message message = {.word = {SOCK_INET, SOCK_TYPE_STREAM}};

    if (!EXPECT(name_wait("inet", &inet, 1, deadline_in_us(PATIENCE_US)), 0))
        return;
    EXPECT(raw_call(inet, SOCK_SOCKET, 99, SOCK_TYPE_STREAM), -ANOLE_EAFNOSUPPORT);
    EXPECT(raw_call(inet, SOCK_SOCKET, SOCK_INET, 0), -ANOLE_EINVAL);
    EXPECT(raw_call(inet, SOCK_SOCKET, SOCK_INET, 1ull << 40 | 1), -ANOLE_EINVAL);
    EXPECT(raw_call(inet, MESSAGE_TYPE(PROTO_SOCK, 200), 0, 0), -ANOLE_ENOSYS);
    EXPECT(anole_call(inet, SOCK_SOCKET, &message, DEADLINE_NEVER), 0);
    uint64_t mine = message.word[0];
    EXPECT(raw_call(inet, SOCK_SHUTDOWN, mine, 4), -ANOLE_EINVAL);
    EXPECT(raw_call(inet, SOCK_NAME, mine, 2), -ANOLE_EINVAL);
    EXPECT(raw_call(inet, SOCK_POLL, mine, 64), -ANOLE_EINVAL);
    EXPECT(raw_call(inet, SOCK_OPTION_GET, mine, 999), -ANOLE_EINVAL);
    EXPECT(raw_call(inet, SOCK_RECVFROM, mine, 0), -ANOLE_ENOSYS);
    EXPECT(raw_call(inet, SOCK_CLOSE, mine | 1ull << 33, 0), -ANOLE_EINVAL);
    /* Somebody else's. */
    message = (struct message){
        .word = {inet, SOCK_CLOSE, PATIENCE_US, mine},
    };
    EXPECT(child_call(child, CHILD_CALL, &message), -ANOLE_EBADHANDLE);
    EXPECT(raw_call(inet, SOCK_CLOSE, mine, 0), 0);
    EXPECT(raw_call(inet, SOCK_CLOSE, mine, 0), -ANOLE_EBADHANDLE);
    CHECK(child_end(child));
}

int main(int argc, char *argv[])
{
    static const struct group groups[] = {
        {"stream", group_stream},
        {"half-close", group_half_close},
        {"peek", group_peek},
        {"backlog", group_backlog},
        {"bulk", group_bulk},
        {"unread", group_unread},
        {"hoard", group_hoard},
        {"connect", group_connect},
        {"timeouts", group_timeouts},
        {"datagram", group_datagram},
        {"flood", group_flood},
        {"echo", group_echo},
        {"v6", group_v6},
        {"names", group_names},
        {"quota", group_quota},
        {"refusals", group_refusals},
        {"quota-again", group_quota},
    };
    static const struct test_program program = {
        .groups = groups,
        .group_count = sizeof(groups) / sizeof(groups[0]),
    };
    return test_main(&program, argc, argv);
}
