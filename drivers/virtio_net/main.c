/*
 * The virtio network driver: one process, one interface. RS starts it with the device's register window
 * and interrupt in its resource table; clients reach it as "eth0", "eth1" ... It owns the device, its
 * rings and nothing else. When it can't go on it exits and is started anew over a fresh device: starting
 * is its only recovery. The protocol is libnet's business, rings and registers are libvirtio's.
 */
#include "nic.h"

#include <libanole/anole.h>
#include <libanole/service.h>
#include <libvirtio/mmio.h>
#include <stdio.h>
#include <stdlib.h>

#define COPIES_LEN (64u * 2048u)

static struct nic nic;
static struct virtio_platform platform;
static struct virtio_mmio mmio;
static char nic_name[8];

void nic_die(struct nic *dying, enum nic_evidence evidence)
{
    static const char *const text[] = {
        [NIC_NO_RESET] = "it doesn't come out of reset",
        [NIC_NEEDS_RESET] = "it needs a reset",
        [NIC_BROKEN_RING] = "it broke a ring",
        [NIC_STUCK] = "it doesn't answer",
    };
    log_printf(LOG_ERROR, "%s: giving the device up for a reset: %s", dying->net.name,
               text[evidence]);
    kcall_exit(DEATH_DEVICE_RESET, evidence);
}

static _Noreturn void fail(const char *step, int error)
{
    log_printf(LOG_ERROR, "%s: %s: %s", nic_name, step, anole_error_text(error));
    exit(1);
}

/* Finds the window and the interrupt among this driver's resources, whatever their order. */
static int take_resources(void **window, size_t *len)
{
    unsigned count = startup_page()->resources;
    int window_rc = -ANOLE_ENODEV;
    int irq_rc = -ANOLE_ENODEV;
    for (unsigned i = 0; i < count; i++) {
        if (window_rc < 0)
            window_rc = kcall_window_map(i, window, len);
        if (irq_rc < 0)
            irq_rc = kcall_irq_bind(i, 0, NET_DEVICE_BIT);
    }
    return window_rc < 0 ? window_rc : irq_rc;
}

static void probe(void)
{
    void *window = NULL;
    size_t len = 0;
    int rc = take_resources(&window, &len);
    if (rc < 0)
        fail("register window and interrupt", rc);
    virtio_platform_anole(&platform, NET_DEVICE_BIT);
    rc = virtio_mmio_probe(&mmio, &platform, (uintptr_t)window, len);
    if (rc < 0) {
        log_printf(LOG_ERROR, "%s: magic %#x (want 0x74726976), version %u (want 1 or 2)", nic_name,
                   mmio.magic, mmio.version);
        fail("probing", rc);
    }
    if (mmio.transport.device_id != VIRTIO_ID_NET) {
        log_printf(LOG_ERROR, "%s: device id %u (want %u)", nic_name, mmio.transport.device_id,
                   VIRTIO_ID_NET);
        fail("probing", -ANOLE_ENODEV);
    }
    rc = nic_open(&nic, &mmio.transport, nic_name);
    if (rc == -ANOLE_ETIMEDOUT)
        nic_die(&nic, NIC_NO_RESET);
    if (rc < 0)
        fail("bringing the device up", rc);
}

static void announce(void)
{
    const struct net_info *info = &nic.net.info;
    const uint8_t *a = info->address;
    log_printf(LOG_INFO, "%s: %02x:%02x:%02x:%02x:%02x:%02x, MTU %u%s%s, %u + %u frames", nic_name,
               a[0], a[1], a[2], a[3], a[4], a[5], info->mtu_bytes,
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
    size_t len = 16 * least > COPIES_LEN ? 16 * least : COPIES_LEN;
    int rc = platform.dma_alloc(&platform, len, &copies);
    if (rc < 0)
        fail("memory for frames", rc);
    net_server_start(&nic.net, copies.address, copies.device_address, copies.len_bytes);
    announce();
    nic_link_read(&nic);

    service_ready();
    rc = service_publish(nic_name);
    if (rc < 0)
        fail("publishing its name", rc);
    net_server_run();
}
