#include "vm.h"
#include "kcall.h"
#include "kprintf.h"
#include "mmu.h"
#include "region.h"
#include <string.h>

/* ---- area structures ---- */

static struct area *area_alloc(struct process *process)
{
    struct area *area;
    paddr_t frame;

    if (!process->area_free) {
        if (process->area_pages == AREA_PAGES || process_frame_alloc(process, &frame))
            return NULL;
        process->area_page[process->area_pages++] = frame;
        area = direct(frame);
        for (unsigned i = 0; i < PAGE_SIZE / sizeof(*area); i++) {
            area[i].next = process->area_free;
            process->area_free = &area[i];
        }
    }
    area = process->area_free;
    process->area_free = area->next;
    memset(area, 0, sizeof(*area));
    return area;
}

static void area_release(struct process *process, struct area *area)
{
    struct area **link = &process->areas;

    while (*link != area)
        link = &(*link)->next;
    *link = area->next;
    if (area->region)
        region_put(area->region);
    area->next = process->area_free;
    process->area_free = area;
}

static uint64_t area_end(const struct area *area)
{
    return area->start + area->pages * PAGE_SIZE;
}

static struct area *vm_area_at(const struct process *process, uint64_t address)
{
    for (struct area *area = process->areas; area; area = area->next)
        if (address >= area->start && address < area_end(area))
            return area;
    return NULL;
}

/* Where a new area may be: the asked-for place if free, else the first gap (with a guard page). */
static int area_place(const struct process *process, const struct area_request *request,
                      uint64_t *start)
{
    uint64_t len = request->pages * PAGE_SIZE;
    uint64_t candidate = request->address ? request->address : USER_MAP_BASE;
    uint64_t limit = request->address ? USER_END : USER_MAP_END;

    for (const struct area *area = process->areas; area; area = area->next) {
        if (area_end(area) + (request->address ? 0 : PAGE_SIZE) <= candidate)
            continue;
        if (candidate + len + (request->address ? 0 : PAGE_SIZE) <= area->start)
            break;
        if (request->address)
            return -ANOLE_EEXIST;
        candidate = area_end(area) + PAGE_SIZE;
    }
    if (!range_within(candidate, len, limit))
        return -ANOLE_ENOMEM;
    *start = candidate;
    return 0;
}

static int area_create(struct process *process, const struct area_request *request,
                       struct area **result)
{
    struct area *area, **link = &process->areas;
    uint64_t start;
    int status = area_place(process, request, &start);

    if (status)
        return status;
    area = area_alloc(process);
    if (!area)
        return -ANOLE_ENOMEM;
    area->start = start;
    area->pages = request->pages;
    area->kind = request->kind;
    area->prot = request->prot;
    area->region_page = request->region_page;
    area->physical = request->physical;
    area->region = request->region;
    if (area->region)
        region_get(area->region);
    while (*link && (*link)->start < start)
        link = &(*link)->next;
    area->next = *link;
    *link = area;
    *result = area;
    return 0;
}

/* ---- mapping and unmapping in steps ---- */

/* The frame for one page of an area: anonymous ones are new and charged, DMA memory (charged with its
 * pin) has one reference more. */
static int page_frame(struct process *process, const struct area *area, uint64_t page,
                      paddr_t *frame)
{
    if (area->kind == AREA_ANONYMOUS)
        return process_frame_alloc(process, frame);
    if (area->kind == AREA_REGION) {
        *frame = region_frame(area->region, area->region_page + page);
        return 0;
    }
    *frame = paddr(area->physical + page * PAGE_SIZE);
    if (area->kind == AREA_DMA)
        frame_get(*frame);
    return 0;
}

/* Undoes page_frame. */
static void page_release(struct process *process, const struct area *area, paddr_t frame)
{
    if (area->kind == AREA_ANONYMOUS)
        process_frame_free(process, frame);
    else if (area->kind == AREA_DMA)
        frame_put(frame);
}

static int map_pages(struct process *process, struct area *area)
{
    uint64_t end = min_u64(area->mapped + STEP_PAGES, area->pages);

    for (; area->mapped < end; area->mapped++) {
        paddr_t frame;
        int status = page_frame(process, area, area->mapped, &frame);
        if (status)
            return status;
        status = mmu_map(process, area->start + area->mapped * PAGE_SIZE, frame, area->prot);
        if (status) {
            page_release(process, area, frame);
            return status;
        }
    }
    return area->mapped < area->pages ? KCALL_AGAIN : 0;
}

static bool request_valid(const struct process *process, const struct area_request *request)
{
    return request->pages > 0 && request->pages <= USER_END / PAGE_SIZE &&
           page_aligned(request->address) && request->address < USER_END && request->prot != 0 &&
           (request->prot & ~7u) == 0 &&
           (request->prot & (PROT_WRITE_BIT | PROT_EXEC_BIT)) != (PROT_WRITE_BIT | PROT_EXEC_BIT) &&
           process_is_live(process);
}

static int map_begin(struct process *process, const struct area_request *request,
                     struct area **area)
{
    if (!request_valid(process, request))
        return -ANOLE_EINVAL;
    if (request->kind == AREA_ANONYMOUS && request->pages > process->max_frames - process->frames)
        return -ANOLE_ENOMEM;
    return area_create(process, request, area);
}

/*
 * Progress is 0, or the area's address (page-aligned, so that the low bits are free) and one of these.
 * The area is found again by its address, since another thread may have changed the list.
 */
#define PROGRESS_MAPPING 1u
#define PROGRESS_UNDOING 2u

int vm_map_step(struct process *process, const struct area_request *request, uint64_t *progress,
                uint64_t *address)
{
    struct area *area = NULL;
    int status = 0;

    if (*progress == 0)
        status = map_begin(process, request, &area);
    else
        area = vm_area_at(process, *progress & ~(PAGE_SIZE - 1));
    if (status)
        return status;
    if (!area || (area->unmapping && !(*progress & PROGRESS_UNDOING)))
        return -ANOLE_EINVAL; /* unmapped by another thread meanwhile */
    *address = area->start;
    if (*progress == 0)
        *progress = area->start | PROGRESS_MAPPING;
    if (!(*progress & PROGRESS_UNDOING)) {
        status = map_pages(process, area);
        if (status == 0 && area->prot & PROT_EXEC_BIT)
            mmu_code_changed();
        if (status >= 0)
            return status;
        *progress |= PROGRESS_UNDOING;
    }
    status = vm_unmap_step(process, area);
    return status == 0 ? -ANOLE_ENOMEM : status;
}

int vm_unmap_step(struct process *process, struct area *area)
{
    paddr_t frames[STEP_PAGES];
    unsigned count = 0;
    uint64_t steps = 0;

    /* From the end, shrinking the area: what is left of it is always what is still mapped. */
    area->unmapping = true;
    while (area->pages > 0 && steps++ < STEP_PAGES) {
        area->pages--;
        if (mmu_unmap(process, area_end(area), &frames[count]))
            count++;
    }
    if (count > 0)
        mmu_fence(process); /* before any of the frames can be reused */
    for (unsigned i = 0; i < count; i++)
        page_release(process, area, frames[i]);
    if (area->pages > 0)
        return KCALL_AGAIN;
    area_release(process, area);
    return 0;
}

void vm_free(struct process *process)
{
    while (process->area_pages > 0)
        process_frame_free(process, process->area_page[--process->area_pages]);
    process->area_free = NULL;
}

/* ---- access ---- */

void *vm_page(const struct process *process, uint64_t address, unsigned prot)
{
    paddr_t frame;
    unsigned has;

    if (!mmu_lookup(process, address, &frame, &has) || (has & prot) != prot || !frame_is_ram(frame))
        return NULL;
    return (char *)direct(frame) + (address & (PAGE_SIZE - 1));
}

static uint64_t rest_of_page(uint64_t address)
{
    return PAGE_SIZE - (address & (PAGE_SIZE - 1));
}

int vm_read(const struct process *process, uint64_t address, void *buffer, size_t len)
{
    if (!range_within(address, len, USER_END))
        return -ANOLE_EFAULT;
    while (len > 0) {
        size_t chunk = min_u64(len, rest_of_page(address));
        const void *page = vm_page(process, address, PROT_READ_BIT);
        if (!page)
            return -ANOLE_EFAULT;
        memcpy(buffer, page, chunk);
        buffer = (char *)buffer + chunk;
        address += chunk;
        len -= chunk;
    }
    return 0;
}

int vm_write(const struct process *process, uint64_t address, const void *buffer, size_t len)
{
    if (!range_within(address, len, USER_END))
        return -ANOLE_EFAULT;
    while (len > 0) {
        size_t chunk = min_u64(len, rest_of_page(address));
        void *page = vm_page(process, address, PROT_WRITE_BIT);
        if (!page)
            return -ANOLE_EFAULT;
        memcpy(page, buffer, chunk);
        buffer = (const char *)buffer + chunk;
        address += chunk;
        len -= chunk;
    }
    return 0;
}

static bool is_anonymous(const struct process *process, uint64_t address)
{
    const struct area *area = vm_area_at(process, address);

    return area && area->kind == AREA_ANONYMOUS;
}

int64_t vm_copy_step(const struct process *from, uint64_t from_address, const struct process *to,
                     uint64_t to_address, uint64_t len, unsigned flags)
{
    unsigned target_prot = flags & VM_IGNORE_WRITE_PROTECTION ? 0 : PROT_WRITE_BIT;
    uint64_t done = 0, want = min_u64(len, STEP_COPY_BYTES);

    if (!range_within(from_address, want, USER_END) || !range_within(to_address, want, USER_END))
        return -ANOLE_EFAULT;
    while (done < want) {
        uint64_t chunk = min_u64(want - done, min_u64(rest_of_page(from_address + done),
                                                      rest_of_page(to_address + done)));
        const void *source = vm_page(from, from_address + done, PROT_READ_BIT);
        void *target = vm_page(to, to_address + done, target_prot);
        if (target_prot == 0 && !is_anonymous(to, to_address + done))
            target = NULL;
        if (!source || !target)
            return -ANOLE_EFAULT;
        memmove(target, source, chunk); /* a grant may be to oneself, or the pages shared */
        done += chunk;
    }
    return (int64_t)done;
}

/* ---- the info page ---- */

static struct info_page *info;

void vm_info_page_init(void)
{
    paddr_t frame;

    if (!frame_alloc(&frame))
        kernel_panic("no memory for the info page");
    info = direct(frame);
}

struct info_page *vm_info_page(void)
{
    return info;
}

int vm_map_info_page(struct process *process)
{
    struct area_request request = {
        .address = USER_INFO_PAGE,
        .pages = 1,
        .kind = AREA_FIXED,
        .prot = PROT_READ_BIT,
        .physical = direct_to_paddr(info).raw,
    };
    uint64_t progress = 0, address;

    return vm_map_step(process, &request, &progress, &address);
}

/* ---- kernel calls ---- */

int kcall_map(struct thread *caller)
{
    struct area_request request = {
        .address = kcall_arg(caller, 2),
        .pages = page_round_up(kcall_arg(caller, 0)) / PAGE_SIZE,
        .kind = AREA_ANONYMOUS,
        .prot = (unsigned)min_u64(kcall_arg(caller, 1), UINT32_MAX),
    };
    uint64_t address = 0;
    int status;

    if (kcall_arg(caller, 0) > USER_END)
        return -ANOLE_EINVAL;
    status = vm_map_step(caller->process, &request, &caller->progress, &address);
    kcall_result(0, address);
    return status;
}

/* A mapping is taken down as a whole: address and length are those it was made with. */
int kcall_unmap(struct thread *caller)
{
    uint64_t address = kcall_arg(caller, 0);
    struct area *area = vm_area_at(caller->process, address);

    if (!area || area->start != address || area->kind == AREA_FIXED)
        return -ANOLE_EINVAL;
    if (caller->progress == 0 && (area->unmapping || kcall_arg(caller, 1) > USER_END ||
                                  page_round_up(kcall_arg(caller, 1)) != area->pages * PAGE_SIZE))
        return -ANOLE_EINVAL;
    caller->progress = 1;
    return vm_unmap_step(caller->process, area);
}
