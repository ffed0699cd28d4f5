/*
 * After a driver's death, or when the link is there again: what was on its way may be lost. lwIP's own
 * timers would find out in time; here every connection goes on at once.
 */
#include "interface.h"

#include <lwip/ip.h>
#include <lwip/priv/tcp_priv.h>

#define RESUME_ACKS 4u /* a window update, and three that repeat it */

/*
 * The oldest unacknowledged segment is sent again; that it was lost says nothing of the network, and
 * counts for nothing. What the peer may have sent in vain it is told by as many acknowledgements as make
 * it send again at once (RFC 5681, 3.2).
 */
static void resume(struct tcp_pcb *tcp)
{
    tcp->nrtx = 0;
    if (tcp->unacked && tcp_rexmit(tcp) == ERR_OK) {
        tcp->nrtx = 0;
        tcp->rtime = 0;
    }
    (void)tcp_output(tcp);
    if (tcp->persist_backoff > 0)
        (void)tcp_zero_window_probe(tcp);
    for (unsigned i = 0; tcp->state >= ESTABLISHED && i < RESUME_ACKS; i++)
        (void)tcp_send_empty_ack(tcp);
}

void connections_resume(struct interface *interface)
{
    for (struct tcp_pcb *tcp = tcp_active_pcbs; tcp; tcp = tcp->next) {
        if (ip_route(&tcp->local_ip, &tcp->remote_ip) != &interface->netif)
            continue;
        resume(tcp);
        interface->traffic.resumed++;
    }
}
