/*
 * A disk of several queues: each has a thread of its own, pinned to a hart, that serves whoever opened
 * the disk there. The threads share little (struct blk_shared), and tell each other by ringing that
 * there is something new in it. The first queue is the main thread's, which also hears of changes of
 * the disk and of the order to stop.
 */
#include "blkdrv.h"

#include <libanole/anole.h>
#include <stdlib.h>

#define STACK_BYTES (32u * 1024u)
#define START_TIMEOUT_US 1000000u
#define STOP_TIMEOUT_US 1500000u
#define LOOK_US 50u

struct blk_shared blk_shared;

/* ---- what they tell each other ---- */

enum blk_cache_mode blk_cache_mode(void)
{
    /* Pairs with the release in blk_cache_mode_set: who sees the mode submits after the device was
     * told of it. */
    bool write_back = atomic_load_explicit(&blk_shared.write_back, memory_order_acquire);
    return write_back ? BLK_CACHE_WRITE_BACK : BLK_CACHE_WRITE_THROUGH;
}

void blk_cache_mode_set(bool write_back)
{
    atomic_store_explicit(&blk_shared.write_back, write_back, memory_order_release);
    blk_server_follow();
    blk_siblings_ring();
}

void blk_siblings_ring(void)
{
    for (unsigned i = 0; i < blk_shared.queues; i++) {
        const struct blk_server *other = blk_shared.queue[i];
        if (other != blk_server)
            (void)ipc_notify(blk_shared.process, other->bell); /* it may have ended, at a stop */
    }
}

void blk_sibling_rang(void)
{
    /* Pairs with the release in blk_siblings_stop. */
    if (!atomic_load_explicit(&blk_shared.stopping, memory_order_acquire)) {
        blk_server_follow();
        return;
    }
    if (blk_server == blk_shared.queue[0])
        return; /* it is the one that stops the others */
    blk_server_drain();
    atomic_store_explicit(&blk_server->state, BLK_SERVER_STOPPED, memory_order_release);
    kcall_thread_exit();
}

void blk_siblings_stop(void)
{
    uint64_t until = deadline_in_us(STOP_TIMEOUT_US);
    atomic_store_explicit(&blk_shared.stopping, true, memory_order_release);
    blk_siblings_ring();
    for (unsigned i = 1; i < blk_shared.queues; i++) {
        struct blk_server *other = blk_shared.queue[i];
        /* Pairs with the release in blk_sibling_rang: what it has finished is finished. */
        while (atomic_load_explicit(&other->state, memory_order_acquire) != BLK_SERVER_STOPPED &&
               ticks_now() < until)
            sleep_us(LOOK_US);
    }
}

/* ---- start ---- */

static void queue_main(void *argument)
{
    blk_server = argument;
    struct blk_device *device = blk_server->device;
    int rc = device->ops->enter(device);
    if (rc == 0)
        rc = kcall_doorbell(blk_shared.process, BLK_BIT_SIBLING, &blk_server->bell);
    blk_server_follow();
    atomic_store_explicit(&blk_server->state, rc == 0 ? BLK_SERVER_SERVING : BLK_SERVER_FAILED,
                          memory_order_release);
    if (rc < 0)
        kcall_thread_exit();
    blk_server_run();
}

/* Starts the thread of one more queue; NULL: there is none. */
static struct blk_server *start_queue(struct blk_device *device, unsigned hart)
{
    struct blk_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return NULL;
    *device = *blk_server->device;
    device->stats = (struct blk_stats){0};
    blk_server_init(server, device);
    if (thread_start(queue_main, server, STACK_BYTES, (uint64_t)1 << hart, &server->thread) == 0)
        return server;
    free(server);
    return NULL;
}

/* Whether the thread serves. Of one that is late the memory is lost: it may still come. */
static bool await_queue(struct blk_server *server, uint64_t until)
{
    unsigned state;
    while ((state = atomic_load_explicit(&server->state, memory_order_acquire)) ==
               BLK_SERVER_STARTING &&
           ticks_now() < until)
        sleep_us(LOOK_US);
    if (state == BLK_SERVER_FAILED)
        free(server);
    return state == BLK_SERVER_SERVING;
}

unsigned blk_server_queues_start(endpoint_t process, struct blk_device *const *devices,
                                 unsigned count)
{
    struct blk_server *more[BLK_QUEUES];
    uint64_t until = deadline_in_us(START_TIMEOUT_US);
    blk_shared.process = process;
    if (count < 2)
        return 1;
    int rc = kcall_doorbell(process, BLK_BIT_SIBLING, &blk_server->bell);
    if (rc == 0)
        rc = kcall_thread_pin(1);
    for (unsigned i = 1; i < count; i++)
        more[i] = rc == 0 ? start_queue(devices[i - 1], i) : NULL;
    for (unsigned i = 1; i < count; i++)
        if (more[i] != NULL && await_queue(more[i], until))
            blk_shared.queue[blk_shared.queues++] = more[i];
    if (blk_shared.queues < count)
        log_printf(LOG_WARNING, "%s: only %u of %u queues have a thread", blk_server->device->name,
                   blk_shared.queues, count);
    return blk_shared.queues;
}

/* ---- choosing one ---- */

/* The one that fewest have opened. Other threads' counts are read as they are: any choice will do. */
static unsigned least_opened(void)
{
    unsigned best = 0;
    for (unsigned i = 1; i < blk_shared.queues; i++)
        if (__atomic_load_n(&blk_shared.queue[i]->sessions_open, __ATOMIC_RELAXED) <
            __atomic_load_n(&blk_shared.queue[best]->sessions_open, __ATOMIC_RELAXED))
            best = i;
    return best;
}

int blk_queue_tell(const struct blk_source *source, const struct message *request,
                   struct message *reply)
{
    (void)source;
    uint64_t hart = request->word[1];
    uint64_t queue = hart == UINT64_MAX ? least_opened() : hart % blk_shared.queues;
    reply->word[1] = queue == 0 ? blk_shared.process : blk_shared.queue[queue]->thread;
    reply->word[2] = blk_shared.queues;
    return 0;
}
