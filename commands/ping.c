/*
 * ping [-o] [-c COUNT] [-i SECONDS] [-s BYTES] HOST: asks a host for echoes, over IPv4 or IPv6, and says
 * how long each took. With -o the first answer ends it: so one waits until a host can be reached. Exit
 * status: 0 if at least one came back.
 */
#include "common/arguments.h"
#include "common/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libanole/anole.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT_DEFAULT 4
#define BYTES_DEFAULT 56
#define BYTES_MAX 1400
#define ANSWER_US 2000000ul /* that an answer may take */
#define ECHO_REQUEST 8      /* RFC 792 */
#define ECHO_REQUEST_6 128  /* RFC 4443, 4.1 */

struct echo {
    uint8_t type, code;
    uint16_t checksum, id, sequence;
    uint64_t sent_ticks;
    uint8_t data[BYTES_MAX];
};
#define ECHO_HEADER (offsetof(struct echo, sent_ticks))

struct options {
    uint64_t count, interval_us, bytes;
    bool once; /* ends with the first answer */
    const char *host;
};

struct result {
    unsigned sent, received;
    uint64_t least_us, most_us, sum_us;
};

static bool read_options(int argc, char *argv[], struct options *options)
{
    uint64_t interval = 1;
    int option;

    *options = (struct options){.count = COUNT_DEFAULT, .bytes = BYTES_DEFAULT};
    while ((option = getopt(argc, argv, "c:i:os:")) != -1) {
        options->once |= option == 'o';
        if (option == 'o')
            continue;
        if (option == 'c' && parse_number(optarg, 1000000, &options->count))
            continue;
        if (option == 'i' && parse_number(optarg, 3600, &interval))
            continue;
        if (option == 's' && parse_number(optarg, BYTES_MAX, &options->bytes))
            continue;
        return false;
    }
    options->interval_us = interval * 1000000;
    options->host = argv[optind];
    return optind == argc - 1;
}

/* Waits for the answer to that request; others are late ones. Its time, or 0: none came. */
static uint64_t await(int fd, uint16_t sequence, size_t len)
{
    static struct echo answer;
    uint64_t deadline = deadline_in_us(ANSWER_US);

    while (ticks_now() < deadline) {
        ssize_t got = recv(fd, &answer, sizeof(answer), 0);
        if (got < 0)
            return 0;
        if ((size_t)got == len && answer.sequence == htons(sequence))
            return ticks_to_us(ticks_now() - answer.sent_ticks) + 1;
    }
    return 0;
}

static void count_answer(struct result *result, uint64_t time_us)
{
    result->received++;
    result->sum_us += time_us;
    if (result->received == 1 || time_us < result->least_us)
        result->least_us = time_us;
    if (time_us > result->most_us)
        result->most_us = time_us;
}

static void ping_once(int fd, const struct addrinfo *to, const struct options *options,
                      struct result *result)
{
    static struct echo request;
    size_t len = ECHO_HEADER + (options->bytes < sizeof(request.sent_ticks)
                                    ? sizeof(request.sent_ticks)
                                    : options->bytes);
    uint16_t sequence = (uint16_t)++result->sent;

    request.type = to->ai_family == AF_INET6 ? ECHO_REQUEST_6 : ECHO_REQUEST;
    request.sequence = htons(sequence);
    request.sent_ticks = ticks_now();
    if (sendto(fd, &request, len, 0, to->ai_addr, to->ai_addrlen) < 0) {
        printf("seq %u: not sent: %s\n", sequence, strerror(errno));
        return;
    }
    uint64_t time_us = await(fd, sequence, len);
    if (time_us == 0) {
        printf("seq %u: no answer\n", sequence);
        return;
    }
    count_answer(result, time_us);
    printf("seq %u: %zu bytes, %lu.%03lu ms\n", sequence, len, (unsigned long)(time_us / 1000),
           (unsigned long)(time_us % 1000));
}

static void print_result(const struct result *result)
{
    printf("%u sent, %u answered", result->sent, result->received);
    if (result->received > 0)
        printf(", least/mean/most %lu/%lu/%lu us", (unsigned long)result->least_us,
               (unsigned long)(result->sum_us / result->received), (unsigned long)result->most_us);
    printf("\n");
}

int main(int argc, char *argv[])
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *to;
    struct result result = {0};
    struct options options;

    if (!read_options(argc, argv, &options))
        return print_usage("ping [-o] [-c COUNT] [-i SECONDS] [-s BYTES] HOST");
    int error = getaddrinfo(options.host, "0", &hints, &to);
    if (error != 0) {
        fprintf(stderr, "ping: %s: %s\n", options.host, gai_strerror(error));
        return 1;
    }
    int fd = socket(to->ai_family, SOCK_DGRAM,
                    to->ai_family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    if (fd < 0 || !socket_patience(fd, SO_RCVTIMEO, ANSWER_US / 1000)) {
        fprintf(stderr, "ping: no socket: %s\n", strerror(errno));
        return 1;
    }
    for (uint64_t i = 0; i < options.count && !(options.once && result.received > 0); i++) {
        if (i > 0)
            sleep_us(options.interval_us);
        ping_once(fd, to, &options, &result);
    }
    print_result(&result);
    freeaddrinfo(to);
    return result.received > 0 ? 0 : 1;
}
