/*
 * What moving data cost: the kernel's counters, summed over harts, and the network driver's. Nothing
 * else should run meanwhile.
 */
#include "netbench.h"

#include <libanole/anole.h>
#include <libbench/bench.h>
#include <stdio.h>
#include <string.h>

#define DRIVER_TIMEOUT_US 1000000u

static bool driver_read(const char *interface, struct net_stats *stats)
{
    struct message message = {0};
    endpoint_t driver;
    handle_t grant;

    memset(stats, 0, sizeof(*stats));
    if (name_lookup(interface, &driver) != 0 ||
        kcall_grant(driver, stats, sizeof(*stats), GRANT_WRITE, &grant) != 0)
        return false;
    message.word[2] = grant;
    int status = anole_call(driver, NET_STATS, &message, deadline_in_us(DRIVER_TIMEOUT_US));
    if (kcall_revoke(grant, -1) != 0)
        panic("the driver pins a page for its numbers");
    return status == 0;
}

void counts_read(const char *interface, struct counts *counts)
{
    counts->has_driver = driver_read(interface, &counts->driver);
    bench_counters(&counts->kernel);
}

static void print_each(const char *what, uint64_t total, uint64_t operations)
{
    char text[24];

    printf(", %s %s", bench_per_op(text, sizeof(text), total, operations), what);
}

void counts_print(const struct counts *before, const struct counts *after, uint64_t exchanges)
{
    const struct counters *k0 = &before->kernel, *k1 = &after->kernel;
    const struct net_stats *d0 = &before->driver, *d1 = &after->driver;
    bool driver = before->has_driver && after->has_driver;
    uint64_t sent = d1->tx_frames - d0->tx_frames, received = d1->rx_frames - d0->rx_frames;
    uint64_t operations = exchanges > 0 ? exchanges : sent + received;

    if (exchanges > 0)
        printf("  each exchange");
    else if (driver && operations > 0)
        printf("  each of %lu frames sent, %lu received", (unsigned long)sent,
               (unsigned long)received);
    else
        return; /* nothing that these numbers could be divided by */
    print_each("switches", k1->space_switches - k0->space_switches, operations);
    print_each("messages", k1->messages - k0->messages, operations);
    print_each("doorbells", k1->notifications - k0->notifications, operations);
    print_each("bytes copied", k1->copied_bytes - k0->copied_bytes, operations);
    if (driver) {
        print_each("kicks", d1->kicks - d0->kicks, operations);
        print_each("interrupts", d1->interrupts - d0->interrupts, operations);
        print_each("batches", d1->batches - d0->batches, operations);
        print_each("bytes copied by the driver", d1->copied_bytes - d0->copied_bytes, operations);
    }
    printf("\n");
}
