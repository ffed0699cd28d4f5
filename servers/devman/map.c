/*
 * Registers of devices, in devman's own address space.
 */
#include "devman.h"
#include <libanole/anole.h>

uint8_t *registers_map(const char *node, uint64_t address, uint64_t len)
{
    uint64_t base = address & ~(PAGE_SIZE - 1);
    struct message message = {.word = {base, len + (address - base)}};
    int error = kcall(KCALL_DEVICE_MAP, &message);
    if (error) {
        log_printf(LOG_WARNING, "%s: can't map its registers at 0x%lx: %s", node,
                   (unsigned long)address, anole_error_text(error));
        return NULL;
    }
    return (uint8_t *)(uintptr_t)(message.word[0] + (address - base));
}
