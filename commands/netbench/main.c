/*
 * netbench: how fast the network is, and what that costs.
 *
 *   netbench -s [-46] [-p PORT] [-n TESTS]
 *       a server for TCP and UDP, of any number of tests or of so many; it answers iperf 2, too
 *   netbench -c HOST [-46u] [-p PORT] [-t SECONDS] [-l BYTES] [-b MBITS] [-i INTERFACE]
 *            [--reverse | --both | --rr]
 *       a client of such a server, or of iperf 2's: a stream to it, from it, both at once, or requests
 *       and responses, one after the other
 */
#include "netbench.h"

#include "../common/arguments.h"

#include <getopt.h>

#define SECONDS_DEFAULT 3u
#define SECONDS_MAX 3600u
#define EXCHANGE_BYTES 64u
#define MBITS_MAX 100000u

/* Options that have a number. */
static bool take_number(struct options *options, int option)
{
    uint64_t value;

    switch (option) {
    case 'n':
        return parse_number(optarg, UINT32_MAX, &options->tests) && options->tests > 0;
    case 't':
        if (!parse_number(optarg, SECONDS_MAX, &value) || value == 0)
            return false;
        options->test.duration_us = value * 1000000;
        return true;
    case 'l':
        if (!parse_number(optarg, BLOCK_BYTES, &value) || value == 0)
            return false;
        options->test.block_bytes = (uint32_t)value;
        return true;
    case 'b':
        if (!parse_number(optarg, MBITS_MAX, &value))
            return false;
        options->test.rate_bits = value * 1000000;
        return true;
    default:
        return false;
    }
}

static bool take_option(struct options *options, int option, bool *server)
{
    switch (option) {
    case '4':
        options->family = AF_INET;
        return true;
    case '6':
        options->family = AF_INET6;
        return true;
    case 's':
        *server = true;
        return true;
    case 'c':
        options->host = optarg;
        return true;
    case 'p':
        options->port = optarg;
        return true;
    case 'i':
        options->interface = optarg;
        return true;
    case 'u':
        options->datagrams = true;
        return true;
    case 'R':
        options->test.kind = IPERF_FROM_SERVER;
        return true;
    case 'B':
        options->test.kind = IPERF_BOTH_WAYS;
        return true;
    case 'X':
        options->test.kind = IPERF_EXCHANGE;
        return true;
    default:
        return take_number(options, option);
    }
}

/* How much is moved at a time, if that isn't said; false: what is said can't be. */
static bool choose_block(struct options *options)
{
    struct iperf_test *test = &options->test;
    bool exchange = test->kind == IPERF_EXCHANGE;
    size_t header = (exchange ? IPERF_EXCHANGE_MIN : IPERF_HEADER_MAX) +
                    (options->datagrams ? IPERF_DATAGRAM_HEADER : 0);

    if (test->block_bytes == 0)
        test->block_bytes = exchange             ? EXCHANGE_BYTES
                            : options->datagrams ? DATAGRAM_BYTES
                                                 : BLOCK_BYTES;
    return test->block_bytes >= header &&
           (!options->datagrams || test->block_bytes <= DATAGRAM_BYTES_MAX);
}

static bool read_options(int argc, char *argv[], struct options *options)
{
    static const struct option names[] = {
        {"reverse", no_argument, NULL, 'R'},
        {"both", no_argument, NULL, 'B'},
        {"rr", no_argument, NULL, 'X'},
        {0},
    };
    bool server = false;
    int option;

    *options = (struct options){
        .port = IPERF_PORT,
        .interface = "eth0",
        .test.duration_us = SECONDS_DEFAULT * 1000000ul,
    };
    while ((option = getopt_long(argc, argv, "46sc:p:n:t:l:b:i:u", names, NULL)) != -1)
        if (!take_option(options, option, &server))
            return false;
    return optind == argc && server == !options->host && choose_block(options);
}

int main(int argc, char *argv[])
{
    struct options options;

    if (!read_options(argc, argv, &options))
        return print_usage("netbench -s [-46] [-p PORT] [-n TESTS] | netbench -c HOST [-46u] "
                           "[-p PORT] [-t SECONDS] [-l BYTES] [-b MBITS] [-i INTERFACE] "
                           "[--reverse | --both | --rr]");
    if (!options.host)
        server_run(&options);
    return client_run(&options);
}
