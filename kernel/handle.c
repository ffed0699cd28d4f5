#include "handle.h"
#include "mmu.h"
#include <string.h>

#define GENERATION_MAX (((uint64_t)1 << 48) - 1)

static uint32_t index_of(const struct process *process, const struct handle *handle)
{
    for (uint32_t page = 0; page < process->handle_pages; page++) {
        const struct handle *first = process->handle_page[page];
        if (handle >= first && handle < first + HANDLES_PER_PAGE)
            return page * HANDLES_PER_PAGE + (uint32_t)(handle - first);
    }
    return 0;
}

struct handle *handle_at(const struct process *process, uint32_t index)
{
    if (index >= process->handle_pages * HANDLES_PER_PAGE)
        return NULL;
    return &process->handle_page[index / HANDLES_PER_PAGE][index % HANDLES_PER_PAGE];
}

handle_t handle_id(const struct process *process, const struct handle *handle)
{
    return handle->generation << 16 | index_of(process, handle);
}

static int table_grow(struct process *process)
{
    uint32_t first = process->handle_pages * HANDLES_PER_PAGE;
    struct handle *page;
    paddr_t frame;
    int status;

    if (process->handle_pages == HANDLE_PAGES)
        return -ANOLE_ENOMEM;
    status = process_frame_alloc(process, &frame);
    if (status)
        return status;
    page = direct(frame);
    process->handle_page[process->handle_pages++] = page;
    for (uint32_t i = HANDLES_PER_PAGE; i-- > 0;) {
        page[i].generation = 1;
        if (first + i == 0)
            continue; /* index 0 is nobody's, so that no id is HANDLE_NONE */
        page[i].next_free = process->handle_free;
        process->handle_free = first + i;
    }
    return 0;
}

int handle_alloc(struct process *process, enum handle_kind kind, struct handle **handle,
                 handle_t *id)
{
    uint32_t index;
    int status;

    if (process->handles >= process->max_handles)
        return -ANOLE_ENOMEM;
    if (process->handle_free == 0) {
        status = table_grow(process);
        if (status)
            return status;
    }
    index = process->handle_free;
    *handle = handle_at(process, index);
    process->handle_free = (*handle)->next_free;
    process->handles++;
    memset(&(*handle)->grant, 0, sizeof(**handle) - offsetof(struct handle, grant));
    (*handle)->kind = (uint8_t)kind;
    (*handle)->flags = 0;
    (*handle)->bit = 0;
    (*handle)->peer = ENDPOINT_NONE;
    *id = (*handle)->generation << 16 | index;
    return 0;
}

void handle_free(struct process *process, struct handle *handle)
{
    uint32_t index = index_of(process, handle);

    handle->kind = HANDLE_FREE;
    process->handles--;
    if (handle->generation == GENERATION_MAX)
        return; /* retired: an id is never used twice */
    handle->generation++;
    handle->next_free = process->handle_free;
    process->handle_free = index;
}

struct handle *handle_lookup_any(const struct process *process, handle_t id)
{
    struct handle *handle = handle_at(process, (uint32_t)(id & 0xffff));

    if (!handle || handle->kind == HANDLE_FREE || handle->generation != id >> 16)
        return NULL;
    return handle;
}

struct handle *handle_lookup(const struct process *process, handle_t id, enum handle_kind kind)
{
    struct handle *handle = handle_lookup_any(process, id);

    return handle && handle->kind == kind ? handle : NULL;
}

void handle_table_free(struct process *process)
{
    for (uint32_t page = 0; page < process->handle_pages; page++)
        process_frame_free(process, direct_to_paddr(process->handle_page[page]));
    process->handle_pages = 0;
    process->handle_free = 0;
}
