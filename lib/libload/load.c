/*
 * libload: the kernel calls that make a process: create, map, write, start, bury.
 */
#include "load.h"
#include <libanole/anole.h>

static uint64_t round_up(uint64_t len)
{
    return (len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

/* handle HANDLE_NONE: zeroed memory; else the kernel's region of that number, from offset on. */
static int map(endpoint_t child, uint64_t vaddr, uint64_t len, uint32_t prot, handle_t handle,
               uint64_t offset)
{
    struct message message = {
        .word = {child, vaddr, len, prot, ENDPOINT_KERNEL, handle, offset},
    };
    return kcall(KCALL_PROCESS_MAP, &message);
}

static int write(endpoint_t child, uint64_t vaddr, const void *data, uint64_t len)
{
    struct message message = {.word = {child, vaddr, (uintptr_t)data, len}};
    return kcall(KCALL_PROCESS_WRITE, &message);
}

/* All of it is memory of the child's own, filled piece by piece. */
static int read_segment(const struct load_request *request, const struct boot_segment *segment,
                        endpoint_t child)
{
    static uint8_t piece[16 * PAGE_SIZE];
    int error = map(child, segment->vaddr, round_up(segment->memory_len), segment->prot,
                    HANDLE_NONE, 0);
    for (uint64_t done = 0; !error && done < segment->file_len; done += sizeof(piece)) {
        uint64_t left = segment->file_len - done;
        uint64_t len = left < sizeof(piece) ? left : sizeof(piece);
        error = request->read(request->context, segment->file_offset + done, piece, len);
        if (!error) {
            error = write(child, segment->vaddr + done, piece, len);
        }
    }
    return error;
}

static int map_segment(const struct load_request *request, const struct boot_segment *segment,
                       endpoint_t child)
{
    const uint8_t *image = (const uint8_t *)request->image->image;
    uint64_t memory_len = round_up(segment->memory_len);
    uint64_t shared_len = 0;
    int error = 0;
    if (!(segment->prot & PROT_WRITE_BIT)) {
        shared_len = round_up(segment->file_len);
        if (shared_len > 0) {
            error = map(child, segment->vaddr, shared_len, segment->prot, KERNEL_REGION_BOOT_IMAGE,
                        segment->file_offset);
        }
    }
    if (!error && memory_len > shared_len) {
        error = map(child, segment->vaddr + shared_len, memory_len - shared_len, segment->prot,
                    HANDLE_NONE, 0);
    }
    if (!error && shared_len == 0 && segment->file_len > 0) {
        error = write(child, segment->vaddr, image + segment->file_offset, segment->file_len);
    }
    return error;
}

/* The page for that child. Its stack is as long as asked for, below the strings. */
static int startup_fill(const struct load_request *request, endpoint_t child,
                        struct startup_page *page)
{
    struct startup_page header = *request->header;
    int error;
    header.self = child;
    error = load_startup_build(page, &header, request->strings, request->strings_len);
    if (!error) {
        page->stack_bytes = round_up(request->stack_bytes + USER_STACK_TOP - page->stack_pointer);
    }
    return error;
}

int load_startup_write(const struct load_request *request, endpoint_t child)
{
    struct startup_page page;
    int error = startup_fill(request, child, &page);
    return error ? error : write(child, USER_STARTUP_PAGE, &page, sizeof(page));
}

static int map_stack(const struct load_request *request, endpoint_t child)
{
    struct startup_page page;
    int error = startup_fill(request, child, &page);
    if (!error) {
        error = map(child, USER_STACK_TOP - page.stack_bytes, page.stack_bytes,
                    PROT_READ_BIT | PROT_WRITE_BIT, HANDLE_NONE, 0);
    }
    if (!error && request->strings_len > 0) {
        error = write(child, USER_STACK_TOP - request->strings_len, request->strings,
                      request->strings_len);
    }
    return error;
}

int load_create(const struct load_request *request, endpoint_t *child)
{
    struct message message = {.word = {(uintptr_t)request->create}};
    int error = kcall(KCALL_PROCESS_CREATE, &message);
    if (error) {
        return error;
    }
    endpoint_t created = (endpoint_t)message.word[0];
    for (unsigned i = 0; !error && i < request->program->segment_count; i++) {
        const struct boot_segment *segment = &request->program->segment[i];
        error = request->read ? read_segment(request, segment, created)
                              : map_segment(request, segment, created);
    }
    if (!error) {
        error = map_stack(request, created);
    }
    if (!error) {
        error = map(created, USER_STARTUP_PAGE, PAGE_SIZE, PROT_READ_BIT, HANDLE_NONE, 0);
    }
    if (!error) {
        error = load_startup_write(request, created);
    }
    if (error) {
        load_discard(created);
        return error;
    }
    *child = created;
    return 0;
}

int load_start(const struct boot_entry *program, endpoint_t child)
{
    struct message message = {.word = {child, program->entry, USER_STACK_TOP, 0}};
    int error = kcall(KCALL_PROCESS_START, &message);
    if (error) {
        load_discard(child);
    }
    return error;
}

int load_bury(endpoint_t corpse)
{
    struct message message = {.word = {corpse}};
    return kcall(KCALL_PROCESS_BURY, &message);
}

int load_strip(endpoint_t corpse)
{
    struct message message = {.word = {corpse, BURY_KEEP_RECORD}};
    return kcall(KCALL_PROCESS_BURY, &message);
}

void load_discard(endpoint_t child)
{
    (void)load_bury(child); /* one that never ran needs no killing before */
}
