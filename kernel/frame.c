#include "frame.h"
#include "kprintf.h"
#include "mmu.h"
#include <string.h>

/* One bit a frame (set: free) and one reference count a frame, both behind the kernel's image. */
static uint64_t *free_bits;
static uint32_t *references;
static uint64_t ram_base, frame_count, free_count, usable_count;
static uint64_t search_from; /* word of free_bits to look at first */

static bool is_free(uint64_t index)
{
    return free_bits[index / 64] >> (index % 64) & 1;
}

static void mark_free(uint64_t index)
{
    free_bits[index / 64] |= (uint64_t)1 << (index % 64);
    free_count++;
}

static void mark_used(uint64_t index)
{
    free_bits[index / 64] &= ~((uint64_t)1 << (index % 64));
    free_count--;
}

static paddr_t frame_at(uint64_t index)
{
    return paddr(ram_base + index * PAGE_SIZE);
}

static uint64_t index_of(paddr_t frame)
{
    return (frame.raw - ram_base) / PAGE_SIZE;
}

void frame_init(paddr_t base, uint64_t len, paddr_t used_start, paddr_t used_end)
{
    uint64_t bits_len, tables_end;

    ram_base = base.raw;
    frame_count = len / PAGE_SIZE;
    bits_len = (frame_count + 63) / 64 * 8;
    free_bits = direct(used_end);
    references = direct(paddr(used_end.raw + bits_len));
    tables_end = page_round_up(used_end.raw + bits_len + frame_count * sizeof(references[0]));
    if (tables_end >= base.raw + len)
        kernel_panic("too little memory: %lu KiB of RAM, the kernel and its boot image need %lu",
                     len / 1024, (tables_end - base.raw) / 1024);
    memset(free_bits, 0, bits_len);
    memset(references, 0, frame_count * sizeof(references[0]));
    for (uint64_t i = 0; i < frame_count; i++) {
        uint64_t address = frame_at(i).raw;
        if (address < used_start.raw || address >= tables_end)
            mark_free(i);
        else
            references[i] = 1;
    }
    usable_count = free_count;
}

void frame_reserve_range(paddr_t start, uint64_t len)
{
    for (uint64_t address = start.raw & ~(PAGE_SIZE - 1); address < start.raw + len;
         address += PAGE_SIZE) {
        uint64_t index = index_of(paddr(address));
        if (frame_is_ram(paddr(address)) && is_free(index)) {
            mark_used(index);
            references[index] = 1;
            usable_count--;
        }
    }
}

static void take(uint64_t index)
{
    mark_used(index);
    references[index] = 1;
    memset(direct(frame_at(index)), 0, PAGE_SIZE);
}

bool frame_alloc(paddr_t *frame)
{
    uint64_t words = (frame_count + 63) / 64;

    for (uint64_t i = 0; free_count > 0 && i < words; i++) {
        uint64_t word = (search_from + i) % words;
        if (!free_bits[word])
            continue;
        uint64_t index = word * 64 + (uint64_t)__builtin_ctzl(free_bits[word]);
        take(index);
        search_from = word;
        *frame = frame_at(index);
        return true;
    }
    return false;
}

bool frame_alloc_contiguous(uint64_t count, paddr_t *first)
{
    uint64_t run = 0;

    if (count == 0 || count > free_count)
        return false;
    for (uint64_t i = 0; i < frame_count; i++) {
        if (run == 0 && i % 64 == 0 && free_bits[i / 64] == 0) {
            i += 63;
            continue;
        }
        run = is_free(i) ? run + 1 : 0;
        if (run < count)
            continue;
        for (uint64_t j = i + 1 - count; j <= i; j++)
            take(j);
        *first = frame_at(i + 1 - count);
        return true;
    }
    return false;
}

void frame_get(paddr_t frame)
{
    references[index_of(frame)]++;
}

void frame_put(paddr_t frame)
{
    uint64_t index = index_of(frame);

    if (references[index] == 0)
        kernel_panic("frame 0x%lx put more often than got", frame.raw);
    if (--references[index] == 0)
        mark_free(index);
}

bool frame_is_ram(paddr_t address)
{
    return address.raw >= ram_base && address.raw - ram_base < frame_count * PAGE_SIZE;
}

uint64_t frame_total(void)
{
    return usable_count;
}

uint64_t frame_free_count(void)
{
    return free_count;
}
