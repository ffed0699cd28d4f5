/*
 * Block devices. A driver publishes one name a disk ("vda"); partitions are minor numbers.
 *
 * The same 64-byte requests travel as messages (one ipc_call each) or through a channel (many at a
 * time); the same handler serves both. Sector = 512 bytes; positions are relative to the minor.
 *
 *   word[0]  BLK_ID(id, flags): the id is the client's, unique among its requests in flight
 *   word[1]  session (from OPEN)
 *   word[2]  sector
 *   word[3]  grant: of the buffer, or of the vector if BLK_VECTOR
 *   word[4]  offset into the grant, bytes
 *   word[5]  length in bytes, or number of vector elements if BLK_VECTOR
 *   word[6]  deadline in ticks, 0: the driver's default. A request that still waits then is
 *            answered ETIMEDOUT; one that the device has had for over a second makes the driver ask
 *            for a fresh device
 *
 * Reply: type = status, word[0] = id, word[1] = bytes done, others as the request says. In a channel
 * the reply's endpoint field is unused (0). The driver takes no more requests from a channel than it
 * has room for replies: what is answered and not taken counts, too.
 *
 * Errors of any request: EINVAL (unknown flag, bad length, misaligned), ERANGE (beyond the end),
 * EROFS, EBADHANDLE (session, grant), EPERM (grant's direction, session not open for writing),
 * EIO (the device says so), ETIMEDOUT, ECANCELED, EBUSY (open, or too many in flight: try later),
 * ENOSYS (the device hasn't that operation), EDEADENDPOINT (the driver died: from the kernel).
 * After any error the buffer is the client's again only when KCALL_REVOKE has succeeded.
 */
#ifndef PROTO_BLK_H
#define PROTO_BLK_H

#include <anole/handle.h>
#include <anole/message.h>
#include <assert.h>
#include <stdint.h>

#define BLK_SECTOR_SIZE 512u
#define BLK_VECTOR_MAX 64u /* elements of one request */
#define BLK_MINORS 32u     /* 0: whole disk, 1..: partitions by their numbers: may have gaps */

enum blk_request {
    BLK_INFO = MESSAGE_TYPE(PROTO_BLK, 1),  /* w0 id, w1 minor, w2 grant (write) for struct blk_info
                                               at offset w3. Needs no session. ENOENT: no such minor */
    BLK_OPEN = MESSAGE_TYPE(PROTO_BLK, 2),  /* message only. w0 id|BLK_OPEN_* flags, w1 minor
                                               w2 doorbell made for the driver (0: none), rung
                                               when INFO has changed
                                               -> w1 session, w2 capacity in sectors. EBUSY:
                                               overlaps a writer, or too many sessions */
    BLK_CLOSE = MESSAGE_TYPE(PROTO_BLK, 3), /* message only. w0 id, w1 session; EBUSY with requests
                                               in flight */
    BLK_READ = MESSAGE_TYPE(PROTO_BLK, 4),
    BLK_WRITE = MESSAGE_TYPE(PROTO_BLK, 5),   /* flag BLK_FUA */
    BLK_FLUSH = MESSAGE_TYPE(PROTO_BLK, 6),   /* w0 id, w1 session: what was answered is durable */
    BLK_DISCARD = MESSAGE_TYPE(PROTO_BLK, 7), /* w2 sector, w5 bytes */
    BLK_WRITE_ZEROES = MESSAGE_TYPE(PROTO_BLK, 8), /* w2 sector, w5 bytes; flag BLK_UNMAP */
    BLK_STATS = MESSAGE_TYPE(PROTO_BLK, 9),     /* w0 id, w2 grant (write) for struct blk_stats, w3
                                                  offset. Needs no session */
    BLK_IDENTIFY = MESSAGE_TYPE(PROTO_BLK, 10), /* -> w1-w3 the device's 20-byte serial number */
    BLK_CANCEL = MESSAGE_TYPE(PROTO_BLK, 11), /* w0 id, w1 session, w2 id of the victim: 0 if it is
                                                  being canceled (its own answer still comes, as
                                                  ECANCELED or as its real result), ENOENT if it
                                                  is not in flight */
    BLK_ATTACH = MESSAGE_TYPE(PROTO_BLK, 12), /* message only. w0 id, w1 session, w2 channel region
                                                  offer, w3 doorbell made for the driver, w4 grant
                                                  of the data pool (read and write as the session
                                                  may; 0: none), w5 its length, w6 ring entries
                                                  -> w1 doorbell made for the client */
    BLK_DETACH = MESSAGE_TYPE(PROTO_BLK, 13), /* message only. w0 id, w1 session: the driver forgets
                                                  the channel and unpins the pool; answered when
                                                  nothing of it is in flight */
    BLK_CACHE = MESSAGE_TYPE(PROTO_BLK, 14),  /* w0 id, w1 session, w2 enum blk_cache_mode: sets it,
                                                  or tells it (KEEP) -> w1 the mode. Setting wants a
                                                  session that writes the whole disk (EPERM) and a
                                                  disk with BLK_INFO_CACHE_MODES (ENOSYS). Answered
                                                  when what was written before is durable */
    BLK_QUEUE = MESSAGE_TYPE(PROTO_BLK, 15),  /* message only. w0 id, w1 a hart, or ~0 for any ->
                                                  w1 the endpoint to OPEN at, w2 number of queues.
                                                  Each queue of a disk is served by a thread of the
                                                  driver's, pinned to a hart. What is opened there
                                                  is used there; whoever doesn't ask has the first */
};

#define BLK_ID(id, flags) ((uint64_t)(uint32_t)(id) | (uint64_t)(flags) << 32)
#define BLK_ID_OF(word0) ((uint32_t)(word0))
#define BLK_FLAGS_OF(word0) ((uint32_t)((word0) >> 32))

#define BLK_OPEN_WRITE 1u
#define BLK_OPEN_SHARED 2u /* with WRITE: don't exclude other shared writers (tests) */

#define BLK_FUA 1u    /* WRITE: durable when answered */
#define BLK_VECTOR 2u /* READ, WRITE: the grant holds struct blk_segment[] */
#define BLK_UNMAP 4u  /* WRITE_ZEROES: may deallocate */

/* It holds until the driver's next start, which takes what the device begins with; libblk's client
 * sets its program's choice again. */
enum blk_cache_mode {
    BLK_CACHE_KEEP = 0,
    BLK_CACHE_WRITE_THROUGH = 1, /* what is answered is durable */
    BLK_CACHE_WRITE_BACK = 2,    /* it is after a FLUSH */
};

/* A vector's element. Lengths are multiples of 512. */
struct blk_segment {
    handle_t grant;
    uint64_t offset;
    uint64_t len_bytes;
};
static_assert(sizeof(struct blk_segment) == 24, "shared layout");

#define BLK_INFO_READ_ONLY 1u
#define BLK_INFO_FLUSH 2u /* has a volatile cache and can flush it */
#define BLK_INFO_DISCARD 4u
#define BLK_INFO_WRITE_ZEROES 8u
#define BLK_INFO_BATCHES                                                                           \
    16u /* a batch costs one kick and at most one interrupt, whatever its size */
#define BLK_INFO_CACHE_MODES 32u   /* BLK_CACHE can choose */
#define BLK_INFO_WRITE_BACK 64u    /* the mode now; without it a WRITE is durable when answered */
#define BLK_INFO_ZEROES_UNMAP 128u /* BLK_UNMAP means something to it */

/* What capacity_sectors and BLK_INFO_WRITE_BACK say may change while the driver lives. */
struct blk_info {
    uint64_t capacity_sectors;    /* of the minor */
    uint64_t start_sector;        /* of the minor on the disk; 0 for the whole disk */
    uint64_t max_discard_sectors; /* of one DISCARD; 0: there is none */
    uint64_t max_zeroes_sectors;  /* of one WRITE_ZEROES; 0: there is none */
    uint32_t flags;               /* BLK_INFO_* */
    uint32_t logical_block_bytes; /* positions and lengths must be multiples of this */
    uint32_t physical_block_bytes;
    uint32_t alignment_bytes;  /* the first byte of the disk that begins a physical block */
    uint32_t minimum_io_bytes; /* shorter ones cost more than they need; 0: unknown */
    uint32_t optimal_io_bytes; /* longer ones gain nothing; 0: unknown */
    uint32_t discard_alignment_sectors; /* DISCARDs are cut there; 0: unknown */
    uint32_t max_request_bytes;         /* for any buffer, however scattered its pages */
    uint32_t max_in_flight;             /* of all clients of a queue together */
    uint32_t queues;                    /* see BLK_QUEUE */
    uint32_t minors;                    /* of the disk, with the whole one */
    uint32_t cylinders, heads;          /* what a BIOS would take it for; 0: unknown */
    uint32_t track_sectors;             /* likewise */
    uint32_t partition_type;    /* MBR type byte, 0xEE for a GPT partition, 0 for the whole disk */
    uint8_t partition_guid[16]; /* GPT type */
    char partition_name[44];    /* GPT name, ASCII part */
};
static_assert(sizeof(struct blk_info) == 152, "shared layout");

struct blk_stats {
    uint64_t reads, writes, flushes, others;
    uint64_t read_bytes, written_bytes;
    uint64_t errors, refused, canceled, timeouts;
    uint64_t kicks, kicks_suppressed, interrupts, spurious_interrupts;
    uint64_t batches;      /* submitted between two waits of the driver */
    uint64_t merged;       /* READs and WRITEs that the device got as part of another one */
    uint64_t dma_maps;     /* per-request mappings; none for pool requests */
    uint64_t copied_bytes; /* payload bytes that the driver copied: 0 by design */
    uint64_t in_flight_now, in_flight_max;
    uint64_t clients_now, channels_now;
};

#endif
