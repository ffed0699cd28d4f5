/*
 * What the kernel says about memory must be what is found by walking every process: frames and their
 * references, charges, areas and translations, handles and pins.
 */
#include "frame.h"
#include "handle.h"
#include "hart.h"
#include "host_machine.h"
#include "invariants.h"
#include "kernel_inside.h"
#include "mmu.h"
#include "region.h"
#include "vm.h"
#include <string.h>

#define FRAMES_MAX (HOST_RAM_LEN / PAGE_SIZE)
#define REGIONS_MAX 4096
#define PINS_MAX 8192
#define HANDLE_GENERATION_MAX (((uint64_t)1 << 48) - 1) /* an entry is retired after that */
#define AREAS_IN_PAGE (PAGE_SIZE / sizeof(struct area))

/* What is found while walking. */
static struct frames_view frames;
static uint32_t found[FRAMES_MAX];   /* references by frame */
static uint32_t kernels[FRAMES_MAX]; /* those that the kernel had from the beginning */
static uint64_t charged;             /* to the process that is looked at */
static uint32_t watches, watched; /* handles that are in a target's list; members of those lists */
static struct region_seen {
    const struct region *region;
    uint32_t references;
    bool with_creator;
} regions[REGIONS_MAX];
static unsigned region_count;
static struct pin_seen {
    endpoint_t maker;
    handle_t grant;
} pins[PINS_MAX];
static unsigned pin_count;

static void found_frame(paddr_t frame)
{
    if (frame_is_ram(frame))
        found[(frame.raw - frames.base) / PAGE_SIZE]++;
}

static void found_charged(paddr_t frame)
{
    found_frame(frame);
    charged++;
}

static struct region_seen *region_seen(const struct region *region)
{
    unsigned i = 0;

    while (i < region_count && regions[i].region != region)
        i++;
    if (i == region_count && region_count < REGIONS_MAX)
        regions[region_count++] = (struct region_seen){.region = region};
    return &regions[i < REGIONS_MAX ? i : 0];
}

/* ---- areas ---- */

static bool frame_belongs(const struct area *area, uint64_t page, paddr_t frame)
{
    switch (area->kind) {
    case AREA_REGION:
        return frame.raw == region_frame(area->region, area->region_page + page).raw;
    case AREA_ANONYMOUS:
        return frame_is_ram(frame);
    case AREA_DEVICE:
        if (frame_is_ram(frame))
            return false;
        break;
    default:
        break;
    }
    return frame.raw == area->physical + page * PAGE_SIZE;
}

/* Counts the area's pages that are mapped: the first ones, as many as the steps have got to. */
static const char *check_pages(const struct process *process, const struct area *area,
                               uint64_t *mapped)
{
    uint64_t expected = min_u64(area->mapped, area->pages);

    for (uint64_t page = 0; page < area->pages; page++) {
        paddr_t frame;
        unsigned prot;
        bool there = mmu_lookup(process, area->start + page * PAGE_SIZE, &frame, &prot);
        REQUIRE(there == (page < expected), "%x: page %lu of the area at 0x%lx is %smapped",
                process->endpoint, page, area->start, there ? "" : "not ");
        if (!there)
            continue;
        REQUIRE(prot == area->prot && frame_belongs(area, page, frame),
                "%x: page %lu of the area at 0x%lx has another's frame or rights",
                process->endpoint, page, area->start);
        *mapped += 1;
        if (area->kind == AREA_ANONYMOUS)
            found_charged(frame);
        else if (area->kind == AREA_DMA)
            found_frame(frame);
    }
    return NULL;
}

static const char *check_area(const struct process *process, const struct area *area)
{
    const unsigned write_exec = PROT_WRITE_BIT | PROT_EXEC_BIT;

    REQUIRE(area->kind >= AREA_ANONYMOUS && area->kind <= AREA_FIXED, "%x: area of kind %u",
            process->endpoint, area->kind);
    REQUIRE(page_aligned(area->start) && area->pages > 0 &&
                range_within(area->start, area->pages * PAGE_SIZE, USER_END),
            "%x: area at 0x%lx, %lu pages", process->endpoint, area->start, area->pages);
    REQUIRE((area->prot & write_exec) != write_exec, "%x: area at 0x%lx is writable and executable",
            process->endpoint, area->start);
    REQUIRE(!area->next || area->start + area->pages * PAGE_SIZE <= area->next->start,
            "%x: the area at 0x%lx overlaps the next", process->endpoint, area->start);
    REQUIRE((area->kind == AREA_REGION) == (area->region != NULL), "%x: area of kind %u %s region",
            process->endpoint, area->kind, area->region ? "with a" : "without");
    if (area->region) {
        region_seen(area->region)->references++;
        REQUIRE(range_within(area->region_page, area->pages, region_pages(area->region)),
                "%x: the area at 0x%lx is larger than its region", process->endpoint, area->start);
    }
    return NULL;
}

static const char *check_areas(const struct process *process)
{
    uint64_t mapped = 0, areas = 0, unused = 0;

    for (const struct area *area = process->areas; area; area = area->next) {
        REQUIRE(++areas <= AREA_PAGES * AREAS_IN_PAGE, "%x: a loop of areas", process->endpoint);
        REQUIRE_OK(check_area(process, area));
        REQUIRE_OK(check_pages(process, area, &mapped));
    }
    REQUIRE(mapped == host_translations(process), "%x has pages mapped outside of its areas",
            process->endpoint);
    for (const struct area *area = process->area_free; area; area = area->next)
        REQUIRE(++unused <= AREA_PAGES * AREAS_IN_PAGE, "%x: a loop of unused areas",
                process->endpoint);
    REQUIRE(areas + unused == process->area_pages * AREAS_IN_PAGE,
            "%x: areas were lost: %lu used, %lu unused", process->endpoint, areas, unused);
    for (uint32_t i = 0; i < process->area_pages; i++)
        found_charged(process->area_page[i]);
    return NULL;
}

/* ---- handles ---- */

/* In the list of a target that isn't dead yet, in none after that. */
static const char *check_watch(const struct process *process, const struct handle *handle)
{
    const struct process *target = process_lookup(handle->peer);
    const struct list *node;

    if (!target || target->state == PROCESS_DEAD || target->state == PROCESS_BURYING) {
        REQUIRE(list_empty(&handle->watch.link), "%x is in the list of %x, which is dead",
                process->endpoint, handle->peer);
        return NULL;
    }
    for (node = target->watchers.next; node != &target->watchers; node = node->next)
        if (node == &handle->watch.link)
            break;
    REQUIRE(node != &target->watchers, "%x watches %x, which doesn't know", process->endpoint,
            handle->peer);
    watches++;
    return NULL;
}

static const char *check_pin(const struct process *process, const struct handle *handle,
                             uint64_t *pinned)
{
    const struct pin_extent *extents = handle->pin.overflow ? direct(paddr(handle->pin.overflow))
                                                            : &handle->pin.extent;

    REQUIRE(handle->pin.overflow || handle->pin.extents <= 1, "%x: a pin of %u pieces inline",
            process->endpoint, handle->pin.extents);
    for (uint32_t i = 0; i < handle->pin.extents; i++) {
        REQUIRE(extents[i].frames > 0, "%x: a pin has an empty piece", process->endpoint);
        for (uint64_t j = 0; j < extents[i].frames; j++)
            found_frame(paddr(extents[i].base + j * PAGE_SIZE));
        /* Frames of its own memory are charged for the pin, too. */
        charged += handle->pin.grant == HANDLE_NONE ? extents[i].frames : 0;
        *pinned += extents[i].frames;
    }
    if (handle->pin.overflow)
        found_charged(paddr(handle->pin.overflow));
    if (handle->pin.grant != HANDLE_NONE && pin_count < PINS_MAX)
        pins[pin_count++] = (struct pin_seen){handle->peer, handle->pin.grant};
    return NULL;
}

static const char *check_handle(const struct process *process, const struct handle *handle,
                                uint64_t *pinned)
{
    switch (handle->kind) {
    case HANDLE_FREE:
        return NULL;
    case HANDLE_GRANT:
        REQUIRE(handle->grant.len > 0 &&
                    range_within(handle->grant.address, handle->grant.len, USER_END) &&
                    !(handle->flags & ~(GRANT_READ | GRANT_WRITE)),
                "%x: a grant that couldn't be made", process->endpoint);
        return NULL;
    case HANDLE_REGION:
    case HANDLE_OFFER:
        region_seen(handle->region.region)->references++;
        REQUIRE(!(handle->flags & ~(PROT_READ_BIT | PROT_WRITE_BIT)), "%x: an executable region",
                process->endpoint);
        return NULL;
    case HANDLE_DOORBELL:
        REQUIRE(handle->bit < NOTIFY_OWN_BITS, "%x: a doorbell on a reserved bit",
                process->endpoint);
        return NULL;
    case HANDLE_WATCH:
        REQUIRE(handle->bit < NOTIFY_OWN_BITS, "%x: a watch on a reserved bit", process->endpoint);
        return check_watch(process, handle);
    case HANDLE_IRQ:
        return NULL; /* invariants_irq.c */
    case HANDLE_PIN:
        return check_pin(process, handle, pinned);
    default:
        return invariant_text("%x: a handle of kind %u", process->endpoint, handle->kind);
    }
}

static const char *check_handles(const struct process *process)
{
    uint32_t entries = process->handle_pages * HANDLES_PER_PAGE, used = 0, unused = 0, spent = 0;
    uint64_t pinned = 0;
    const struct handle *handle;

    for (uint32_t i = 0; (handle = handle_at(process, i)); i++) {
        REQUIRE(i > 0 || handle->kind == HANDLE_FREE, "%x uses entry 0", process->endpoint);
        used += handle->kind != HANDLE_FREE;
        spent += handle->kind == HANDLE_FREE && handle->generation == HANDLE_GENERATION_MAX;
        REQUIRE_OK(check_handle(process, handle, &pinned));
    }
    for (uint32_t i = process->handle_free; i != 0; i = handle->next_free) {
        handle = handle_at(process, i);
        REQUIRE(handle && handle->kind == HANDLE_FREE && ++unused < entries,
                "%x: the list of free handles is broken", process->endpoint);
    }
    REQUIRE(process->handles == used && used <= process->max_handles,
            "%x uses %u handles, %u are counted, %u allowed", process->endpoint, used,
            process->handles, process->max_handles);
    REQUIRE(entries == 0 || (used + unused + 1 <= entries && used + unused + 1 + spent >= entries),
            "%x: %u handles, %u free, of %u", process->endpoint, used, unused, entries);
    REQUIRE(process->pinned_frames == pinned, "%x pins %lu frames, %lu are counted",
            process->endpoint, pinned, process->pinned_frames);
    for (uint32_t i = 0; i < process->handle_pages; i++)
        found_charged(direct_to_paddr(process->handle_page[i]));
    return NULL;
}

/* Every grant of a live process counts the pins that use it. */
static const char *check_grants(const struct process *process)
{
    const struct handle *handle;

    for (uint32_t i = 0; (handle = handle_at(process, i)); i++) {
        uint32_t used = 0;
        if (handle->kind != HANDLE_GRANT)
            continue;
        for (unsigned j = 0; j < pin_count; j++)
            used += pins[j].maker == process->endpoint &&
                    pins[j].grant == handle_id(process, handle);
        REQUIRE(handle->grant.pins == used, "%x: a grant has %u pins, %u are counted",
                process->endpoint, used, handle->grant.pins);
    }
    for (unsigned j = 0; j < pin_count; j++)
        REQUIRE(pins[j].maker != process->endpoint ||
                    handle_lookup(process, pins[j].grant, HANDLE_GRANT),
                "%x: a grant was taken back that is still pinned", process->endpoint);
    return NULL;
}

/* ---- processes ---- */

/* An address space without its table has nothing mapped any more. */
static const char *check_space(const struct process *process)
{
    REQUIRE(process->satp != 0 || (!process->areas && process->area_pages == 0),
            "%x has areas without an address space", process->endpoint);
    return check_areas(process);
}

static const char *check_process(struct process *process)
{
    charged = 0;
    found_charged(direct_to_paddr(process));
    for (const struct list *node = process->watchers.next; node != &process->watchers;
         node = node->next)
        watched++;
    for (const struct list *node = process->threads.next; node != &process->threads;
         node = node->next) {
        const struct thread *thread = container_of(node, struct thread, process_link);
        if (thread != &process->main)
            found_charged(direct_to_paddr(thread));
    }
    REQUIRE_OK(check_space(process));
    REQUIRE_OK(check_handles(process));
    for (struct list *node = process->regions.next; node != &process->regions; node = node->next) {
        const struct region *region = inside_region_of_creator(node);
        REQUIRE(inside_region(region).creator == process, "%x lists a region that isn't its",
                process->endpoint);
        region_seen(region)->with_creator = true;
        charged += inside_region(region).frames;
    }
    REQUIRE(process->frames == charged, "%x has %lu frames, %u are charged", process->endpoint,
            charged, process->frames);
    REQUIRE(process->frames <= process->max_frames, "%x has %u frames, at most %u are allowed",
            process->endpoint, process->frames, process->max_frames);
    return NULL;
}

/* ---- regions and frames ---- */

static const char *check_regions(void)
{
    uint64_t orphaned = 0;

    for (struct list *node = dead_regions.next; node != &dead_regions; node = node->next)
        region_seen(inside_region_of_dead(node));
    REQUIRE(region_count < REGIONS_MAX && pin_count < PINS_MAX, "more than the checker can hold");
    for (unsigned i = 0; i < region_count; i++) {
        struct region_view view = inside_region(regions[i].region);
        REQUIRE(view.references == regions[i].references + view.fixed,
                "a region has %u references, %u are counted", regions[i].references,
                view.references);
        REQUIRE(view.on_dead_list == (view.references == 0),
                "a region with %u references is %son the list of the dead", view.references,
                view.on_dead_list ? "" : "not ");
        REQUIRE(regions[i].with_creator == (view.creator != NULL),
                "a region and its creator don't agree");
        REQUIRE(view.cost == view.frames, "a region has %lu frames and costs %lu", view.frames,
                view.cost);
        orphaned += view.creator ? 0 : view.frames;
        inside_region_frames(regions[i].region, found_frame);
    }
    REQUIRE(region_orphaned_frames() == orphaned, "%lu frames are orphaned, %lu are counted",
            orphaned, region_orphaned_frames());
    return NULL;
}

static const char *check_frames(void)
{
    uint64_t unused = 0;

    for (uint64_t i = 0; i < frames.count; i++) {
        uint32_t references = frames.references[i], expected = found[i] + kernels[i];
        bool is_free = frames.free_bits[i / 64] >> (i % 64) & 1;
        REQUIRE(references == expected, "frame %lu has %u references, %u are counted", i, expected,
                references);
        REQUIRE(is_free == (references == 0), "frame %lu: free with %u references", i, references);
        unused += references == 0;
    }
    REQUIRE(frame_free_count() == unused, "%lu frames are free, %lu are counted", unused,
            frame_free_count());
    return NULL;
}

static const char *check_all(void)
{
    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++)
        if (invariants_process(slot))
            REQUIRE_OK(check_process(invariants_process(slot)));
    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++)
        if (invariants_process(slot) && process_is_live(invariants_process(slot)))
            REQUIRE_OK(check_grants(invariants_process(slot)));
    REQUIRE(watches == watched, "%u handles watch, %u are in lists", watches, watched);
    REQUIRE_OK(check_regions());
    return check_frames();
}

void invariants_begin(void)
{
    frames = inside_frames();
    for (uint64_t i = 0; i < frames.count && i < FRAMES_MAX; i++)
        kernels[i] = frames.references[i];
}

const char *invariants_memory_broken(void)
{
    REQUIRE(frames.count <= FRAMES_MAX, "more memory than the checker can hold");
    memset(found, 0, frames.count * sizeof(found[0]));
    region_count = 0;
    pin_count = 0;
    watches = watched = 0;
    return check_all();
}
