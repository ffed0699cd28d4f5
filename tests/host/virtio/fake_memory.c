/*
 * The device's view of memory: a table of ranges.
 */
#include "fake_memory.h"

#include <stdlib.h>
#include <string.h>

#define RANGES 4096u
#define FIRST_ADDRESS 0x80000000u
#define PAGE 4096u

static struct range {
    uint64_t address;
    size_t len;
    char *memory;
    unsigned access;
    bool owned;
} ranges[RANGES];
static unsigned count;
static uint64_t next_address = FIRST_ADDRESS;

void fake_memory_reset(void)
{
    for (unsigned i = 0; i < count; i++)
        if (ranges[i].owned)
            free(ranges[i].memory);
    count = 0;
    next_address = FIRST_ADDRESS;
}

uint64_t fake_memory_address(size_t len)
{
    uint64_t address = next_address;
    next_address += ((len + PAGE - 1) / PAGE + 1) * PAGE;
    return address;
}

void fake_memory_add(uint64_t device_address, void *memory, size_t len, unsigned access)
{
    CHECK(count < RANGES);
    ranges[count++] = (struct range){device_address, len, memory, access, false};
}

void *fake_memory_alloc(size_t len, uint64_t *device_address)
{
    void *memory = aligned_alloc(PAGE, (len + PAGE - 1) / PAGE * PAGE);
    CHECK(memory != NULL);
    memset(memory, 0, len);
    *device_address = fake_memory_address(len);
    fake_memory_add(*device_address, memory, len, FAKE_READ | FAKE_WRITE);
    ranges[count - 1].owned = true;
    return memory;
}

void fake_memory_remove(uint64_t device_address)
{
    for (unsigned i = 0; i < count; i++) {
        if (ranges[i].address != device_address)
            continue;
        ranges[i] = ranges[--count];
        return;
    }
    fail_msg("no range at %#lx", (unsigned long)device_address);
}

/* The range that has all of it; NULL: none. */
static const struct range *range_of(uint64_t device_address, size_t len)
{
    for (unsigned i = 0; i < count; i++) {
        const struct range *range = &ranges[i];
        if (device_address >= range->address && device_address - range->address <= range->len &&
            len <= range->len - (device_address - range->address))
            return range;
    }
    return NULL;
}

void *fake_memory_find(uint64_t device_address, size_t len, unsigned access)
{
    const struct range *range = range_of(device_address, len);
    if (range == NULL || (range->access & access) != access)
        return NULL;
    return range->memory + (device_address - range->address);
}

void *fake_memory_at(uint64_t device_address, size_t len, unsigned access)
{
    const struct range *range = range_of(device_address, len);
    if (range == NULL)
        fail_msg("the device reaches %zu bytes at %#lx, which it wasn't given", len,
                 (unsigned long)device_address);
    else if ((range->access & access) != access)
        fail_msg("the device has no right %u at %#lx", access, (unsigned long)device_address);
    return fake_memory_find(device_address, len, access);
}

uint16_t fake_memory_get16(uint64_t device_address)
{
    uint16_t value;
    memcpy(&value, fake_memory_at(device_address, sizeof(value), FAKE_READ), sizeof(value));
    return value;
}

void fake_memory_put16(uint64_t device_address, uint16_t value)
{
    memcpy(fake_memory_at(device_address, sizeof(value), FAKE_WRITE), &value, sizeof(value));
}

void fake_memory_put32(uint64_t device_address, uint32_t value)
{
    memcpy(fake_memory_at(device_address, sizeof(value), FAKE_WRITE), &value, sizeof(value));
}
