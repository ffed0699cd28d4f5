/*
 * A virtio network device (virtio 1.4, 5.1) as a device of libnet's server. nic.c brings it up, ring.c
 * moves frames, control.c sends commands. One thread serves all pairs of queues (several where
 * VIRTIO_NET_F_MQ is offered) and, where offered, the control queue. Each frame in flight has a slot: memory for its header and its indirect descriptors. The header is
 * always a descriptor of its own: what the device writes into it only the driver sees.
 */
#ifndef VIRTIO_NET_NIC_H
#define VIRTIO_NET_NIC_H

#include <libnet/server.h>
#include <libvirtio/device.h>
#include <proto/virtio.h>

/* Numbers of a pair's queues; control is behind all pairs that the device has. */
#define NIC_QUEUE_RX(pair) (2u * (pair))
#define NIC_QUEUE_TX(pair) (2u * (pair) + 1u)
#define NIC_PAIRS_MAX 4u
#define NIC_QUEUE_SIZE 256u /* of all receive queues together, and of all transmit queues */
#define NIC_CONTROL_QUEUE_SIZE 8u
#define NIC_TX_TABLE_ENTRIES (NET_PIECES_MAX + 1u)
#define NIC_RX_TABLE_ENTRIES (NET_RX_PIECES_MAX + 1u)

/* What precedes each frame (virtio 1.4, 5.1.6). Legacy devices without MRG_RXBUF know no num_buffers,
 * and 2 bytes less. */
struct nic_header {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t header_bytes;
    uint16_t gso_bytes;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t num_buffers;
};
static_assert(sizeof(struct nic_header) == 12, "virtio 1.4, 5.1.6");
static_assert(sizeof(struct nic_header) == NET_PREFIX_BYTES, "a later part's first bytes fit");

/* Shared with the device. */
struct nic_tx_memory {
    uint8_t table[NIC_TX_TABLE_ENTRIES * VIRTQ_DESCRIPTOR_SIZE];
    struct nic_header header;
    uint8_t padding[4];
};
static_assert(sizeof(struct nic_tx_memory) == 1024, "slots don't straddle pages");

struct nic_rx_memory {
    uint8_t table[NIC_RX_TABLE_ENTRIES * VIRTQ_DESCRIPTOR_SIZE];
    struct nic_header header;
    uint8_t padding[4];
};
static_assert(sizeof(struct nic_rx_memory) == 128, "slots don't straddle pages");

/* A command of the control queue: its parts, each in a descriptor of its own. */
struct nic_control_memory {
    uint8_t command[2]; /* class, command */
    uint8_t small[6];   /* data of all but MAC_TABLE_SET: */
    uint32_t unicast_count;
    uint8_t unicast[NET_ADDRESSES_MAX][NET_ADDRESS_BYTES];
    uint32_t multicast_count;
    uint8_t multicast[NET_ADDRESSES_MAX][NET_ADDRESS_BYTES];
    _Atomic uint8_t ack; /* last: nothing of ours lies behind what the device may write */
};

/* Private: what the device can't change. */
struct nic_slot {
    uint16_t token;
    uint16_t next_free;
    uint32_t bytes; /* of what is sent */
};

/* A ring of one direction; its slots, chains and memory are a stretch of those of all pairs. */
struct nic_ring {
    struct virtq queue;
    uint16_t free_slot;
    bool full; /* something didn't fit the last time */
    uint64_t memory_device_address;
    struct nic_slot *slots;
};

/* The frame that is being put together of a receive ring's buffers (MRG_RXBUF). */
struct nic_assembly {
    unsigned parts_wanted; /* 0: none */
    bool bad;
    struct net_incoming frame;
    struct net_part parts[NET_RX_PARTS_MAX];
};

struct nic_pair {
    struct nic_ring rx, tx;
    struct nic_rx_memory *rx_memory;
    struct nic_tx_memory *tx_memory;
    struct nic_assembly assembly;
};

/* Why the process ends as DEATH_DEVICE_RESET: the death record's detail. */
enum nic_evidence {
    NIC_NO_RESET = 1,    /* it doesn't come out of reset, or is another one then */
    NIC_NEEDS_RESET = 2, /* it says so itself, or lost its status */
    NIC_BROKEN_RING = 3, /* it wrote nonsense into a ring */
    NIC_STUCK = 4,       /* a frame isn't sent, a command not answered */
};

struct nic {
    struct net_device net; /* first: libnet hands it back */
    struct virtio_device device;
    struct nic_pair pair[NIC_PAIRS_MAX];
    unsigned pairs;         /* that are set up */
    unsigned turn;          /* the pair whose frames are looked at first */
    uint16_t control_queue; /* its number */
    struct virtq control;
    struct virtq_chain control_chains[NIC_CONTROL_QUEUE_SIZE];
    struct nic_control_memory *control_memory;
    uint64_t control_device_address;
    struct virtio_counters counters; /* operations */
    uint32_t header_len;
    bool config_changed; /* seen, and to be looked at */
    struct nic_slot rx_slots[NIC_QUEUE_SIZE], tx_slots[NIC_QUEUE_SIZE];
    struct virtq_chain rx_chains[NIC_QUEUE_SIZE], tx_chains[NIC_QUEUE_SIZE];
};

/*
 * Brings the device up to DRIVER_OK and describes it in nic->net. The interrupt must be bound. 0, or an
 * error with a line in the log; -ETIMEDOUT: it doesn't come out of reset.
 */
int nic_open(struct nic *nic, struct virtio_transport *transport, const char *name);

/* Brings the device up again as it was, with empty rings: that of the receive queue alone, if the device
 * can do that of all pairs (false), or all of them. */
bool nic_take_back(struct nic *nic);

/* Ends the process: only a reset of the device helps (main.c; tests have their own). */
void nic_die(struct nic *nic, enum nic_evidence evidence);

/* Reads the link's state and tells the server what is new. */
void nic_link_read(struct nic *nic);

/* Finds out what an interrupt is for, and acknowledges it; the rings are looked at afterwards. Bits:
 * NET_DEVICE_BIT is the line, or the vector of configuration changes, those behind it are vectors of
 * queues. False: it wasn't ours. (ring.c) */
bool nic_interrupt(struct nic *nic, uint64_t bits);
/* All slots of the receive ring, or of both, are free. (ring.c) */
void nic_pair_init(struct nic_pair *pair, bool both);
extern const struct net_device_ops nic_ops;

/* Commands. 0, or -EIO: the device refuses. (control.c) */
int nic_filter(struct net_device *device, const struct net_filter *filter);
int nic_vlan(struct net_device *device, unsigned vlan, bool wanted);
int nic_mac_set(struct net_device *device, const uint8_t address[NET_ADDRESS_BYTES]);
int nic_announced(struct nic *nic);
/* How many pairs are used, the first ones, both ways; after a reset it is one. */
int nic_pairs_set(struct nic *nic, unsigned pairs);

static inline struct nic *nic_of(struct net_device *device)
{
    return (struct nic *)device; /* its first member */
}

static inline bool nic_has(const struct nic *nic, struct feature_bit feature)
{
    return feature_has(nic->device.features, feature);
}

#endif
