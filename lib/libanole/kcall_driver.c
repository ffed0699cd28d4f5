/*
 * Kernel calls of drivers: memory for the device, mappings of granted memory, windows, interrupts.
 */
#include <libanole/anole.h>
#include <libanole/fault.h>

int kcall_dma_alloc(size_t len, void **address, uint64_t *device_address)
{
    struct message message = {.word = {len}};
    int error = kcall(KCALL_DMA_ALLOC, &message);

    if (!error) {
        *address = (void *)message.word[0];
        *device_address = message.word[1];
    }
    return error;
}

int kcall_dma_map(endpoint_t maker, handle_t grant, uint64_t offset, size_t len, unsigned direction,
                  struct dma_segment *segments, unsigned max, handle_t *handle, unsigned *used)
{
    struct message message = {
        .word = {maker, grant, offset, len, direction, (uintptr_t)segments, max},
    };
    int error = kcall(KCALL_DMA_MAP, &message);

    if (!error) {
        *handle = message.word[0];
        *used = (unsigned)message.word[1];
    }
    return error;
}

int kcall_dma_map_own(const void *address, size_t len, unsigned direction,
                      struct dma_segment *segments, unsigned max, handle_t *handle, unsigned *used)
{
    struct message message = {
        .word = {(uintptr_t)address, len, direction, (uintptr_t)segments, max},
    };
    int error = kcall(KCALL_DMA_MAP_OWN, &message);

    if (!error) {
        *handle = message.word[0];
        *used = (unsigned)message.word[1];
    }
    return error;
}

int kcall_dma_unmap(handle_t handle)
{
    struct message message = {.word = {handle}};

    return kcall(KCALL_DMA_UNMAP, &message);
}

int kcall_window_map(unsigned index, void **address, size_t *len)
{
    struct message message = {.word = {index}};
    int error = kcall(KCALL_WINDOW_MAP, &message);

    if (!error) {
        *address = (void *)message.word[0];
        *len = message.word[1];
    }
    return error;
}

int kcall_irq_bind(unsigned index, unsigned which, unsigned bit)
{
    struct message message = {.word = {index, bit, which}};

    if (fault_here(FAULT_NO_IRQ)) {
        return 0;
    }
    return kcall(KCALL_IRQ_BIND, &message);
}
