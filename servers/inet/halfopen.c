/*
 * Half-open connections: a peer has asked for one and not gone on yet. A flood of such requests fills a
 * listener's backlog, and lwIP then refuses new ones for as long as the old ones may still go on. Here
 * the oldest half-open one goes instead: it takes a whole backlog of requests in a round trip's time
 * to keep out somebody who means it.
 */
#include "inet.h"

#include <lwip/priv/tcp_priv.h>

static uint64_t shed;

/* The one that goes; NULL: there is none but the newest. */
static struct tcp_pcb *oldest_of(const struct tcp_pcb_listen *listener)
{
    struct tcp_pcb *newest = NULL, *oldest = NULL;

    /* New ones are put in front. */
    for (struct tcp_pcb *tcp = tcp_active_pcbs; tcp; tcp = tcp->next) {
        if (tcp->state != SYN_RCVD || tcp->listener != listener)
            continue;
        if (newest)
            oldest = tcp;
        else
            newest = tcp;
    }
    return oldest;
}

void half_open_shed(void)
{
    static uint32_t seen;

    if (seen == lwip_stats.mib2.tcppassiveopens)
        return;
    seen = lwip_stats.mib2.tcppassiveopens;
    for (struct tcp_pcb_listen *at = tcp_listen_pcbs.listen_pcbs; at; at = at->next) {
        struct tcp_pcb *oldest = at->accepts_pending >= at->backlog ? oldest_of(at) : NULL;
        if (!oldest)
            continue;
        tcp_abandon(oldest, 0);
        shed++;
    }
}

uint64_t half_open_count(void)
{
    return shed;
}
