/*
 * The device of fake_mmio.h. Register numbers are those of virtio 1.4, table 4.1, written here once
 * more: a mistake in the driver's must not be a mistake here.
 */
#include "fake_mmio.h"

#include "fake_memory.h"

#include <anole/error.h>
#include <stdlib.h>
#include <string.h>

#define FEATURE(bit) ((uint64_t)1 << (bit))
#define VERSION_1 32
#define EVENT_IDX 29
#define INDIRECT 28
#define ACCESS_PLATFORM 33
#define RO 5
#define FLUSH 9
#define CONFIG_WCE 11
#define DISCARD 13
#define WRITE_ZEROES 14
#define HELD_MAX 1024u

static struct fake_mmio *fake_of(struct virtio_platform *platform)
{
    return (struct fake_mmio *)platform;
}

static bool legacy(const struct fake_mmio *fake)
{
    return fake->version == 1;
}

void fake_config_put(struct fake_mmio *fake, unsigned offset, unsigned width, uint64_t value)
{
    memcpy(fake->config + offset, &value, width);
}

/* ---- registers ---- */

static uint32_t offset_of(uintptr_t address)
{
    CHECK(address >= FAKE_MMIO_BASE && address < FAKE_MMIO_BASE + FAKE_MMIO_LEN);
    return (uint32_t)(address - FAKE_MMIO_BASE);
}

uint64_t fake_config_read(struct fake_mmio *fake, uint32_t offset, unsigned width)
{
    CHECK((fake->status & 2) != 0); /* DRIVER */
    CHECK(offset % width == 0 && offset + width <= fake->config_len);
    uint64_t value = 0;
    memcpy(&value, fake->config + offset, width);
    if (fake->unstable_reads > 0) {
        fake->unstable_reads--;
        fake->generation++;
        memset(&value, 0xa5, width); /* half of the old, half of the new */
    }
    return value;
}

static uint8_t read8(struct virtio_platform *platform, uintptr_t address)
{
    return (uint8_t)fake_config_read(fake_of(platform), offset_of(address) - 0x100, 1);
}

static uint16_t read16(struct virtio_platform *platform, uintptr_t address)
{
    return (uint16_t)fake_config_read(fake_of(platform), offset_of(address) - 0x100, 2);
}

uint32_t fake_status_read(struct fake_mmio *fake)
{
    if (fake->status == 0 && fake->stuck_in_reset)
        return 0x0f;
    if (fake->reset_reads > 0) {
        fake->reset_reads--;
        return 0x0f;
    }
    return fake->status | (fake->needs_reset && fake->status != 0 ? 0x40u : 0);
}

static uint32_t read32(struct virtio_platform *platform, uintptr_t address)
{
    struct fake_mmio *fake = fake_of(platform);
    uint32_t offset = offset_of(address);
    CHECK(offset % 4 == 0);
    if (offset >= 0x100)
        return (uint32_t)fake_config_read(fake, offset - 0x100, 4);
    switch (offset) {
    case 0x000:
        return fake->magic;
    case 0x004:
        CHECK(fake->magic == 0x74726976); /* nothing else is looked at in another device */
        return fake->version;
    case 0x008:
        CHECK(fake->version == 2 || legacy(fake));
        return fake->device_id;
    case 0x00c:
        return 0x554d4551;
    case 0x010:
        CHECK(fake->device_id != 0 && fake->features_sel <= (legacy(fake) ? 0 : 1));
        return (uint32_t)(fake->offered >> (32 * fake->features_sel));
    case 0x034:
        return fake->queue_sel == 0 ? fake->queue_max : 0;
    case 0x040:
        CHECK(legacy(fake));
        return fake->queue_ready_before ? 1 : fake->queue_pfn;
    case 0x044:
        CHECK(!legacy(fake));
        return fake->queue_ready || fake->queue_ready_before;
    case 0x060:
        return fake->interrupt_status;
    case 0x070:
        return fake_status_read(fake);
    case 0x0fc:
        CHECK(!legacy(fake));
        return fake->generation;
    default:
        fail_msg("read of register %#x", offset);
        return 0;
    }
}

void fake_config_write(struct fake_mmio *fake, uint32_t offset, uint8_t value)
{
    /* Nothing but the cache's mode is the driver's to write (virtio 1.4, 5.2.4.1). */
    CHECK(offset == 32 && (fake->accepted & FEATURE(CONFIG_WCE)) != 0);
    CHECK((fake->status & 8) != 0 && value <= 1);
    fake->config[32] = value;
}

static void write8(struct virtio_platform *platform, uintptr_t address, uint8_t value)
{
    CHECK(offset_of(address) >= 0x100);
    fake_config_write(fake_of(platform), offset_of(address) - 0x100, value);
}

static void write16(struct virtio_platform *platform, uintptr_t address, uint16_t value)
{
    (void)platform;
    fail_msg("half word %u written to %#lx", value, (unsigned long)address);
}

static void reset(struct fake_mmio *fake)
{
    fake->resets++;
    fake->status = 0;
    fake->accepted = 0;
    fake->queue_ready = false;
    fake->page_size = fake->queue_pfn = 0;
    fake->interrupt_status = 0;
    fake->interrupt_line = false;
    fake->held_count = 0;
    fake->needs_reset &= fake->keep_needs_reset;
}

void fake_status_write(struct fake_mmio *fake, uint32_t value)
{
    if (value == 0) {
        reset(fake);
        return;
    }
    CHECK(fake->resets > 0);                       /* CORE-INIT-01 */
    CHECK((value & fake->status) == fake->status); /* CORE-STATUS-02 */
    CHECK((value & ~(1u | 2u | 4u | 8u | 128u)) == 0);
    if ((value & 2) != 0)
        CHECK((value & 1) != 0);
    CHECK(!legacy(fake) || (value & 8) == 0); /* CORE-INIT-15 */
    if ((value & 8) != 0 && (fake->status & 8) == 0) {
        CHECK((value & 3) == 3);
        CHECK((fake->accepted & ~fake->offered) == 0); /* CORE-FEAT-01 */
        if (fake->refuse_features || (fake->accepted & FEATURE(VERSION_1)) == 0 ||
            (fake->offered & ~fake->accepted & FEATURE(ACCESS_PLATFORM)) != 0)
            value &= ~8u;
    }
    if ((value & 4) != 0)
        CHECK((legacy(fake) || (fake->status & 8) != 0) &&
              (fake->status & 128) == 0); /* CORE-INIT-13 */
    fake->status = (uint8_t)value;
}

void fake_queue_start(struct fake_mmio *fake)
{
    CHECK(!fake->queue_ready && (fake->status & (legacy(fake) ? 2 : 8)) != 0);
    CHECK(fake->queue_size > 0 && fake->queue_size <= fake->queue_max); /* MMIO-REG-14 */
    model_init(&fake->ring, fake->addresses[0], fake->addresses[1], fake->addresses[2],
               (uint16_t)fake->queue_size, (fake->accepted & FEATURE(EVENT_IDX)) != 0,
               (fake->accepted & FEATURE(INDIRECT)) != 0);
    fake->queue_ready = true;
}

void fake_address_write(struct fake_mmio *fake, unsigned which, unsigned shift, uint32_t value)
{
    CHECK(!fake->queue_ready); /* MMIO-REG-15 */
    CHECK(which < 3);
    fake->addresses[which] &= ~((uint64_t)UINT32_MAX << shift);
    fake->addresses[which] |= (uint64_t)value << shift;
}

/* The three parts of a legacy queue follow from its page (SPLIT-LEG-03). */
static void queue_pfn_write(struct fake_mmio *fake, uint32_t value)
{
    CHECK(legacy(fake) && value != 0 && fake->queue_sel == 0 && fake->queue_pfn == 0);
    CHECK(fake->page_size == 4096 && fake->queue_align == 4096); /* MMIO-LEG-02, MMIO-LEG-05 */
    uint64_t base = (uint64_t)value * fake->page_size;
    uint64_t used = base + 16 * fake->queue_size + 6 + 2 * fake->queue_size;
    fake->queue_pfn = value;
    fake->addresses[0] = base;
    fake->addresses[1] = base + 16 * fake->queue_size;
    fake->addresses[2] = (used + fake->queue_align - 1) / fake->queue_align * fake->queue_align;
    fake_queue_start(fake);
}

void fake_driver_features_write(struct fake_mmio *fake, uint32_t value)
{
    CHECK((fake->status & 8) == 0 && (fake->status & 3) == 3); /* CORE-INIT-11 */
    CHECK(fake->driver_features_sel <= (legacy(fake) ? 0 : 1));
    unsigned shift = 32 * fake->driver_features_sel;
    fake->accepted &= ~((uint64_t)UINT32_MAX << shift);
    fake->accepted |= (uint64_t)value << shift;
}

static void write32(struct virtio_platform *platform, uintptr_t address, uint32_t value)
{
    struct fake_mmio *fake = fake_of(platform);
    uint32_t offset = offset_of(address);
    if (offset >= 0x80 && offset < 0xb0) {
        CHECK(!legacy(fake) && (offset & 0xb) == 0);
        fake_address_write(fake, (offset - 0x80) / 0x10, (offset & 4) != 0 ? 32 : 0, value);
        return;
    }
    switch (offset) {
    case 0x014:
        fake->features_sel = value;
        break;
    case 0x020:
        fake_driver_features_write(fake, value);
        break;
    case 0x024:
        fake->driver_features_sel = value;
        break;
    case 0x028:
        CHECK(legacy(fake) && fake->queue_pfn == 0);
        fake->page_size = value;
        break;
    case 0x030:
        fake->queue_sel = value;
        break;
    case 0x038:
        CHECK(!fake->queue_ready && fake->queue_sel == 0);
        fake->queue_size = value;
        break;
    case 0x03c:
        CHECK(legacy(fake));
        fake->queue_align = value;
        break;
    case 0x040:
        queue_pfn_write(fake, value);
        break;
    case 0x044:
        CHECK(!legacy(fake) && value == 1);
        fake_queue_start(fake);
        break;
    case 0x050:
        CHECK(value == 0 && (fake->status & 4) != 0); /* CORE-INIT-14 */
        fake->notifies++;
        break;
    case 0x064:
        CHECK((value & ~3u) == 0); /* MMIO-REG-20 */
        fake->interrupt_status &= ~value;
        fake->acks++;
        break;
    case 0x070:
        fake_status_write(fake, value);
        break;
    default:
        fail_msg("%#x written to register %#x", value, offset);
    }
}

/* ---- the disk ---- */

static void ring_up(struct fake_mmio *fake, uint32_t cause)
{
    fake->interrupt_status |= cause;
    fake->interrupts++;
    if (!fake->lose_interrupts)
        fake->interrupt_line = true;
}

/* Copies between the disk and the data segments [first, last). */
static uint64_t move(struct fake_mmio *fake, const struct model_chain *chain, unsigned first,
                     unsigned last, uint64_t at, bool to_memory)
{
    uint64_t moved = 0;
    for (unsigned i = first; i < last; i++) {
        const struct model_segment *segment = &chain->segment[i];
        CHECK(segment->writable == to_memory);
        void *memory = fake_memory_at(segment->address, segment->len,
                                      to_memory ? FAKE_WRITE : FAKE_READ);
        CHECK(at + moved + segment->len <= fake->disk_len); /* BLK-REQ-02 */
        if (to_memory)
            memcpy(memory, fake->disk + at + moved, segment->len);
        else
            memcpy(fake->disk + at + moved, memory, segment->len);
        moved += segment->len;
    }
    return moved;
}

/* DISCARD and WRITE_ZEROES: ranges within the limits that the configuration tells. */
static uint8_t zero(struct fake_mmio *fake, const struct model_chain *chain, uint32_t type)
{
    uint32_t limits[2]; /* sectors of a range, ranges */
    memcpy(limits, fake->config + (type == 11 ? 36 : 48), sizeof(limits));
    CHECK(chain->count == 3 && !chain->segment[1].writable);
    uint32_t len = chain->segment[1].len;
    CHECK(len > 0 && len % 16 == 0 && len / 16 <= limits[1]); /* BLK-REQ-07, 09, 11 */
    const char *range = fake_memory_at(chain->segment[1].address, len, FAKE_READ);
    for (const char *end = range + len; range < end; range += 16) {
        uint64_t sector;
        uint32_t sectors, flags;
        memcpy(&sector, range, 8);
        memcpy(&sectors, range + 8, 4);
        memcpy(&flags, range + 12, 4);
        CHECK(flags == 0 || (type == 13 && flags == 1 && fake->config[56] != 0)); /* BLK-REQ-14 */
        CHECK(sectors > 0 && sectors <= limits[0] && (sector + sectors) * 512 <= fake->disk_len);
        memset(fake->disk + sector * 512, 0, (size_t)sectors * 512);
        fake->ranges++;
    }
    return 0;
}

/* Does a request; returns its status, and how much was written. */
static uint8_t perform(struct fake_mmio *fake, const struct model_chain *chain, uint32_t *written)
{
    uint32_t type, reserved;
    uint64_t sector;
    CHECK(chain->count >= 2 && chain->segment[0].len == 16 && !chain->segment[0].writable);
    const char *header = fake_memory_at(chain->segment[0].address, 16, FAKE_READ);
    memcpy(&type, header, 4);
    memcpy(&reserved, header + 4, 4);
    memcpy(&sector, header + 8, 8);
    CHECK(type < 16 && reserved == 0);
    const struct model_segment *last = &chain->segment[chain->count - 1];
    CHECK(last->len == 1 && last->writable);
    CHECK(*(uint8_t *)fake_memory_at(last->address, 1, FAKE_WRITE) == 0xff); /* BLK-REQ-18 */
    fake->requests[type]++;
    *written = 1;
    uint64_t bytes = 0;
    switch (type) {
    case 0:
        bytes = move(fake, chain, 1, chain->count - 1, sector * 512, true);
        *written += (uint32_t)bytes;
        break;
    case 1:
        CHECK((fake->offered & FEATURE(RO)) == 0); /* BLK-REQ-03 */
        bytes = move(fake, chain, 1, chain->count - 1, sector * 512, false);
        break;
    case 4:
        CHECK(chain->count == 2 && sector == 0 && (fake->accepted & FEATURE(FLUSH)) != 0);
        return 0;
    case 8:
        CHECK(chain->count == 3 && chain->segment[1].len == 20 && chain->segment[1].writable);
        memcpy(fake_memory_at(chain->segment[1].address, 20, FAKE_WRITE), "SERIAL-OF-TWENTY-BYT",
               20);
        *written += 20;
        return 0;
    case 11:
        CHECK((fake->accepted & FEATURE(DISCARD)) != 0);
        return zero(fake, chain, type);
    case 13:
        CHECK((fake->accepted & FEATURE(WRITE_ZEROES)) != 0);
        return zero(fake, chain, type);
    default:
        return 2;
    }
    CHECK(bytes > 0 && bytes % 512 == 0); /* BLK-REQ-06 */
    return sector * 512 % fake->block != 0 || bytes % fake->block != 0 ? 1 : 0;
}

static void finish(struct fake_mmio *fake, unsigned i)
{
    struct model_chain *chain = &fake->held[i];
    uint32_t written;
    uint8_t status = perform(fake, chain, &written);
    if (fake->status_byte != -2) {
        uint64_t address = chain->segment[chain->count - 1].address;
        *(uint8_t *)fake_memory_at(address, 1, FAKE_WRITE) = fake->status_byte == -1
                                                                 ? status
                                                                 : (uint8_t)fake->status_byte;
    }
    uint16_t head = chain->head;
    uint32_t len = written + (uint32_t)fake->used_len_change;
    bool ring;
    if (fake->used_id != NULL) {
        model_write_used(&fake->ring, fake->ring.pushed, fake->used_id(fake, head), len);
        model_write_used_index(&fake->ring, ++fake->ring.pushed);
        ring = true;
    } else {
        ring = model_push(&fake->ring, head, len);
    }
    *chain = fake->held[--fake->held_count];
    if (ring)
        ring_up(fake, 1);
}

void fake_mmio_finish_one(struct fake_mmio *fake)
{
    if (fake->held_count > 0)
        finish(fake, random_below(&fake->random, fake->held_count));
}

bool fake_mmio_run(struct fake_mmio *fake)
{
    unsigned before = fake->interrupts;
    if (!fake->queue_ready || (fake->status & 4) == 0)
        return false;
    do {
        model_wake(&fake->ring);
        while (fake->held_count < HELD_MAX && model_pop(&fake->ring, &fake->held[fake->held_count]))
            fake->held_count++;
        while (!fake->hold_requests && fake->held_count > 0) {
            if (fake->shuffle)
                fake_mmio_finish_one(fake);
            else
                finish(fake, 0);
        }
    } while (!model_sleep(&fake->ring));
    return fake->interrupts > before;
}

void fake_mmio_config_changed(struct fake_mmio *fake)
{
    fake->generation++;
    ring_up(fake, 2);
}

/* ---- the rest of the platform ---- */

static int dma_alloc(struct virtio_platform *platform, size_t len_bytes, struct dma_memory *memory)
{
    if (fake_of(platform)->dma_fails)
        return -ANOLE_ENOMEM;
    memory->address = fake_memory_alloc(len_bytes, &memory->device_address);
    memory->len_bytes = len_bytes;
    return 0;
}

static uint64_t now_us(struct virtio_platform *platform)
{
    return fake_of(platform)->now_us;
}

static void wait(struct virtio_platform *platform, uint64_t deadline_us)
{
    struct fake_mmio *fake = fake_of(platform);
    if (fake->waiting != NULL)
        fake->waiting(fake);
    else
        fake_mmio_run(fake);
    if (!fake->interrupt_line && fake->now_us < deadline_us)
        fake->now_us = deadline_us;
    fake->interrupt_line = false;
}

void fake_mmio_init(struct fake_mmio *fake, uint64_t sectors, uint64_t offered)
{
    *fake = (struct fake_mmio){
        .platform = {read8, read16, read32, write8, write16, write32, dma_alloc, now_us, wait},
        .magic = 0x74726976,
        .version = 2,
        .device_id = 2,
        .offered = offered,
        .queue_max = FAKE_QUEUE_MAX,
        .config_len = 60,
        .disk_len = sectors * 512,
        .block = 512,
        .status_byte = -1,
        .random = {88172645463325252u},
        .disk = calloc(sectors + 1, 512),
        .held = calloc(HELD_MAX, sizeof(struct model_chain)),
        .now_us = 1000,
    };
    CHECK(fake->disk != NULL && fake->held != NULL);
    fake_config_put(fake, 0, 8, sectors);
}

void fake_mmio_free(struct fake_mmio *fake)
{
    free(fake->disk);
    free(fake->held);
    fake_memory_reset();
}
