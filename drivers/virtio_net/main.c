/*
 * The virtio network driver: one process, one interface. RS starts it with the device's register window
 * and interrupt in its resource table; clients reach it as "eth0", "eth1" ... It owns the device, its
 * rings and nothing else. When it can't go on it exits and is started anew over a fresh device: starting
 * is its only recovery. The protocol is libnet's business, rings and registers are libvirtio's.
 */
#include "nic.h"

#include <libanole/anole.h>
#include <libanole/service.h>
#include <libvirtio/attach.h>
#include <libvirtio/feature_bits.h>
#include <libvirtio/info.h>
#include <stdio.h>
#include <stdlib.h>

/* For each pair, as much as the longest frame takes. */
#define COPIES_LEN (NET_COPIES_A_LANE * 2048u)
static_assert(COPIES_LEN >= NET_FRAME_BYTES_MAX + 2048u, "the device never waits for a buffer");

static struct nic nic;
static struct virtio_attached attached;
static char nic_name[8];

void nic_die(struct nic *dying, enum nic_evidence evidence)
{
    static const char *const text[] = {
        [NIC_NO_RESET] = "it doesn't come out of reset",
        [NIC_NEEDS_RESET] = "it needs a reset",
        [NIC_BROKEN_RING] = "it broke a ring",
        [NIC_STUCK] = "it doesn't answer",
    };
    virtio_give_up(dying->net.name, text[evidence], evidence);
}

static _Noreturn void fail(const char *step, int error)
{
    log_printf(LOG_ERROR, "%s: %s: %s", nic_name, step, anole_error_text(error));
    exit(1);
}

static void probe(void)
{
    virtio_attach(&attached, nic_name, VIRTIO_ID_NET, NET_DEVICE_BIT);
    int rc = nic_open(&nic, attached.transport, nic_name);
    if (rc < 0)
        virtio_open_failed(nic_name, &nic.device, "bringing it up", rc);
    /* The control queue has the bit that the platform waits for: its answers are waited for. */
    if (nic_has(&nic, VIRTIO_NET_F_CTRL_VQ))
        rc = virtio_attach_queue(&attached, nic.control_queue);
    for (unsigned queue = 0; queue < 2 * nic.pairs && rc == 0; queue++)
        rc = virtio_attach_queue_to(&attached, queue, NET_DEVICE_BIT + 2 + queue);
    if (rc < 0)
        fail("the interrupts of its queues", rc);
}

/* For `virtio dump`. */
static void count(struct virtio_counters *counters)
{
    const struct net_stats *stats = &nic.net.stats;
    *counters = nic.counters;
    counters->kicks = stats->kicks;
    counters->kicks_suppressed = stats->kicks_suppressed;
    counters->interrupts = stats->interrupts;
    counters->spurious_interrupts = stats->spurious_interrupts;
}

static void announce(void)
{
    const struct net_info *info = &nic.net.info;
    const uint8_t *a = info->address;
    char pairs[32] = "";
    if (nic.pairs > 1)
        (void)snprintf(pairs, sizeof(pairs), ", %u pairs of queues", nic.pairs);
    log_printf(LOG_INFO, "%s: %02x:%02x:%02x:%02x:%02x:%02x, MTU %u%s%s%s, %u + %u frames",
               nic_name, a[0], a[1], a[2], a[3], a[4], a[5], info->mtu_bytes, pairs,
               (info->flags & NET_INFO_TX_CSUM) != 0 ? ", checksums" : "",
               info->tx_segments_max_bytes != 0 ? ", segmentation" : "", info->rx_slots,
               info->tx_slots);
}

int main(void)
{
    (void)snprintf(nic_name, sizeof(nic_name), "eth%u", startup_page()->unit % 1000);
    probe();

    struct dma_memory copies;
    size_t least = nic.net.info.rx_buffer_min_bytes;
    size_t len = nic.pairs * (16 * least > COPIES_LEN ? 16 * least : COPIES_LEN);
    int rc = attached.platform.dma_alloc(&attached.platform, len, &copies);
    if (rc < 0)
        fail("memory for frames", rc);
    net_server_start(&nic.net, copies.address, copies.device_address, copies.len_bytes);
    announce();
    nic_link_read(&nic);

    virtio_info_serve(&attached, &nic.device, count);
    service_ready();
    rc = service_publish(nic_name);
    if (rc < 0)
        fail("publishing its name", rc);
    net_server_run();
}
