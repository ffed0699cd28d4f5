/*
 * The ring of the last messages. Written by the service loop, read by RS when the service is dead.
 * It lies in the page of hot data, for every message touches it.
 */
#include <libanole/recent.h>

__attribute__((section(".data.hot"))) struct recent_ring anole_recent = {
    .magic = RECENT_MAGIC,
    .capacity = RECENT_MESSAGES,
};

__attribute__((hot)) void recent_record(const struct message *message)
{
    /* Relaxed: several threads may record, each in its own place; the reader comes after death. */
    uint64_t n = atomic_fetch_add_explicit(&anole_recent.count, 1, memory_order_relaxed);
    struct recent_message *place = &anole_recent.message[n % RECENT_MESSAGES];

    place->source = message->endpoint;
    place->type = message->type;
    for (unsigned i = 0; i < RECENT_WORDS; i++) {
        place->word[i] = message->word[i];
    }
}

unsigned recent_read(const struct recent_ring *ring, struct recent_message out[RECENT_MESSAGES])
{
    uint64_t end = atomic_load_explicit(&ring->count, memory_order_relaxed);
    unsigned held = end < RECENT_MESSAGES ? (unsigned)end : RECENT_MESSAGES;

    if (ring->magic != RECENT_MAGIC || ring->capacity != RECENT_MESSAGES) {
        return 0;
    }
    for (unsigned i = 0; i < held; i++) {
        out[i] = ring->message[(end - held + i) % RECENT_MESSAGES];
    }
    return held;
}
