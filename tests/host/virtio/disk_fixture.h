/*
 * What the tests of the virtio block driver share: the driver (all but its main) under libblk's server, over
 * the MMIO device model, with one client.
 */
#ifndef TESTS_VIRTIO_DISK_FIXTURE_H
#define TESTS_VIRTIO_DISK_FIXTURE_H

#include "blk_client.h"
#include "check.h"
#include "fake_kernel.h"
#include "fake_memory.h"
#include "fake_mmio.h"

#include <anole/error.h>
#include <drivers/virtio_blk/disk.h>
#include <libvirtio/mmio.h>

#define BIT(n) ((uint64_t)1 << (n))
#define RING (BIT(VIRTIO_F_EVENT_IDX.number) | BIT(VIRTIO_F_INDIRECT_DESC.number))
#define SEG_MAX 2
#define SIZE_MAX_BIT 1
#define GEOMETRY 4
#define RO 5
#define BLK_SIZE 6
#define FLUSH 9
#define TOPOLOGY 10
#define CONFIG_WCE 11
#define MQ 12
#define DISCARD 13
#define WRITE_ZEROES 14
#define GOOD                                                                                       \
    (BIT(VIRTIO_F_VERSION_1.number) | RING | BIT(SEG_MAX) | BIT(BLK_SIZE) | BIT(FLUSH) |           \
     BIT(TOPOLOGY) | BIT(DISCARD) | BIT(WRITE_ZEROES))

#define DISK_SECTORS 4096u
#define DISK_BUFFER_LEN (256u * 1024u)

extern struct fake_mmio fake;
extern struct virtio_mmio mmio;
extern struct disk disk;
extern unsigned char *buffer; /* the client's, granted */
extern handle_t grant;
extern uint64_t session;
extern uint64_t next_call;
extern uint32_t max_request_bytes;
extern unsigned died; /* enum disk_evidence, 0: alive */

int disk_set_up(void **state);
int disk_tear_down(void **state);
#define DISK(test) cmocka_unit_test_setup_teardown(test, disk_set_up, disk_tear_down)

/* Another device in its place, which offers that. */
void disk_device(uint64_t features);
/* The driver's side: finds it and brings it up; and the server over it, with a session of those flags. */
int disk_bring_up(void);
void disk_serve(uint32_t flags);
/* Lets device and driver work until neither has anything to do. */
void disk_run(void);
/* Sends a request; and the same to the end: its status. */
void disk_send(uint64_t call, uint32_t type, uint32_t flags, uint64_t sector, uint64_t offset,
               uint64_t bytes);
int disk_request(uint32_t type, uint32_t flags, uint64_t sector, uint64_t offset, uint64_t bytes);

#endif
