/*
 * Buffers between guard areas, and what is written on disks: sectors that say where they belong.
 */
#include "blktest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BUFFERS 64u
#define GUARD_BYTES 2048u /* at least, on each side */
#define GUARD_BYTE 0xa5u

static struct buffer buffers[BUFFERS];

/* ---- buffers ---- */

struct buffer *buffer_new(size_t len, size_t skew)
{
    size_t front = GUARD_BYTES <= skew ? skew : PAGE_SIZE + skew;
    size_t mapping_len = (front + len + GUARD_BYTES + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    for (unsigned i = 0; i < BUFFERS; i++) {
        struct buffer *buffer = &buffers[i];
        void *mapping;
        if (buffer->mapping)
            continue;
        int status = kcall_map(mapping_len, PROT_READ_BIT | PROT_WRITE_BIT, &mapping);
        if (status != 0)
            panic("mapping a buffer of %zu bytes: %s", mapping_len, anole_error_text(status));
        memset(mapping, GUARD_BYTE, mapping_len);
        *buffer = (struct buffer){.mapping = mapping,
                                  .mapping_len = mapping_len,
                                  .data = (uint8_t *)mapping + front,
                                  .len = len};
        return buffer;
    }
    panic("more than %u buffers", BUFFERS);
}

bool buffer_grant(struct buffer *buffer, unsigned access)
{
    return check_status(kcall_grant(driver, buffer->data, buffer->len, access, &buffer->grant), 0,
                        __LINE__, "granting a buffer");
}

static int revoke_patiently(handle_t grant)
{
    uint64_t deadline = deadline_in_us(PATIENCE_US);
    struct ipc_delivery delivery;
    int status;
    while ((status = kcall_revoke(grant, BIT_UNPINNED)) == -ANOLE_EBUSY &&
           ipc_receive(&delivery, NOTIFY_BIT(BIT_UNPINNED), deadline, RECEIVE_NO_REQUESTS) == 0)
        continue;
    return status;
}

bool buffer_revoke(struct buffer *buffer)
{
    if (buffer->grant == HANDLE_NONE)
        return true;
    int status = revoke_patiently(buffer->grant);
    if (status == 0)
        buffer->grant = HANDLE_NONE;
    return check_status(status, 0, __LINE__, "taking a grant back");
}

bool buffer_guarded(const struct buffer *buffer, int line)
{
    const uint8_t *end = buffer->mapping + buffer->mapping_len;
    for (const uint8_t *byte = buffer->mapping; byte < end; byte++) {
        if (byte == buffer->data)
            byte += buffer->len;
        if (byte < end && *byte != GUARD_BYTE)
            return check(false, line, "guard at %td of a buffer of %zu bytes was overwritten",
                         byte - buffer->data, buffer->len);
    }
    return check(true, line, "guards");
}

void buffer_fill(struct buffer *buffer, uint8_t byte)
{
    memset(buffer->data, byte, buffer->len);
}

bool buffer_is(const struct buffer *buffer, uint8_t byte)
{
    for (size_t i = 0; i < buffer->len; i++)
        if (buffer->data[i] != byte)
            return false;
    return true;
}

/* What can't be taken back stays mapped: a device may still write there. */
void buffers_free(void)
{
    for (unsigned i = 0; i < BUFFERS; i++) {
        struct buffer *buffer = &buffers[i];
        if (!buffer->mapping)
            continue;
        if (buffer_revoke(buffer))
            (void)kcall_unmap(buffer->mapping, buffer->mapping_len);
        *buffer = (struct buffer){0};
    }
}

/* ---- stamps ---- */

#define STAMP_MAGIC 0x706d617473626bu
#define STAMP_WORDS (BLK_SECTOR_SIZE / sizeof(uint64_t))

enum stamp_word { STAMP_IS, STAMP_SECTOR, STAMP_GENERATION, STAMP_SEED, STAMP_FILLING };
#define STAMP_CHECKSUM (STAMP_WORDS - 1)

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 32);
}

static uint64_t checksum(const void *data, size_t len)
{
    const uint64_t *words = data;
    uint64_t hash = 0x616e6f6c65u;
    for (size_t i = 0; i < len / sizeof *words; i++)
        hash = mix(hash, words[i]) + i;
    return hash;
}

uint64_t generation_next(void)
{
    static uint64_t generation;
    return ++generation;
}

void stamp_fill(void *data, uint64_t sector, size_t len, uint64_t generation)
{
    uint64_t *words = data;
    for (size_t done = 0; done < len; done += BLK_SECTOR_SIZE) {
        uint64_t filling = mix(mix(options.seed, sector), generation);
        words[STAMP_IS] = STAMP_MAGIC;
        words[STAMP_SECTOR] = sector++;
        words[STAMP_GENERATION] = generation;
        words[STAMP_SEED] = options.seed;
        for (size_t i = STAMP_FILLING; i < STAMP_CHECKSUM; i++)
            words[i] = filling += 0x9e3779b97f4a7c15u;
        words[STAMP_CHECKSUM] = checksum(words, BLK_SECTOR_SIZE - sizeof *words);
        words += STAMP_WORDS;
    }
}

const char *stamp_check(const void *data, uint64_t sector, size_t len, uint64_t generation)
{
    static char text[160];
    const uint64_t *words = data;
    for (size_t done = 0; done < len; done += BLK_SECTOR_SIZE, sector++, words += STAMP_WORDS) {
        if (words[STAMP_IS] != STAMP_MAGIC)
            snprintf(text, sizeof text, "sector %" PRIu64 ": no stamp (%#" PRIx64 ")", sector,
                     words[STAMP_IS]);
        else if (words[STAMP_CHECKSUM] != checksum(words, BLK_SECTOR_SIZE - sizeof *words))
            snprintf(text, sizeof text, "sector %" PRIu64 ": wrong checksum", sector);
        else if (words[STAMP_SECTOR] != sector)
            snprintf(text, sizeof text, "sector %" PRIu64 ": holds sector %" PRIu64, sector,
                     words[STAMP_SECTOR]);
        else if (words[STAMP_SEED] != options.seed || words[STAMP_GENERATION] != generation)
            snprintf(text, sizeof text,
                     "sector %" PRIu64 ": generation %" PRIu64 ", seed %" PRIu64
                     "; expected generation %" PRIu64,
                     sector, words[STAMP_GENERATION], words[STAMP_SEED], generation);
        else
            continue;
        return text;
    }
    return NULL;
}
