/*
 * A split ring from the device's side (virtio 1.4, 2.7), byte by byte.
 */
#include "ring_model.h"

#include "fake_memory.h"

#include <string.h>

#define FLAG_NEXT 1u
#define FLAG_WRITE 2u
#define FLAG_INDIRECT 4u

void model_init(struct ring_model *model, uint64_t descriptors, uint64_t available, uint64_t used,
                uint16_t size, bool event_index, bool indirect)
{
    memset(model, 0, sizeof(*model));
    model->descriptors = descriptors;
    model->available = available;
    model->used = used;
    model->size = size;
    model->event_index = event_index;
    model->indirect = indirect;
    /* SPLIT-VQ-01: alignment; and all three parts are the device's to reach, to their ends. */
    CHECK(descriptors % 16 == 0 && available % 2 == 0 && used % 4 == 0);
    CHECK(size != 0 && (size & (size - 1)) == 0);
    (void)fake_memory_at(descriptors, 16u * size, FAKE_READ);
    (void)fake_memory_at(available, 6 + 2u * size, FAKE_READ);
    (void)fake_memory_at(used, 6 + 8u * size, FAKE_WRITE);
    CHECK(fake_memory_get16(available) == 0 && fake_memory_get16(available + 2) == 0 &&
          fake_memory_get16(used) == 0 && fake_memory_get16(used + 2) == 0);
}

uint16_t model_available_index(const struct ring_model *model)
{
    return fake_memory_get16(model->available + 2);
}

uint16_t model_available_flags(const struct ring_model *model)
{
    return fake_memory_get16(model->available);
}

uint16_t model_used_event(const struct ring_model *model)
{
    return fake_memory_get16(model->available + 4 + 2u * model->size);
}

unsigned model_waiting(const struct ring_model *model)
{
    uint16_t waiting = (uint16_t)(model_available_index(model) - model->taken);
    CHECK(waiting <= model->size);
    return waiting;
}

/* Walks one table of descriptors; the limit is what a chain may have at most. */
static void walk(const struct ring_model *model, uint64_t table, unsigned entries, uint16_t first,
                 struct model_chain *chain, bool nested)
{
    uint16_t at = first;
    for (;;) {
        CHECK(at < entries);
        const char *bytes = fake_memory_at(table + 16u * at, 16, FAKE_READ);
        uint64_t address;
        uint32_t len;
        uint16_t flags, next;
        memcpy(&address, bytes, 8);
        memcpy(&len, bytes + 8, 4);
        memcpy(&flags, bytes + 12, 2);
        memcpy(&next, bytes + 14, 2);
        CHECK((flags & ~(FLAG_NEXT | FLAG_WRITE | FLAG_INDIRECT)) == 0);
        if ((flags & FLAG_INDIRECT) != 0) {
            CHECK(model->indirect && !nested && (flags & FLAG_NEXT) == 0); /* SPLIT-IND-01,02,04 */
            CHECK(len != 0 && len % 16 == 0 && chain->count == 0);
            walk(model, address, len / 16, 0, chain, true);
            chain->next_slot = (uint16_t)(at + 1u == entries ? 0 : at + 1u);
            return;
        }
        CHECK(chain->count < model->size && chain->count < MODEL_SEGMENTS); /* SPLIT-IND-03 */
        bool writable = (flags & FLAG_WRITE) != 0;
        if (chain->count > 0) /* SPLIT-FRAME-01 */
            CHECK(writable || !chain->segment[chain->count - 1].writable);
        CHECK(len > 0);
        chain->segment[chain->count++] = (struct model_segment){address, len, writable};
        if (!nested)
            chain->next_slot = (uint16_t)(at + 1u == entries ? 0 : at + 1u);
        if ((flags & FLAG_NEXT) == 0)
            return;
        if (model->in_order) /* SPLIT-DESC-02, SPLIT-IND-05 */
            CHECK(next == (at + 1u == entries ? 0 : at + 1u));
        at = next;
    }
}

bool model_pop(struct ring_model *model, struct model_chain *chain)
{
    if (model_waiting(model) == 0)
        return false;
    if (model->event_index) /* SPLIT-UNOTIF-03 */
        CHECK(model_available_flags(model) == 0);
    chain->head = fake_memory_get16(model->available + 4 + 2u * (model->taken % model->size));
    chain->count = 0;
    CHECK(chain->head < model->size && !model->hold[chain->head]);
    model->hold[chain->head] = true;
    model->taken++;
    walk(model, model->descriptors, model->size, chain->head, chain, false);
    if (model->in_order) /* SPLIT-DESC-03 */
        CHECK(chain->head == model->next_slot);
    model->next_slot = chain->next_slot;
    return true;
}

void model_write_used(struct ring_model *model, uint16_t slot, uint32_t id, uint32_t len)
{
    fake_memory_put32(model->used + 4 + 8u * (slot % model->size), id);
    fake_memory_put32(model->used + 8 + 8u * (slot % model->size), len);
}

void model_write_used_index(struct ring_model *model, uint16_t index)
{
    fake_memory_put16(model->used + 2, index);
}

bool model_push_run(struct ring_model *model, const uint16_t *heads, unsigned count, uint32_t len)
{
    for (unsigned i = 0; i < count; i++) {
        CHECK(model->hold[heads[i]]);
        model->hold[heads[i]] = false;
    }
    model_write_used(model, model->pushed, heads[count - 1], len);
    uint16_t old = model->pushed;
    model->pushed = (uint16_t)(old + count);
    model_write_used_index(model, model->pushed);
    if (!model->event_index)
        return (model_available_flags(model) & 1) == 0;
    return (uint16_t)(model_used_event(model) - old) < count;
}

bool model_push(struct ring_model *model, uint16_t head, uint32_t len)
{
    return model_push_run(model, &head, 1, len);
}

bool model_sleep(struct ring_model *model)
{
    if (model->event_index)
        fake_memory_put16(model->used + 4 + 8u * model->size, model->taken);
    else
        fake_memory_put16(model->used, 0);
    return model_waiting(model) == 0;
}

void model_wake(struct ring_model *model)
{
    /* With EVENT_IDX the flags mean nothing: SPLIT-KICK-05 is tested by setting them. */
    fake_memory_put16(model->used, 1);
    if (!model->event_index) /* SPLIT-KICK-02 */
        fake_memory_put16(model->used + 4 + 8u * model->size, model->taken);
}
