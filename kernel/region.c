#include "region.h"
#include "handle.h"
#include "hart.h"
#include "kcall.h"
#include "mmu.h"
#include "vm.h"

#define FRAMES_PER_INDEX (PAGE_SIZE / sizeof(uint32_t))
#define INDEX_FRAMES 400u

/* Lives in a frame; the numbers of its frames are in index frames, all charged to the creator. */
struct region {
    uint32_t references;     /* handles, mappings, and the kernel's for a fixed one */
    bool fixed;              /* memory that is never freed */
    struct process *creator; /* whose quota it is charged to; NULL: orphaned or fixed */
    struct list creator_link, dead_link;
    uint64_t orphaned_ticks; /* when its creator was buried; 0: it lives */
    uint64_t pages;
    uint64_t base; /* contiguous: of the first frame; else 0 */
    uint32_t *index[INDEX_FRAMES];
};
_Static_assert(sizeof(struct region) <= PAGE_SIZE, "a region fits in a frame");

static struct region fixed_regions[2];
struct list dead_regions = {&dead_regions, &dead_regions};
static uint64_t orphaned;

/* The frames that are charged for it now, also when it is half made or half freed. */
static uint64_t region_cost(const struct region *region)
{
    uint64_t cost = 1 + region->pages;

    if (region->index[0])
        cost += region->pages == 0 ? 1 : (region->pages + FRAMES_PER_INDEX - 1) / FRAMES_PER_INDEX;
    return cost;
}

void region_init_fixed(handle_t id, paddr_t start, uint64_t len)
{
    struct region *region = &fixed_regions[id - 1];

    region->references = 1;
    region->fixed = true;
    region->base = start.raw;
    region->pages = page_round_up(len) / PAGE_SIZE;
}

void region_get(struct region *region)
{
    region->references++;
}

uint64_t region_pages(const struct region *region)
{
    return region->pages;
}

paddr_t region_frame(const struct region *region, uint64_t page)
{
    if (region->base)
        return paddr(region->base + page * PAGE_SIZE);
    return paddr((uint64_t)region->index[page / FRAMES_PER_INDEX][page % FRAMES_PER_INDEX] *
                 PAGE_SIZE);
}

static void give_back(struct region *region, paddr_t frame)
{
    if (region->creator) {
        process_frame_free(region->creator, frame);
    } else {
        orphaned--;
        frame_put(frame);
    }
}

/* Frees the last page, or when none is left the rest. True when all is gone. */
static bool region_free_one(struct region *region)
{
    uint64_t page;

    if (region->pages == 0) {
        if (region->index[0])
            give_back(region, direct_to_paddr(region->index[0]));
        list_remove(&region->creator_link);
        list_remove(&region->dead_link);
        give_back(region, direct_to_paddr(region));
        return true;
    }
    page = --region->pages;
    give_back(region, region_frame(region, page));
    if (!region->base && page % FRAMES_PER_INDEX == 0 && page > 0) {
        give_back(region, direct_to_paddr(region->index[page / FRAMES_PER_INDEX]));
        region->index[page / FRAMES_PER_INDEX] = NULL;
    }
    return false;
}

void region_put(struct region *region)
{
    if (--region->references == 0)
        list_append(&dead_regions, &region->dead_link);
}

bool region_reap_step(void)
{
    for (unsigned i = 0; i < STEP_PAGES && !list_empty(&dead_regions); i++)
        region_free_one(container_of(dead_regions.next, struct region, dead_link));
    return !list_empty(&dead_regions);
}

uint64_t region_orphaned_frames(void)
{
    return orphaned;
}

void region_orphan_all(struct process *creator)
{
    while (!list_empty(&creator->regions)) {
        struct region *region = container_of(creator->regions.next, struct region, creator_link);
        list_remove(&region->creator_link);
        region->creator = NULL;
        region->orphaned_ticks = this_hart()->now;
        orphaned += region_cost(region);
        creator->frames -= (uint32_t)region_cost(region);
    }
}

uint64_t region_orphaned(const struct region *region, uint64_t *since_ticks)
{
    *since_ticks = region->orphaned_ticks;
    return region->orphaned_ticks != 0 ? region_cost(region) : 0;
}

/* ---- making one ---- */

static int region_add_page(struct process *process, struct region *region)
{
    uint64_t page = region->pages;
    uint32_t **index = &region->index[page / FRAMES_PER_INDEX];
    paddr_t frame;

    if (!*index) {
        if (process_frame_alloc(process, &frame))
            return -ANOLE_ENOMEM;
        *index = direct(frame);
    }
    if (process_frame_alloc(process, &frame)) {
        /* An index frame for no page would never be found again. */
        if (page % FRAMES_PER_INDEX == 0) {
            process_frame_free(process, direct_to_paddr(*index));
            *index = NULL;
        }
        return -ANOLE_ENOMEM;
    }
    (*index)[page % FRAMES_PER_INDEX] = (uint32_t)(frame.raw / PAGE_SIZE);
    region->pages++;
    return 0;
}

static int region_fill_contiguous(struct process *process, struct region *region, uint64_t pages)
{
    paddr_t first;

    if (pages > STEP_PAGES * 16 || pages > process->max_frames - process->frames ||
        !process_may_take(process->priority, pages) || !frame_alloc_contiguous(pages, &first))
        return -ANOLE_ENOMEM;
    process->frames += (uint32_t)pages;
    region->base = first.raw;
    region->pages = pages;
    return 0;
}

static int region_begin(struct process *process, struct region **region, handle_t *id)
{
    struct handle *handle;
    paddr_t frame;
    int status = handle_alloc(process, HANDLE_REGION, &handle, id);

    if (status)
        return status;
    status = process_frame_alloc(process, &frame);
    if (status) {
        handle_free(process, handle);
        return status;
    }
    *region = direct(frame);
    (*region)->references = 1;
    (*region)->creator = process;
    list_init(&(*region)->dead_link);
    list_append(&process->regions, &(*region)->creator_link);
    handle->region.region = *region;
    handle->flags = PROT_READ_BIT | PROT_WRITE_BIT;
    return 0;
}

static void region_abandon(struct process *process, handle_t id)
{
    struct handle *handle = handle_lookup(process, id, HANDLE_REGION);

    if (handle) {
        region_put(handle->region.region);
        handle_free(process, handle);
    }
}

/* len, REGION_* -> handle. The handle is kept in progress_object while the region grows. */
int kcall_region_create(struct thread *caller)
{
    struct process *process = caller->process;
    uint64_t len = kcall_arg(caller, 0), flags = kcall_arg(caller, 1);
    uint64_t pages = page_round_up(len) / PAGE_SIZE;
    struct region *region;
    struct handle *handle;
    int status = 0;

    if (len == 0 || len > INDEX_FRAMES * FRAMES_PER_INDEX * PAGE_SIZE ||
        flags & ~(uint64_t)REGION_CONTIGUOUS)
        return -ANOLE_EINVAL;
    if (caller->progress == 0) {
        if (pages > process->max_frames - process->frames)
            return -ANOLE_ENOMEM;
        status = region_begin(process, &region, &caller->progress_object);
        if (status)
            return status;
        caller->progress = 1;
        if (flags & REGION_CONTIGUOUS)
            status = region_fill_contiguous(process, region, pages);
    } else {
        handle = handle_lookup(process, caller->progress_object, HANDLE_REGION);
        if (!handle)
            return -ANOLE_EBADHANDLE; /* closed by another thread meanwhile */
        region = handle->region.region;
    }
    for (unsigned i = 0; i < STEP_PAGES && status == 0 && region->pages < pages; i++)
        status = region_add_page(process, region);
    if (status) {
        region_abandon(process, caller->progress_object);
        return status;
    }
    kcall_result(0, caller->progress_object);
    return region->pages < pages ? KCALL_AGAIN : 0;
}

/* ---- sharing it ---- */

/* region, peer, PROT_* -> offer */
int kcall_region_offer(struct thread *caller)
{
    struct process *process = caller->process;
    struct handle *region = handle_lookup(process, kcall_arg(caller, 0), HANDLE_REGION);
    struct process *peer = process_lookup_live((endpoint_t)kcall_arg(caller, 1));
    uint64_t prot = kcall_arg(caller, 2);
    struct handle *offer;
    handle_t id;
    int status;

    if (!region)
        return -ANOLE_EBADHANDLE;
    if (!peer)
        return -ANOLE_EDEADENDPOINT;
    if (prot == 0 || prot & ~(uint64_t)(PROT_READ_BIT | PROT_WRITE_BIT))
        return -ANOLE_EINVAL;
    status = handle_alloc(process, HANDLE_OFFER, &offer, &id);
    if (status)
        return status;
    offer->peer = peer->endpoint;
    offer->flags = (uint8_t)prot;
    offer->region.region = region->region.region;
    region_get(offer->region.region);
    kcall_result(0, id);
    return 0;
}

static int fixed_region_lookup(const struct process *user, handle_t id, struct region **region,
                               unsigned *prot)
{
    bool whole = user->kcalls & KCALL_BIT(PROCESS_CREATE);

    if (id != KERNEL_REGION_BOOT_IMAGE && id != KERNEL_REGION_DEVICE_TREE)
        return -ANOLE_EBADHANDLE;
    if (id == KERNEL_REGION_DEVICE_TREE) {
        whole = user->kcalls & (KCALL_BIT(DEVICE_MAP) | KCALL_BIT(POWER));
        if (!whole)
            return -ANOLE_EPERM;
    }
    *region = &fixed_regions[id - 1];
    *prot = whole ? PROT_READ_BIT | PROT_EXEC_BIT : PROT_READ_BIT;
    return 0;
}

/* The region that an id of the maker gives `user` to map. */
static int region_lookup(struct process *user, endpoint_t maker, handle_t id,
                         struct region **region, unsigned *prot)
{
    struct process *owner;
    struct handle *handle;

    if (maker == ENDPOINT_KERNEL)
        return fixed_region_lookup(user, id, region, prot);
    owner = maker == ENDPOINT_SELF ? user : process_lookup_live(maker);
    if (!owner)
        return -ANOLE_EDEADENDPOINT;
    handle = handle_lookup_any(owner, id);
    if (!handle || !((handle->kind == HANDLE_REGION && owner == user) ||
                     (handle->kind == HANDLE_OFFER && handle->peer == user->endpoint)))
        return -ANOLE_EBADHANDLE;
    *region = handle->region.region;
    *prot = handle->flags;
    return 0;
}

int region_request(struct process *user, endpoint_t maker, handle_t id, uint64_t offset,
                   uint64_t len, struct area_request *request)
{
    unsigned prot;
    int status = region_lookup(user, maker, id, &request->region, &prot);

    if (status)
        return status;
    if (request->prot & ~prot)
        return -ANOLE_EPERM;
    if (!page_aligned(offset) || !range_within(offset, len, request->region->pages * PAGE_SIZE))
        return -ANOLE_EINVAL;
    request->kind = AREA_REGION;
    request->pages = page_round_up(len) / PAGE_SIZE;
    request->region_page = offset / PAGE_SIZE;
    return 0;
}

/* maker, handle, offset, len, PROT_* -> address */
int kcall_region_map(struct thread *caller)
{
    struct area_request request = {.prot = (unsigned)min_u64(kcall_arg(caller, 4), UINT32_MAX)};
    uint64_t address = 0;
    int status;

    if (caller->progress == 0) {
        status = region_request(caller->process, (endpoint_t)kcall_arg(caller, 0),
                                kcall_arg(caller, 1), kcall_arg(caller, 2), kcall_arg(caller, 3),
                                &request);
        if (status)
            return status;
    }
    status = vm_map_step(caller->process, &request, &caller->progress, &address);
    kcall_result(0, address);
    return status;
}

/* maker, handle -> length, PROT_* */
int kcall_region_info(struct thread *caller)
{
    struct region *region;
    unsigned prot;
    int status = region_lookup(caller->process, (endpoint_t)kcall_arg(caller, 0),
                               kcall_arg(caller, 1), &region, &prot);

    if (status)
        return status;
    kcall_result(0, region_pages(region) * PAGE_SIZE);
    kcall_result(1, prot);
    return 0;
}
