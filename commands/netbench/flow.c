#include "flow.h"

/* RFC 1889, appendix A.8. */
static void add_jitter(struct flow *flow, int64_t transit_us)
{
    int64_t change = transit_us - flow->transit_us;
    uint64_t distance = (uint64_t)(change < 0 ? -change : change);

    flow->transit_us = transit_us;
    flow->jitter_16us += distance - (flow->jitter_16us + 8) / 16;
}

void flow_take(struct flow *flow, const struct iperf_datagram *datagram, size_t len,
               uint64_t now_us)
{
    int64_t transit_us = (int64_t)(now_us - datagram->sent_us);

    if (flow->datagrams == 0) {
        *flow = (struct flow){
            .first_us = now_us,
            .lowest = datagram->number,
            .highest = datagram->number,
            .transit_us = transit_us,
        };
    } else {
        add_jitter(flow, transit_us);
        if (datagram->number <= flow->highest)
            flow->out_of_order++;
        if (datagram->number > flow->highest)
            flow->highest = datagram->number;
        if (datagram->number < flow->lowest)
            flow->lowest = datagram->number;
    }
    flow->datagrams++;
    flow->bytes += len;
    flow->last_us = now_us;
}

void flow_report(const struct flow *flow, struct iperf_report *report)
{
    uint64_t sent = flow->datagrams > 0 ? flow->highest - flow->lowest + 1 : 0;

    *report = (struct iperf_report){
        .bytes = flow->bytes,
        .duration_us = flow->last_us - flow->first_us,
        /* Repeated ones may be more than those that are missing. */
        .lost = sent > flow->datagrams ? sent - flow->datagrams : 0,
        .out_of_order = flow->out_of_order,
        .datagrams = sent,
        .jitter_us = flow->jitter_16us / 16,
    };
}
