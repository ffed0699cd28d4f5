/*
 * Starts rs, the only process that the kernel loads: everything after it is loaded by rs and pm, from
 * the same boot image, with kernel calls.
 */
#include "first.h"
#include "kcall.h"
#include "kprintf.h"
#include "mmu.h"
#include "process.h"
#include "vm.h"
#include <anole/bootimage.h>
#include <string.h>

#define RS_STACK_PAGES 16

extern char boot_image_start[], boot_image_end[];

static const struct boot_entry *find_entry(const char *name)
{
    const struct boot_image *image = (const struct boot_image *)boot_image_start;

    if (image->magic != BOOT_IMAGE_MAGIC)
        kernel_panic("the boot image has no valid header");
    for (uint32_t i = 0; i < image->entry_count; i++)
        if (strcmp(image->entry[i].name, name) == 0)
            return &image->entry[i];
    kernel_panic("the boot image has no %s", name);
}

static void map(struct process *process, const struct area_request *request)
{
    uint64_t progress = 0, address;
    int status;

    do
        status = vm_map_step(process, request, &progress, &address);
    while (status == KCALL_AGAIN);
    if (status)
        kernel_panic("can't map %s at 0x%lx: error %d", process->name, request->address, status);
}

/* Fills freshly mapped pages, whatever their protection. */
static void fill(struct process *process, uint64_t address, const void *data, uint64_t len)
{
    for (uint64_t done = 0; done < len;) {
        uint64_t chunk = min_u64(len - done, PAGE_SIZE - ((address + done) & (PAGE_SIZE - 1)));
        memcpy(vm_page(process, address + done, 0), (const char *)data + done, chunk);
        done += chunk;
    }
}

static void map_segment(struct process *process, const struct boot_segment *segment)
{
    struct area_request request = {
        .address = segment->vaddr,
        .pages = page_round_up(segment->memory_len) / PAGE_SIZE,
        .kind = AREA_ANONYMOUS,
        .prot = segment->prot,
    };

    if (!(segment->prot & PROT_WRITE_BIT)) {
        request.kind = AREA_FIXED;
        request.physical = direct_to_paddr(boot_image_start).raw + segment->file_offset;
    }
    map(process, &request);
    if (request.kind == AREA_ANONYMOUS)
        fill(process, segment->vaddr, boot_image_start + segment->file_offset, segment->file_len);
}

static void fill_startup(struct process *process)
{
    struct startup_page startup = {
        .magic = STARTUP_MAGIC,
        .self = process->endpoint,
        .rs = process->endpoint,
        .pm = ENDPOINT_NONE,
        .stack_bytes = RS_STACK_PAGES * PAGE_SIZE,
        .stack_pointer = USER_STACK_TOP - startup_strings_room(0, 0),
        .name = "rs",
    };

    fill(process, USER_STARTUP_PAGE, &startup, sizeof(startup));
}

void first_process_start(void)
{
    const struct boot_entry *entry = find_entry("rs");
    struct process_create request = {
        .name = "rs",
        .priority = PRIORITY_RS,
        .max_threads = 1,
        .max_frames = 8192 + 16384, /* its own, and what it keeps for services (kept-kib) */
        .max_handles = 2048,
        .kcalls = ~(uint64_t)0,
        .give_kcalls = ~(uint64_t)0,
    };
    struct area_request stack = {
        .address = USER_STACK_TOP - RS_STACK_PAGES * PAGE_SIZE,
        .pages = RS_STACK_PAGES,
        .kind = AREA_ANONYMOUS,
        .prot = PROT_READ_BIT | PROT_WRITE_BIT,
    };
    struct area_request startup = {
        .address = USER_STARTUP_PAGE, .pages = 1, .kind = AREA_ANONYMOUS, .prot = PROT_READ_BIT};
    struct process *process;

    memset(request.give_callable, 0xff, sizeof(request.give_callable));
    memset(request.give_ids, 0xff, sizeof(request.give_ids));
    if (!(entry->flags & BOOT_PROGRAM) || process_create(&request, ENDPOINT_KERNEL, &process) ||
        vm_map_info_page(process))
        kernel_panic("can't create rs");
    for (uint32_t i = 0; i < entry->segment_count; i++)
        map_segment(process, &entry->segment[i]);
    map(process, &stack);
    map(process, &startup);
    fill_startup(process);
    process->state = PROCESS_RUNNING;
    thread_start(&process->main, entry->entry, USER_STACK_TOP, 0);
}
