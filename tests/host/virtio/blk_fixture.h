/*
 * What the tests of libblk's server share: a disk in memory with two partitions, a client A with a
 * buffer that it has granted, a client B, and requests by message.
 */
#ifndef TESTS_VIRTIO_BLK_FIXTURE_H
#define TESTS_VIRTIO_BLK_FIXTURE_H

#include "blk_client.h"
#include "fake_disk.h"

#define SECTORS 2048u
#define PART_START 100u /* partition 1; partition 2 follows it */
#define PART_LEN 50u
#define BUFFER_LEN (64u * 4096u)
#define ALL_FLAGS (BLK_INFO_FLUSH | BLK_INFO_WRITE_BACK | BLK_INFO_DISCARD | BLK_INFO_WRITE_ZEROES)

extern struct fake_disk disk;
extern unsigned char *buffer; /* of client A, page-aligned */
extern handle_t grant;        /* of it, both ways */
extern uint64_t next_call;

/* Starts anew, with such a device. */
void start_with(unsigned in_flight, unsigned segments, uint32_t block, uint32_t flags);
/* For cmocka: a device of 8 pieces of 8 segments; and nothing of the kernel's may be left. */
int blk_set_up(void **state);
int blk_tear_down(void **state);

/* A request by message, finished by a device that doesn't wait. */
int call_as(endpoint_t from, struct message *message);
/* The same by client A, from its words. */
int request(uint32_t type, uint32_t flags, uint64_t session, uint64_t sector, handle_t memory,
            uint64_t offset, uint64_t length);
int read_at(uint64_t session, uint64_t sector, uint64_t bytes);
int open_status(endpoint_t from, uint64_t minor, uint32_t flags, uint64_t *session);
/* Reads of one sector each, with calls and sectors counting up; not yet worked on. */
void send_reads(endpoint_t from, uint64_t session, handle_t memory, uint64_t first_call,
                unsigned count, uint64_t sector);

#endif
