/*
 * Channels: the ring code of both sides. The layout and the contract are in channel.h; nothing here
 * knows the kernel, so the same code runs in drivers, in programs and in tests on the build machine.
 *
 * Four shared words decide everything; each has one writer:
 *
 *   produced  stored with release by publish, loaded with acquire by take and arm: whoever sees the
 *             index sees the messages below it.
 *   consumed  stored with release by take, loaded with acquire by put and room: whoever sees the
 *             slot free knows that its message has been copied out.
 *   event     stored relaxed by arm, loaded relaxed by publish: it carries no data, only its order
 *             against `produced` matters, and two full fences give that order.
 *
 * The race that the fences exclude, drawn for a ring that is empty at index 5:
 *
 *        consumer (channel_arm, then sleep)      producer (channel_publish)
 *        E: event = 5                            P: produced = 6
 *           full fence                              full fence
 *        L: look at produced                     R: look at event
 *
 * Were both looks allowed to miss the other's store (L reads 5 and R reads an old event), the
 * consumer would sleep and nobody would ring. With a full fence between store and look on both
 * sides at least one of them sees the other's store: L reads 6 and the consumer stays awake, or R
 * reads 5 and the producer rings. Release and acquire alone don't forbid a store to be overtaken by
 * a later load, so neither fence may be weakened.
 *
 * A peer that writes what it likes into the shared words can make this side ring too often, wait
 * until its own deadline, or see the channel break; nothing else. Both private indices are never read
 * back, and a foreign one is loaded once and judged before use.
 */
#include <anole/error.h>
#include <libanole/fault.h>
#include <libchan/channel.h>

static_assert(offsetof(struct channel_ring_header, produced) == 0, "shared layout");
static_assert(offsetof(struct channel_ring_header, consumed) == 64, "shared layout");
static_assert(offsetof(struct channel_ring_header, event) == 68, "shared layout");
static_assert(sizeof(struct channel_ring_header) == 128, "shared layout");
static_assert(offsetof(struct channel_shared, slots) == 256, "shared layout");
static_assert(ATOMIC_INT_LOCK_FREE == 2, "shared words are plain loads and stores");

/* A message in shared memory is copied word by word, each word exactly once: the compiler may not
 * look again at what the peer could have changed meanwhile. */
typedef uint64_t __attribute__((may_alias)) shared_word_t;
#define WORDS_IN_SLOT (sizeof(struct message) / sizeof(shared_word_t))

static void slot_write(struct message *slot, const struct message *message)
{
    shared_word_t *to = (shared_word_t *)slot;
    const shared_word_t *from = (const shared_word_t *)message;
    for (size_t i = 0; i < WORDS_IN_SLOT; i++)
        __atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
}

static void slot_read(struct message *message, const struct message *slot)
{
    shared_word_t *to = (shared_word_t *)message;
    const shared_word_t *from = (const shared_word_t *)slot;
    for (size_t i = 0; i < WORDS_IN_SLOT; i++)
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

static bool entries_valid(uint32_t entries)
{
    return entries >= CHANNEL_ENTRIES_MIN && entries <= CHANNEL_ENTRIES_MAX &&
           (entries & (entries - 1)) == 0;
}

size_t channel_size(uint32_t entries)
{
    return sizeof(struct channel_shared) + 2 * (size_t)entries * sizeof(struct message);
}

static void ring_init(struct channel_ring *ring, struct channel_ring_header *header,
                      struct message *slots, uint32_t entries)
{
    *ring = (struct channel_ring){.header = header, .slots = slots, .entries = entries};
}

int channel_init(struct channel *channel, enum channel_side side, void *memory, size_t len,
                 uint32_t entries)
{
    if (!entries_valid(entries) || len < channel_size(entries))
        return -ANOLE_EINVAL;

    struct channel_shared *shared = memory;
    struct message *reply_slots = shared->slots + entries;
    if (side == CHANNEL_CLIENT) {
        ring_init(&channel->send, &shared->requests, shared->slots, entries);
        ring_init(&channel->receive, &shared->replies, reply_slots, entries);
    } else {
        ring_init(&channel->send, &shared->replies, reply_slots, entries);
        ring_init(&channel->receive, &shared->requests, shared->slots, entries);
    }
    return 0;
}

/* Both rings stop together: a peer that broke one is not believed in the other either. */
static int channel_break(struct channel *channel)
{
    channel->send.broken = true;
    channel->receive.broken = true;
    return -ANOLE_EPROTO;
}

/* Messages that I put and the peer hasn't consumed, or -EPROTO: the peer claims to have consumed
 * what was never published, or goes back. */
static int send_pending(struct channel *channel)
{
    struct channel_ring *ring = &channel->send;
    if (ring->broken)
        return -ANOLE_EPROTO;

    /* Acquire: pairs with the release in channel_take. What the peer has consumed it has copied out,
     * so that the slot may be written again. */
    uint32_t consumed = atomic_load_explicit(&ring->header->consumed, memory_order_acquire);
    if (ring->flushed - consumed > ring->entries || ring->index - consumed > ring->entries)
        return channel_break(channel);
    return (int)(ring->index - consumed);
}

/* Messages that the peer published and I haven't taken, or -EPROTO: more than the ring holds. */
static int receive_pending(struct channel *channel)
{
    struct channel_ring *ring = &channel->receive;
    if (ring->broken)
        return -ANOLE_EPROTO;

    /* Acquire: pairs with the release in channel_publish. The messages below this index are there. */
    uint32_t produced = atomic_load_explicit(&ring->header->produced, memory_order_acquire);
    if (produced - ring->index > ring->entries)
        return channel_break(channel);
    return (int)(produced - ring->index);
}

int channel_put(struct channel *channel, const struct message *message)
{
    struct channel_ring *ring = &channel->send;
    fault_step(FAULT_DIE_RING);
    int pending = send_pending(channel);
    if (pending < 0)
        return pending;
    if ((uint32_t)pending == ring->entries)
        return -ANOLE_EAGAIN;

    slot_write(&ring->slots[ring->index & (ring->entries - 1)], message);
    ring->index++;
    return 0;
}

int channel_publish(struct channel *channel)
{
    struct channel_ring *ring = &channel->send;
    if (ring->broken)
        return -ANOLE_EPROTO;
    if (ring->index == ring->flushed)
        return 0;

    fault_step(FAULT_DIE_RING);
    uint32_t produced = ring->index;
    if (fault_here(FAULT_CHANNEL)) {
        produced += ring->entries + 1;
        ring->broken = true; /* the next publication would make it right again */
    }
    /* Release: pairs with the acquire in receive_pending. */
    atomic_store_explicit(&ring->header->produced, produced, memory_order_release);
    /* Full: the store of `produced` before the look at `event`; pairs with the one in channel_arm. */
    atomic_thread_fence(memory_order_seq_cst);
    uint32_t event = atomic_load_explicit(&ring->header->event, memory_order_relaxed);

    /* Ring if `produced` has just passed `event`, wherever in this batch: in modulo arithmetic,
     * event lies in [flushed, index). */
    bool passed = ring->index - event - 1 < ring->index - ring->flushed;
    ring->flushed = ring->index;
    return passed;
}

int channel_take(struct channel *channel, struct message *message)
{
    struct channel_ring *ring = &channel->receive;
    fault_step(FAULT_DIE_RING);
    int pending = receive_pending(channel);
    if (pending <= 0)
        return pending;

    slot_read(message, &ring->slots[ring->index & (ring->entries - 1)]);
    ring->index++;
    /* Release: pairs with the acquire in send_pending. The copy is complete before the slot is the
     * producer's again. */
    atomic_store_explicit(&ring->header->consumed, ring->index, memory_order_release);
    return 1;
}

int channel_arm(struct channel *channel)
{
    struct channel_ring *ring = &channel->receive;
    if (ring->broken)
        return -ANOLE_EPROTO;

    fault_step(FAULT_DIE_RING);
    atomic_store_explicit(&ring->header->event, ring->index, memory_order_relaxed);
    /* Full: the store of `event` before the look at `produced`; pairs with the one in
     * channel_publish. */
    atomic_thread_fence(memory_order_seq_cst);
    int pending = receive_pending(channel);
    return pending > 0 ? 1 : pending;
}

int channel_room(struct channel *channel)
{
    int pending = send_pending(channel);
    return pending < 0 ? pending : (int)channel->send.entries - pending;
}

void channel_shut(struct channel *channel)
{
    struct channel_ring *ring = &channel->send;

    /* The peer has taken at most what was published, and at least all but `entries` of that: seen from
     * wherever it is, this is more than the ring holds. Release: as in channel_publish. */
    atomic_store_explicit(&ring->header->produced, ring->flushed + ring->entries + 1,
                          memory_order_release);
    (void)channel_break(channel);
}
