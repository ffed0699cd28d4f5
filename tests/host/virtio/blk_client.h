/*
 * The test's side of the block protocol: calls as a client's thread would make them, and a channel.
 */
#ifndef TESTS_VIRTIO_BLK_CLIENT_H
#define TESTS_VIRTIO_BLK_CLIENT_H

#include "fake_kernel.h"

#include <libchan/channel.h>
#include <proto/blk.h>

#define CLIENT_A 0x401u
#define CLIENT_A_THREAD 0x402u
#define CLIENT_B 0x801u
#define PENDING 1 /* blk_send: not answered yet */

/* Hands a request to the driver, without letting it work. Status, or PENDING. The reply's words come
 * into message. */
int blk_send(endpoint_t from, uint64_t call_id, struct message *message);
/* What the driver does before it sleeps. */
void blk_work(void);
void blk_notify(uint64_t bits);
/* Lets that much time pass, with the driver's timer. */
void blk_pass(uint64_t microseconds);

struct message blk_message(uint32_t type, uint64_t word0, uint64_t session, uint64_t sector,
                           handle_t grant, uint64_t offset, uint64_t length);
/* Opens and returns the session; fails the test if that is refused. */
uint64_t blk_open_as(endpoint_t from, unsigned minor, uint32_t flags);
int blk_close_as(endpoint_t from, uint64_t session);

struct blk_test_channel {
    struct channel channel;
    void *memory;
    size_t len;
    handle_t region;
    uint64_t doorbell; /* the driver's */
};

/* Attaches a channel, with a pool if len is not 0; returns the status. */
int blk_attach_as(endpoint_t from, uint64_t session, struct blk_test_channel *test,
                  uint32_t entries, handle_t pool, uint64_t pool_len);
void blk_channel_free(struct blk_test_channel *test);
void blk_channel_send(struct blk_test_channel *test, const struct message *message);
/* Publishes, rings if the driver wants it, and lets it work. */
void blk_channel_go(struct blk_test_channel *test);
/* The next reply's status, or PENDING; *id is its id. */
int blk_channel_reply_next(struct blk_test_channel *test, uint32_t *id);

#endif
