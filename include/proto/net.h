/*
 * Network interfaces. A driver publishes one name an interface ("eth0").
 *
 * The same 64-byte requests travel as messages (one ipc_call each) or through a channel (many at a
 * time). Frames travel through a channel only: they lie in the session's packet pool, which is granted
 * once, at ATTACH, and is reached by the device, never mapped by the driver. SEND and RECEIVE move a
 * single frame by message, for tests and small tools.
 *
 *   word[0]  NET_ID(id, flags): the id is the client's, unique among its requests in flight
 *   word[1]  session (from OPEN)
 *   word[2]..word[6] as the request says
 *
 * Reply: type = status, word[0] = NET_ID(id, flags), others as the request says. In a channel the
 * reply's endpoint field is unused (0), and the driver takes no more requests than it has room for
 * replies: what is answered and not taken counts, too.
 *
 * Frames begin with the destination address and have no checksum (FCS). A frame that is sent is
 * answered when the device has it no longer; that says nothing of the peer.
 *
 * Receiving. Each session says by RX_MODE which frames it wants, and each frame is given to every
 * session that wants it. A session gets at least what it asked for; when it is the only one that
 * receives, it may get more (a device without filters has no other way). Then its posted buffers are
 * the device's own, and nothing is copied. When several sessions receive, the driver receives into
 * memory of its own and copies each frame to those who want it: no session sees another's memory, nor
 * (but for buffers that the device has had from before) another's frames, and one that has no buffer
 * posted loses that frame alone, for itself alone, and counted.
 *
 * Errors of any request: EINVAL (unknown flag, bad length, bad piece), ERANGE (beyond the pool),
 * EBADHANDLE (session, grant), EPERM (grant's direction), ENOSYS (the device hasn't that feature),
 * EBUSY (too many sessions or requests in flight: try later), ETIMEDOUT, ECANCELED, EIO (the device
 * refuses), EDEADENDPOINT (the driver died: from the kernel). After any error a buffer is the client's
 * again only when KCALL_REVOKE has succeeded, or DETACH was answered. When the driver died a frame that
 * wasn't answered may or may not have been sent: who sends it again may send it twice.
 */
#ifndef PROTO_NET_H
#define PROTO_NET_H

#include <anole/handle.h>
#include <anole/message.h>
#include <assert.h>
#include <stdint.h>

#define NET_ADDRESS_BYTES 6u
#define NET_FRAME_MIN 14u     /* an Ethernet header */
#define NET_TAG_BYTES 4u      /* of an 802.1Q header */
#define NET_PIECES_INLINE 4u  /* of a frame, in the request itself */
#define NET_PIECES_MAX 62u    /* of a frame, by vector */
#define NET_ADDRESSES_MAX 64u /* of one session's RX_MODE */
#define NET_VLANS 4096u
#define NET_PREFIX_BYTES 12u /* of a frame's later parts, at most: see RX_POST */
#define NET_POOL_BYTES_MAX (16u << 20)

enum net_request {
    NET_INFO = MESSAGE_TYPE(PROTO_NET, 1),   /* w0 id, w2 grant (write) for struct net_info, w3
                                                offset. Needs no session */
    NET_OPEN = MESSAGE_TYPE(PROTO_NET, 2),   /* message only. w0 id -> w1 session. It receives
                                                nothing until RX_MODE says so */
    NET_CLOSE = MESSAGE_TYPE(PROTO_NET, 3),  /* message only. w0 id, w1 session. EBUSY: requests are
                                                in flight, or it is attached */
    NET_ATTACH = MESSAGE_TYPE(PROTO_NET, 4), /* message only. w0 id, w1 session, w2 channel region
                                                offer, w3 doorbell made for the driver, w4 grant of
                                                the packet pool (read and write), w5 its length,
                                                w6 ring entries -> w1 doorbell for the client */
    NET_DETACH = MESSAGE_TYPE(PROTO_NET, 5), /* message only. w0 id, w1 session: the driver forgets
                                                the channel and the pool. Answered when nothing of
                                                it is in the device. The session stays, deaf */
    NET_TX = MESSAGE_TYPE(PROTO_NET, 6), /* channel only. w0 id|NET_TX_*, w2 offload, w3-6 pieces
                                                in order (NET_PIECE; unused ones 0). With
                                                NET_TX_VECTOR: w3 offset in the pool of struct
                                                net_piece[], w4 how many -> w1 bytes */
    NET_RX_POST = MESSAGE_TYPE(PROTO_NET, 7), /* channel only. w0 id, w2 offset in the pool, w3
                                                bytes: rx_buffer_min_bytes or more. Answered when a
                                                frame or a part of one is in it: w0 NET_RX_*, w1
                                                bytes in it, w2 offload, w3 bytes of the whole
                                                frame. With NET_RX_MORE the next RX_POST answered
                                                goes on with the same frame. The later parts have
                                                w4 bytes, in w5-6, that belong before those in
                                                the buffer (memory before it may be left for
                                                them). ENOTWAITING etc. don't occur; ECANCELED:
                                                CANCEL or DETACH */
    NET_RX_MODE = MESSAGE_TYPE(PROTO_NET, 8), /* w0 id|NET_MODE_*, w1 session, w2 grant (read) of
                                                uint8_t[][6], w3 offset, w4 how many addresses,
                                                unicast and multicast, are wanted besides. Replaces
                                                the mode before; no flag, no address: deaf */
    NET_VLAN = MESSAGE_TYPE(PROTO_NET, 9), /* w0 id, w1 session, w2 VLAN 0..4095, w3 1: its tagged
                                                frames are wanted, 0: no more */
    NET_MAC_SET = MESSAGE_TYPE(PROTO_NET, 10), /* w0 id, w1 session, w2 address (first byte lowest).
                                                 EBUSY: another session is there. ENOSYS */
    NET_LINK = MESSAGE_TYPE(PROTO_NET, 11),  /* w0 id|NET_LINK_CHANGE, w1 session -> w1 NET_LINK_*,
                                               w2 number of changes so far, w3 Mbit/s (0: unknown).
                                               With the flag: w2 the number that the client knows;
                                               answered when it is another. Without: needs no
                                               session */
    NET_STATS = MESSAGE_TYPE(PROTO_NET, 12), /* w0 id, w1 session or 0, w2 grant (write) for struct
                                                net_stats, w3 offset */
    NET_SEND = MESSAGE_TYPE(PROTO_NET, 13), /* message only. w0 id|NET_TX_*, w1 session, w2 offload,
                                                w3 grant (read), w4 offset, w5 bytes, w6 deadline in
                                                ticks (0: none) -> w1 bytes */
    NET_RECEIVE = MESSAGE_TYPE(PROTO_NET, 14), /* message only. w0 id, w1 session, w3 grant (write),
                                                  w4 offset, w5 bytes, w6 deadline: waits for the
                                                  next frame -> w0 NET_RX_*, w1 its bytes, w2
                                                  offload. ERANGE: it was longer (w1), and is lost */
    NET_CANCEL = MESSAGE_TYPE(PROTO_NET, 15),  /* w0 id, w1 session, w2 id of the victim: 0 if it is
                                                 being canceled (its own answer still comes), ENOENT
                                                 if it is not in flight */
};

#define NET_ID(id, flags) ((uint64_t)(uint32_t)(id) | (uint64_t)(flags) << 32)
#define NET_ID_OF(word0) ((uint32_t)(word0))
#define NET_FLAGS_OF(word0) ((uint32_t)((word0) >> 32))

/* A piece of a frame: where in the pool, how many bytes (not 0). */
#define NET_PIECE(offset, len) ((uint64_t)(uint32_t)(offset) | (uint64_t)(len) << 32)
#define NET_PIECE_OFFSET(piece) ((uint32_t)(piece))
#define NET_PIECE_BYTES(piece) ((uint32_t)((piece) >> 32))

struct net_piece {
    uint32_t offset;
    uint32_t len_bytes;
};
static_assert(sizeof(struct net_piece) == 8, "shared layout");

/*
 * Offload word: where a checksum is to be put, and how a long segment is to be cut. All of it counts
 * from the frame's start. 0 unless NET_TX_CSUM or NET_RX_CSUM_PARTIAL is set.
 */
#define NET_OFFLOAD(csum_start, csum_offset, gso_bytes, header_bytes)                              \
    ((uint64_t)(uint16_t)(csum_start) | (uint64_t)(uint16_t)(csum_offset) << 16 |                  \
     (uint64_t)(uint16_t)(gso_bytes) << 32 | (uint64_t)(uint16_t)(header_bytes) << 48)
#define NET_CSUM_START(word) ((uint16_t)(word))          /* bytes from here on are summed ... */
#define NET_CSUM_OFFSET(word) ((uint16_t)((word) >> 16)) /* ... into here, counted from there */
#define NET_GSO_BYTES(word) ((uint16_t)((word) >> 32)) /* payload of each segment; 0: no cutting */
#define NET_HEADER_BYTES(word) ((uint16_t)((word) >> 48)) /* all headers, if it is to be cut */

/* Flags of TX and SEND. */
#define NET_TX_VECTOR 1u  /* TX: the pieces are in a vector in the pool */
#define NET_TX_CSUM 2u    /* the device completes the checksum; the pseudo header's sum is there */
#define NET_TX_TSO4 4u    /* ... and cuts it into TCP segments over IPv4; with NET_TX_CSUM */
#define NET_TX_TSO6 8u    /* ... over IPv6 */
#define NET_TX_ECN 16u    /* with TSO: CWR is set in the first segment only */
#define NET_TX_TAGGED 32u /* has an 802.1Q header, and so may be 4 bytes longer */

/* Flags in the answers of RX_POST and RECEIVE. */
#define NET_RX_MORE 1u      /* the frame goes on in the next answer */
#define NET_RX_CSUM_GOOD 2u /* the device vouches for the checksum */
#define NET_RX_CSUM_PARTIAL                                                                        \
    4u                 /* it comes from this machine or its host: the checksum isn't
                                  completed, the offload word says where it belongs */
#define NET_RX_TSO4 8u /* several segments in one, NET_GSO_BYTES each */
#define NET_RX_TSO6 16u
#define NET_RX_ECN 32u
#define NET_RX_LATER 64u /* not the frame's first part */

/* Flags of RX_MODE. */
#define NET_MODE_UNICAST 1u /* what is for the interface's own address */
#define NET_MODE_BROADCAST 2u
#define NET_MODE_ALL_MULTICAST 4u
#define NET_MODE_PROMISCUOUS 8u /* everything, tagged frames too */

#define NET_MODE_FLAGS                                                                             \
    (NET_MODE_UNICAST | NET_MODE_BROADCAST | NET_MODE_ALL_MULTICAST | NET_MODE_PROMISCUOUS)

#define NET_LINK_CHANGE 1u /* flag: answer when something has changed */

/* State of the link. */
#define NET_LINK_UP 1u
#define NET_LINK_FULL_DUPLEX 2u
#define NET_LINK_ANNOUNCE                                                                          \
    4u /* the peers should be told where we are (gratuitous ARP ...): set once, in
                                the first answer after the device asked for it */

#define NET_INFO_TX_CSUM 1u
#define NET_INFO_TX_TSO4 2u
#define NET_INFO_TX_TSO6 4u
#define NET_INFO_TX_ECN 8u
#define NET_INFO_RX_CSUM 16u   /* frames may come with partial checksums */
#define NET_INFO_RX_TSO 32u    /* ... and longer than the MTU */
#define NET_INFO_RX_FILTER 64u /* the device filters addresses */
#define NET_INFO_VLAN_FILTER 128u
#define NET_INFO_MAC_SET 256u
#define NET_INFO_LINK_EVENTS 512u
#define NET_INFO_MAC_RANDOM 1024u /* the device has no address: this one was made up */

struct net_info {
    uint8_t address[NET_ADDRESS_BYTES];
    uint16_t mtu_bytes;             /* of what follows the Ethernet header */
    uint32_t flags;                 /* NET_INFO_* */
    uint32_t link;                  /* NET_LINK_* */
    uint32_t speed_mbits;           /* 0: unknown */
    uint32_t tx_frame_max_bytes;    /* without cutting: mtu_bytes + 14, 4 more if tagged */
    uint32_t tx_segments_max_bytes; /* with NET_TX_TSO4 or 6; 0: neither is there */
    uint32_t tx_pieces_max;         /* of one frame, whatever its pages */
    uint32_t rx_buffer_min_bytes;
    uint32_t rx_buffer_max_bytes;
    uint32_t tx_slots, rx_slots; /* frames, buffers that the device takes at a time */
};
static_assert(sizeof(struct net_info) == 48, "shared layout");

/*
 * rx_frames = rx_direct_frames + rx_copied_frames + rx_unwanted_frames + rx_dropped_frames: whatever
 * the device delivered went to its one receiver, or to at least one of several, or nobody wanted it,
 * or all who did had no room. Frames that make no sense are rx_bad_frames, and in none of these.
 */
struct net_stats {
    uint64_t tx_frames, tx_bytes, tx_errors;
    uint64_t rx_frames, rx_bytes;
    uint64_t rx_direct_frames, rx_copied_frames, rx_unwanted_frames, rx_dropped_frames;
    uint64_t rx_bad_frames;
    uint64_t refused, canceled, timeouts;
    uint64_t kicks, kicks_suppressed, interrupts, spurious_interrupts;
    uint64_t batches;      /* submitted between two waits of the driver */
    uint64_t dma_maps;     /* per-request mappings; none for frames in the pool */
    uint64_t copied_bytes; /* payload bytes that the driver copied: 0 with one receiver */
    uint64_t take_backs;   /* times that all buffers were taken back from the device */
    uint64_t link_changes;
    uint64_t sessions_now, channels_now, receivers_now;
    /* Of the session that was named, else 0. */
    uint64_t session_tx_frames, session_rx_frames, session_rx_bytes, session_rx_dropped_frames;
    uint64_t session_rx_posted; /* buffers that wait for a frame */
};
static_assert(sizeof(struct net_stats) == 30 * 8, "shared layout");

#endif
