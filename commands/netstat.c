/*
 * netstat [-l] [-s]: sockets of all programs: what waits in them, their ends, TCP's state, and how often
 * the oldest segment was sent since the peer last answered. -l: only those that listen; -s: counters of
 * the network server instead, those that aren't 0.
 */
#include "common/arguments.h"
#include "common/inet.h"
#include "common/table.h"

#include <arpa/inet.h>
#include <libanole/anole.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *type_of(const struct sock_info *socket)
{
    static const char *const types[][2] = {
        [SOCK_TYPE_STREAM] = {"tcp", "tcp6"},
        [SOCK_TYPE_DATAGRAM] = {"udp", "udp6"},
        [SOCK_TYPE_ECHO] = {"icmp", "icmp6"},
    };

    return socket->type >= SOCK_TYPE_STREAM && socket->type <= SOCK_TYPE_ECHO
               ? types[socket->type][socket->local.family == SOCK_INET6]
               : "?";
}

static const char *state_of(const struct sock_info *socket)
{
    static const char *const states[] = {
        [0] = "",
        [SOCK_STATE_CLOSED] = "CLOSED",
        [SOCK_STATE_LISTEN] = "LISTEN",
        [SOCK_STATE_SYN_SENT] = "SYN-SENT",
        [SOCK_STATE_SYN_RECEIVED] = "SYN-RECEIVED",
        [SOCK_STATE_ESTABLISHED] = "ESTABLISHED",
        [SOCK_STATE_FIN_WAIT_1] = "FIN-WAIT-1",
        [SOCK_STATE_FIN_WAIT_2] = "FIN-WAIT-2",
        [SOCK_STATE_CLOSE_WAIT] = "CLOSE-WAIT",
        [SOCK_STATE_CLOSING] = "CLOSING",
        [SOCK_STATE_LAST_ACK] = "LAST-ACK",
        [SOCK_STATE_TIME_WAIT] = "TIME-WAIT",
    };

    return socket->state < sizeof(states) / sizeof(states[0]) ? states[socket->state] : "?";
}

static void address_cell(struct table *table, const struct sock_address *address)
{
    char ip[INET6_ADDRSTRLEN] = "-";

    if (address->family == SOCK_INET || address->family == SOCK_INET6)
        (void)inet_ntop(address->family == SOCK_INET6 ? AF_INET6 : AF_INET, address->ip, ip,
                        sizeof(ip));
    if (address->family == SOCK_INET6)
        table_cell(table, "[%s]:%u", ip, address->port);
    else
        table_cell(table, "%s:%u", ip, address->port);
}

static int print_sockets(bool only_listening)
{
    static const struct table_column columns[] = {
        {"TYPE", false},  {"RECEIVED", true}, {"UNSENT", true}, {"LOCAL", false}, {"PEER", false},
        {"STATE", false}, {"AGAIN", true},    {"RTO ms", true}, {"OWNER", true},
    };
    struct sock_info *sockets;
    struct table table;
    void *list;
    unsigned count;
    int status = inet_read_list(SOCK_LIST, sizeof(*sockets), &list, &count);

    if (status != 0) {
        fprintf(stderr, "netstat: %s\n", anole_error_text(status));
        return 1;
    }
    sockets = list;
    table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (unsigned i = 0; i < count; i++) {
        if (only_listening && sockets[i].state != SOCK_STATE_LISTEN)
            continue;
        table_cell(&table, "%s", type_of(&sockets[i]));
        table_cell(&table, "%u", sockets[i].received);
        table_cell(&table, "%u", sockets[i].unsent);
        address_cell(&table, &sockets[i].local);
        address_cell(&table, &sockets[i].peer);
        table_cell(&table, "%s", state_of(&sockets[i]));
        table_cell(&table, "%u", sockets[i].retransmissions);
        table_cell(&table, "%u", sockets[i].retransmission_ms);
        table_endpoint(&table, sockets[i].owner);
    }
    free(list);
    return table_print(&table);
}

static int print_counters(void)
{
    static const char *const texts[] = {
#define TEXT(name, text) text,
        INET_COUNTERS(TEXT)
#undef TEXT
    };
    struct inet_status server;
    int status = inet_read(INET_STATUS, &server, sizeof(server));

    if (status != 0) {
        fprintf(stderr, "netstat: %s\n", anole_error_text(status));
        return 1;
    }
    const struct inet_counters *counters = &server.counters;
    const uint64_t values[] = {
#define VALUE(name, text) counters->name,
        INET_COUNTERS(VALUE)
#undef VALUE
    };
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (values[i] != 0)
            printf("%lu %s\n", (unsigned long)values[i], texts[i]);
    return 0;
}

int main(int argc, char *argv[])
{
    bool listening = false, counters = false;
    int option;

    while ((option = getopt(argc, argv, "ls")) != -1) {
        if (option != 'l' && option != 's')
            return print_usage("netstat [-l | -s]");
        listening |= option == 'l';
        counters |= option == 's';
    }
    if (optind != argc || (listening && counters))
        return print_usage("netstat [-l | -s]");
    return counters ? print_counters() : print_sockets(listening);
}
