/*
 * The control queue (virtio 1.4, 5.1.6.5): one command at a time, waited for. Commands are rare, and
 * devices do them at once; one that doesn't answer is as good as hung.
 */
#include "nic.h"

#include <libanole/anole.h>
#include <libvirtio/feature_bits.h>
#include <stdatomic.h>
#include <string.h>

/* Classes and commands. */
#define CTRL_RX 0u
#define CTRL_RX_PROMISC 0u
#define CTRL_RX_ALLMULTI 1u
#define CTRL_MAC 1u
#define CTRL_MAC_TABLE_SET 0u
#define CTRL_MAC_ADDR_SET 1u
#define CTRL_VLAN 2u
#define CTRL_VLAN_ADD 0u
#define CTRL_VLAN_DEL 1u
#define CTRL_ANNOUNCE 3u
#define CTRL_ANNOUNCE_ACK 0u
#define CTRL_MQ 4u
#define CTRL_MQ_VQ_PAIRS_SET 0u

#define ACK_OK 0u
#define ACK_UNWRITTEN 0xffu
#define TIMEOUT_US 1000000u
#define WAIT_US 10000u

static struct virtq_segment part(const struct nic *nic, size_t offset, size_t len)
{
    return (struct virtq_segment){
        .device_address = nic->control_device_address + offset,
        .len_bytes = (uint32_t)len,
    };
}

/* Waits for the answer: 0; -EPROTO: the ring is broken; -ETIMEDOUT. */
static int await_answer(struct nic *nic)
{
    struct virtio_platform *platform = nic->device.transport->platform;
    uint64_t deadline = platform->now_us(platform) + TIMEOUT_US;
    struct virtq_used used;
    for (;;) {
        int rc = virtq_take(&nic->control, &used);
        if (rc != 0)
            return rc < 0 ? rc : 0;
        if (platform->now_us(platform) >= deadline)
            return -ANOLE_ETIMEDOUT;
        rc = virtq_arm(&nic->control, 1);
        if (rc < 0)
            return rc;
        if (rc == 0) {
            platform->wait(platform, platform->now_us(platform) + WAIT_US);
            (void)nic_interrupt(nic, NOTIFY_BIT(NET_DEVICE_BIT)); /* if it was the line */
        }
    }
}

/* Sends what lies in the command memory, with `count` parts of data, and waits. */
static int command(struct nic *nic, unsigned class, unsigned number,
                   const struct virtq_segment *data, unsigned count)
{
    struct nic_control_memory *memory = nic->control_memory;
    struct virtq_segment chain[4];
    memory->command[0] = (uint8_t) class;
    memory->command[1] = (uint8_t)number;
    atomic_store_explicit(&memory->ack, ACK_UNWRITTEN, memory_order_relaxed);
    chain[0] = part(nic, offsetof(struct nic_control_memory, command), sizeof(memory->command));
    for (unsigned i = 0; i < count; i++)
        chain[1 + i] = data[i];
    chain[1 + count] = part(nic, offsetof(struct nic_control_memory, ack), 1);
    int rc = virtq_add(&nic->control, chain, 1 + count, 1, NULL, 0);
    if (rc == 0)
        rc = virtq_kick(&nic->control);
    if (rc >= 0)
        rc = await_answer(nic);
    if (rc < 0) {
        nic_die(nic, rc == -ANOLE_ETIMEDOUT ? NIC_STUCK : NIC_BROKEN_RING);
        return -ANOLE_EIO;
    }
    return atomic_load_explicit(&memory->ack, memory_order_relaxed) == ACK_OK ? 0 : -ANOLE_EIO;
}

static int small_command(struct nic *nic, unsigned class, unsigned number, const void *data,
                         size_t len)
{
    memcpy(nic->control_memory->small, data, len);
    struct virtq_segment segment = part(nic, offsetof(struct nic_control_memory, small), len);
    return command(nic, class, number, &segment, 1);
}

static int switch_mode(struct nic *nic, unsigned number, bool on)
{
    uint8_t byte = on;
    return small_command(nic, CTRL_RX, number, &byte, sizeof(byte));
}

static int table_set(struct nic *nic, const struct net_filter *filter)
{
    struct nic_control_memory *memory = nic->control_memory;
    size_t unicast_len = filter->unicast_count * (size_t)NET_ADDRESS_BYTES;
    size_t multicast_len = filter->multicast_count * (size_t)NET_ADDRESS_BYTES;
    memory->unicast_count = filter->unicast_count;
    memory->multicast_count = filter->multicast_count;
    memcpy(memory->unicast, filter->unicast, unicast_len);
    memcpy(memory->multicast, filter->multicast, multicast_len);
    const struct virtq_segment tables[] = {
        part(nic, offsetof(struct nic_control_memory, unicast_count),
             sizeof(memory->unicast_count) + unicast_len),
        part(nic, offsetof(struct nic_control_memory, multicast_count),
             sizeof(memory->multicast_count) + multicast_len),
    };
    return command(nic, CTRL_MAC, CTRL_MAC_TABLE_SET, tables, 2);
}

int nic_filter(struct net_device *device, const struct net_filter *filter)
{
    struct nic *nic = nic_of(device);
    if (!nic_has(nic, VIRTIO_NET_F_CTRL_RX))
        return 0;
    int rc = table_set(nic, filter);
    if (rc == 0)
        rc = switch_mode(nic, CTRL_RX_ALLMULTI, filter->all_multicast);
    if (rc == 0)
        rc = switch_mode(nic, CTRL_RX_PROMISC, filter->promiscuous);
    return rc;
}

int nic_vlan(struct net_device *device, unsigned vlan, bool wanted)
{
    struct nic *nic = nic_of(device);
    uint16_t id = (uint16_t)vlan;
    if (!nic_has(nic, VIRTIO_NET_F_CTRL_VLAN))
        return 0;
    return small_command(nic, CTRL_VLAN, wanted ? CTRL_VLAN_ADD : CTRL_VLAN_DEL, &id, sizeof(id));
}

int nic_mac_set(struct net_device *device, const uint8_t address[NET_ADDRESS_BYTES])
{
    return small_command(nic_of(device), CTRL_MAC, CTRL_MAC_ADDR_SET, address, NET_ADDRESS_BYTES);
}

int nic_announced(struct nic *nic)
{
    return command(nic, CTRL_ANNOUNCE, CTRL_ANNOUNCE_ACK, NULL, 0);
}

int nic_pairs_set(struct nic *nic, unsigned pairs)
{
    uint16_t count = (uint16_t)pairs;
    return small_command(nic, CTRL_MQ, CTRL_MQ_VQ_PAIRS_SET, &count, sizeof(count));
}
