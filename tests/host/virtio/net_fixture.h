/*
 * What the tests of libnet's server and of virtio_net share: the driver over the model of its device
 * (nic_model.h), and clients with a channel and a pool.
 */
#ifndef TESTS_VIRTIO_NET_FIXTURE_H
#define TESTS_VIRTIO_NET_FIXTURE_H

#include "fake_kernel.h"
#include "nic_model.h"

#include <drivers/virtio_net/nic.h>
#include <libchan/channel.h>
#include <libvirtio/feature_bits.h>
#include <libvirtio/mmio.h>

#define BIT(feature) ((uint64_t)1 << (feature).number)
#define NET_USUAL                                                                                  \
    (BIT(VIRTIO_F_EVENT_IDX) | BIT(VIRTIO_F_INDIRECT_DESC) | BIT(VIRTIO_NET_F_MAC) |               \
     BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_CTRL_VQ) |          \
     BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_VLAN) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |   \
     BIT(VIRTIO_NET_F_GUEST_ANNOUNCE))
#define NET_OFFLOADS                                                                               \
    (BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) |         \
     BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6))

#define CLIENT_A 0x401u
#define CLIENT_B 0x801u
#define PENDING 1
#define POOL_BYTES (256u * 1024u)
#define ENTRIES 256u
#define BUFFER_BYTES 2048u

struct client {
    endpoint_t process;
    uint64_t session;
    struct channel channel;
    void *memory; /* of the channel */
    unsigned char *pool;
    handle_t grant;
    bool attached;
    uint32_t last_id;
};

extern struct nic_model model;
extern struct nic nic;
extern unsigned died; /* enum nic_evidence, 0: alive */
extern struct client a, b;

/* Starts a driver over a device that offers that; a and b are processes without sessions. */
void net_start(uint64_t features);
/* The same in two steps, so that the device can be changed before. */
void net_device(uint64_t features);
int net_driver(void);
int net_set_up(void **state);
int net_tear_down(void **state);

/* The address that the device tells; a frame to that one (or another), of any bytes. */
extern const unsigned char net_own[6];
extern unsigned char net_frame[NIC_MODEL_FRAME];
void net_make(const unsigned char *to, size_t len);

/* The driver works until it would sleep, and the device until it is done. */
void net_work(void);
/* Time passes, with the driver's timer. */
void net_pass(uint64_t microseconds);

/* A request by message: its status, or PENDING. The reply's words come into message. */
int net_call_as(const struct client *client, uint32_t type, struct message *message);
extern uint64_t net_last_call;

void client_open(struct client *client, endpoint_t process);
/* ... with a channel and a pool, and this mode. */
void client_start(struct client *client, endpoint_t process, uint32_t mode);
int client_mode(const struct client *client, uint32_t mode);
int client_attach(struct client *client);
/* PENDING is waited out; it must be answered. */
void client_end(struct client *client);
uint32_t client_put(struct client *client, uint32_t type, uint32_t flags, uint64_t w2, uint64_t w3,
                    uint64_t w4);
/* Publishes, rings, works. */
void client_go(struct client *client);
/* The next answer: 1, or 0: there is none. */
int client_answer(struct client *client, struct message *answer);
/* Posts so many buffers of BUFFER_BYTES from the pool's start on; returns the first one's id. */
uint32_t client_post(struct client *client, unsigned count);
void net_statistics(struct net_stats *stats);

#endif
