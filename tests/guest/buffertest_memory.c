/* Memory that is watched: see buffertest.h. */
#include "buffertest.h"

#include <string.h>

#define HOARD_PAGES_MAX 7000u /* within this program's quota */
#define HOARD_BYTE 0xc3u

void *memory_new(size_t len)
{
    void *memory;
    int status = kcall_map(len, PROT_READ_BIT | PROT_WRITE_BIT, &memory);
    if (status != 0)
        panic("%zu bytes of memory: %s", len, anole_error_text(status));
    return memory;
}

bool memory_is(const void *memory, size_t len, uint8_t byte)
{
    const uint8_t *bytes = memory;
    return len == 0 || (bytes[0] == byte && memcmp(bytes, bytes + 1, len - 1) == 0);
}

static struct system_info system_now(void)
{
    struct system_info info;
    int status = kcall_system_info(&info);
    if (status != 0)
        panic("system information: %s", anole_error_text(status));
    return info;
}

uint64_t frames_free(void)
{
    return system_now().frames_free;
}

uint64_t frames_quarantined(void)
{
    return system_now().frames_quarantined;
}

/*
 * The kernel hands free frames out in a circle. What is taken first may leave out a quarter, which is
 * what is taken next, when the first part has been given back.
 */
bool hoard_take(struct hoard *hoard)
{
    uint64_t pages = frames_free() / 4 * 3;
    if (!expect(pages <= HOARD_PAGES_MAX, "too much free memory to hoard: give the machine less"))
        return false;
    hoard->len = pages * PAGE_SIZE;
    hoard->memory = memory_new(hoard->len);
    hoard_give_back(hoard);
    hoard->memory = memory_new(hoard->len);
    memset(hoard->memory, HOARD_BYTE, hoard->len);
    return true;
}

bool hoard_intact(const struct hoard *hoard)
{
    return memory_is(hoard->memory, hoard->len, HOARD_BYTE);
}

void hoard_give_back(struct hoard *hoard)
{
    int status = kcall_unmap(hoard->memory, hoard->len);
    if (status != 0)
        panic("giving memory back: %s", anole_error_text(status));
}
