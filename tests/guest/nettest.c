/*
 * nettest DRIVER [GROUP...]: the test client of network drivers. See nettest.h.
 *
 * nettest --mode FLAGS MS DRIVER: sets a mode (digits of u unicast, b broadcast, m all multicast,
 * p promiscuous; - none), and keeps it for so long: for tests that look at the machine from outside.
 * nettest --link N DRIVER: prints the link's state and its next N changes.
 */
#include "nettest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char test_name[] = "nettest";

static const struct group groups[] = {
    {"info", group_info},
    {"sessions", group_sessions},
    {"modes", group_modes},
    {"single", group_single},
    {"lengths", group_lengths},
    {"pool", group_pool},
    {"many", group_many},
    {"bad-grants", group_bad_grants},
    {"bad-frames", group_bad_frames},
    {"bad-posts", group_bad_posts},
    {"bad-attach", group_bad_attach},
    {"ring-abuse", group_ring_abuse},
    {"cancel", group_cancel},
    {"malformed", group_malformed},
    {"clients", group_clients},
    {"slow-client", group_slow_client},
    {"filters", group_filters},
    {"detach", group_detach},
    {"statistics", group_statistics},
    {"death", group_death},
    {"client", group_client},
    {"recovery", group_recovery},
    /* NAMED_ONLY need a device that does more than QEMU's do: tests/vhost/net. */
    {"checksums", group_checksums},
    {"segments", group_segments},
    {"headers", group_headers},
    {"lies", group_lies},
    {"reconnect", group_reconnect},
};

#define NAMED_ONLY 5u

static const struct test_program program = {
    .groups = groups,
    .group_count = sizeof groups / sizeof groups[0],
    .named_only = NAMED_ONLY,
    .subject_name = "DRIVER",
};

static int complain(const char *what, int status)
{
    fprintf(stderr, "nettest: %s: %s\n", what, anole_error_text(status));
    return 1;
}

/* ---- for tests on the outside ---- */

static int hold_mode(const char *letters, unsigned long milliseconds)
{
    static const uint8_t extra[2][NET_ADDRESS_BYTES] = {{2, 0, 0, 0, 0, 9}, {1, 0, 0x5e, 0, 0, 9}};
    static const struct {
        char letter;
        uint32_t flag;
    } known[] = {{'u', NET_MODE_UNICAST},
                 {'b', NET_MODE_BROADCAST},
                 {'m', NET_MODE_ALL_MULTICAST},
                 {'p', NET_MODE_PROMISCUOUS}};
    struct port port;
    uint32_t flags = 0;
    for (unsigned i = 0; i < 4; i++)
        if (strchr(letters, known[i].letter) != NULL)
            flags |= known[i].flag;
    find_driver();
    int status = port_open(&port);
    if (status == 0)
        status = mode_set(&port, flags, extra, strchr(letters, 'a') != NULL ? 2 : 0);
    struct message vlan = {.word = {1, port.id, 77, 1}};
    if (status == 0 && strchr(letters, 'v') != NULL)
        status = net_call(NET_VLAN, &vlan);
    if (status != 0)
        return complain("mode", status);
    printf("mode %s\n", letters);
    fflush(stdout);
    sleep_us(milliseconds * 1000);
    return port_close(&port) == 0 ? 0 : 1;
}

static int watch_link(unsigned long changes)
{
    struct port port;
    struct message state = {.word = {1}};
    find_driver();
    int status = port_open(&port);
    if (status == 0)
        status = net_call(NET_LINK, &state);
    for (unsigned long i = 0; status == 0 && i <= changes; i++) {
        printf("link %s, change %lu, %lu Mbit/s%s\n",
               (state.word[1] & NET_LINK_UP) != 0 ? "up" : "down", (unsigned long)state.word[2],
               (unsigned long)state.word[3],
               (state.word[1] & NET_LINK_ANNOUNCE) != 0 ? ", announce" : "");
        fflush(stdout);
        if (i == changes)
            break;
        state = (struct message){.word = {NET_ID(2, NET_LINK_CHANGE), port.id, state.word[2]}};
        status = anole_call(driver, NET_LINK, &state, DEADLINE_NEVER);
    }
    return status == 0 ? 0 : complain("link", status);
}

int main(int argc, char *argv[])
{
    if (argc == 5 && strcmp(argv[1], "--mode") == 0) {
        test_subject = argv[4];
        return hold_mode(argv[2], strtoul(argv[3], NULL, 10));
    }
    if (argc == 4 && strcmp(argv[1], "--link") == 0) {
        test_subject = argv[3];
        return watch_link(strtoul(argv[2], NULL, 10));
    }
    return test_main(&program, argc, argv);
}
