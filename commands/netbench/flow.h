/*
 * A flow of numbered datagrams as its receiver sees it.
 */
#ifndef NETBENCH_FLOW_H
#define NETBENCH_FLOW_H

#include "iperf.h"

struct flow {
    uint64_t datagrams, bytes;
    uint64_t out_of_order;
    uint64_t first_us, last_us; /* when they came, by the receiver's clock */
    uint64_t lowest, highest;   /* numbers seen */
    int64_t transit_us;         /* of the one before: the clocks' difference is in it */
    uint64_t jitter_16us;       /* in sixteenths */
};

void flow_take(struct flow *flow, const struct iperf_datagram *datagram, size_t len,
               uint64_t now_us);
void flow_report(const struct flow *flow, struct iperf_report *report);

#endif
