/*
 * A packed ring from the device's side (virtio 1.4, 2.8), byte by byte.
 */
#include "packed_model.h"

#include "fake_memory.h"

#include <string.h>

#define FLAG_NEXT 1u
#define FLAG_INDIRECT 4u
#define EVENT_DISABLE 1u
#define EVENT_DESCRIPTOR 2u

uint16_t packed_model_flags(const struct packed_model *model, uint16_t slot)
{
    return fake_memory_get16(model->ring + 16u * slot + 14);
}

uint16_t packed_model_driver_position(const struct packed_model *model)
{
    return fake_memory_get16(model->driver_event);
}

uint16_t packed_model_driver_flags(const struct packed_model *model)
{
    return fake_memory_get16(model->driver_event + 2);
}

void packed_model_init(struct packed_model *model, uint64_t ring, uint64_t driver_event,
                       uint64_t device_event, uint16_t size, bool event_index, bool indirect)
{
    memset(model, 0, sizeof(*model));
    model->ring = ring;
    model->driver_event = driver_event;
    model->device_event = device_event;
    model->size = size;
    model->event_index = event_index;
    model->indirect = indirect;
    model->next_wrap = model->used_wrap = true;
    CHECK(ring % 16 == 0 && driver_event % 4 == 0 && device_event % 4 == 0); /* PACKED-VQ-01 */
    CHECK(size != 0 && size <= MODEL_SIZE_MAX);
    const char *bytes = fake_memory_at(ring, 16u * size, FAKE_READ | FAKE_WRITE);
    for (unsigned i = 0; i < 16u * size; i++) /* PACKED-VQ-02 */
        CHECK(bytes[i] == 0);
    (void)fake_memory_at(driver_event, 4, FAKE_READ);
    (void)fake_memory_at(device_event, 4, FAKE_WRITE);
}

static bool available(const struct packed_model *model, uint16_t slot, bool wrap)
{
    uint16_t flags = packed_model_flags(model, slot);
    return ((flags & PACKED_AVAIL) != 0) == wrap && ((flags & PACKED_USED) != 0) != wrap;
}

bool packed_model_available(const struct packed_model *model)
{
    return available(model, model->next, model->next_wrap);
}

static void advance(const struct packed_model *model, uint16_t *slot, bool *wrap, unsigned slots)
{
    for (unsigned i = 0; i < slots; i++) {
        if (++*slot == model->size) {
            *slot = 0;
            *wrap = !*wrap;
        }
    }
}

static void add_segment(const struct packed_model *model, struct model_chain *chain,
                        struct model_segment segment)
{
    CHECK(chain->count < model->size && chain->count < MODEL_SEGMENTS); /* PACKED-SG-02, IND-03 */
    if (chain->count > 0)                                               /* PACKED-SG-03 */
        CHECK(segment.writable || !chain->segment[chain->count - 1].writable);
    CHECK(segment.len > 0);
    chain->segment[chain->count++] = segment;
}

struct descriptor {
    uint64_t address;
    uint32_t len;
    uint16_t id, flags;
};

static struct descriptor descriptor_at(uint64_t address)
{
    struct descriptor descriptor;
    memcpy(&descriptor, fake_memory_at(address, 16, FAKE_READ), 16);
    return descriptor;
}

static void walk_table(const struct packed_model *model, const struct descriptor *table,
                       struct model_chain *chain)
{
    CHECK(model->indirect && chain->count == 0); /* PACKED-IND-01, 04 */
    CHECK((table->flags & FLAG_NEXT) == 0);      /* PACKED-IND-04 */
    CHECK(table->len != 0 && table->len % 16 == 0);
    for (unsigned i = 0; i < table->len / 16; i++) {
        struct descriptor entry = descriptor_at(table->address + 16u * i);
        CHECK((entry.flags & ~PACKED_WRITE) == 0); /* PACKED-IND-02 */
        add_segment(model, chain,
                    (struct model_segment){entry.address, entry.len, entry.flags != 0});
    }
}

bool packed_model_pop(struct packed_model *model, struct model_chain *chain)
{
    if (!packed_model_available(model))
        return false;
    unsigned slots = 0;
    struct descriptor descriptor;
    chain->count = 0;
    do {
        /* PACKED-SG-06, 08: with the first the others are there, all bits right in each. */
        CHECK(available(model, model->next, model->next_wrap));
        descriptor = descriptor_at(model->ring + 16u * model->next);
        CHECK((descriptor.flags &
               ~(PACKED_AVAIL | PACKED_USED | FLAG_NEXT | PACKED_WRITE | FLAG_INDIRECT)) == 0);
        if ((descriptor.flags & FLAG_INDIRECT) != 0)
            walk_table(model, &descriptor, chain);
        else
            add_segment(model, chain,
                        (struct model_segment){descriptor.address, descriptor.len,
                                               (descriptor.flags & PACKED_WRITE) != 0});
        advance(model, &model->next, &model->next_wrap, 1);
        slots++;
        CHECK(slots <= model->size);
    } while ((descriptor.flags & FLAG_NEXT) != 0);
    chain->head = descriptor.id; /* PACKED-SG-07 */
    CHECK(chain->head < model->size && model->hold[chain->head] == 0);
    model->hold[chain->head] = (uint16_t)slots;
    return true;
}

void packed_model_write(struct packed_model *model, uint16_t slot, uint16_t id, uint32_t len,
                        uint16_t flags)
{
    fake_memory_put32(model->ring + 16u * slot + 8, len);
    fake_memory_put16(model->ring + 16u * slot + 12, id);
    fake_memory_put16(model->ring + 16u * slot + 14, flags);
}

/* Whether the driver wants an interrupt when elements from a slot on, so many, were used. */
static bool interrupt_wanted(const struct packed_model *model, uint16_t slot, bool wrap,
                             unsigned slots)
{
    uint16_t flags = packed_model_driver_flags(model);
    uint16_t position = packed_model_driver_position(model);
    CHECK(flags <= (model->event_index ? EVENT_DESCRIPTOR : EVENT_DISABLE)); /* PACKED-EVENT-01 */
    if (flags != EVENT_DESCRIPTOR)
        return flags != EVENT_DISABLE;
    CHECK((position & 0x7fff) < model->size);
    for (unsigned i = 0; i < slots; i++) {
        if (position == (slot | (wrap ? 0x8000u : 0)))
            return true;
        advance(model, &slot, &wrap, 1);
    }
    return false;
}

bool packed_model_push(struct packed_model *model, const uint16_t *ids, unsigned count,
                       uint32_t len)
{
    unsigned slots = 0;
    for (unsigned i = 0; i < count; i++) {
        CHECK(model->hold[ids[i]] != 0);
        slots += model->hold[ids[i]];
        model->hold[ids[i]] = 0;
    }
    uint16_t slot = model->used;
    bool wrap = model->used_wrap;
    unsigned flags = (wrap ? PACKED_AVAIL | PACKED_USED : 0);
    if (len > 0 && !model->no_write_flag)
        flags |= PACKED_WRITE;
    packed_model_write(model, slot, ids[count - 1], len, (uint16_t)flags);
    advance(model, &model->used, &model->used_wrap, slots);
    return interrupt_wanted(model, slot, wrap, slots);
}

void packed_model_write_event(struct packed_model *model, uint16_t position, uint16_t flags)
{
    fake_memory_put16(model->device_event, position);
    fake_memory_put16(model->device_event + 2, flags);
}

bool packed_model_sleep(struct packed_model *model)
{
    if (model->event_index)
        packed_model_write_event(model, (uint16_t)(model->next | (model->next_wrap ? 0x8000u : 0)),
                                 EVENT_DESCRIPTOR);
    else
        packed_model_write_event(model, 0, 0);
    return !packed_model_available(model);
}

void packed_model_wake(struct packed_model *model)
{
    packed_model_write_event(model, 0, EVENT_DISABLE);
}
