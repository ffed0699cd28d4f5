/*
 * DMA: pinning of granted memory for a device, and quarantine.
 *
 * A pin is a handle in the driver's table that holds a reference to each frame. When the driver dies
 * its pins stay, the quarantine, until devman has reset the device and says so: only then can the
 * frames be reused and the grants be revoked.
 */
#include "handle.h"
#include "kcall.h"
#include "mmu.h"
#include "vm.h"

#define PIN_FOR_LIFE 1 /* flag of a DMA_ALLOC's pin */
#define EXTENTS_MAX (PAGE_SIZE / sizeof(struct pin_extent))

/* What one DMA_MAP works on; rebuilt at each of its steps from the caller's registers. */
struct mapping {
    struct process *driver;
    struct process *owner; /* whose memory it is */
    struct handle *grant;  /* NULL: the driver's own memory */
    uint64_t address, len;
    uint64_t segments; /* user array */
    uint64_t max_segments;
    unsigned prot; /* what the owner's pages must allow */
};

static struct pin_extent *pin_extents(struct handle *pin)
{
    return pin->pin.overflow ? direct(paddr(pin->pin.overflow)) : &pin->pin.extent;
}

/*
 * A frame of the driver's own memory is charged for its pin, too: unmapped, it would otherwise cost
 * nothing. One of a grant is charged to the grant's maker.
 */
static bool pin_is_own(const struct handle *pin)
{
    return pin->pin.grant == HANDLE_NONE;
}

/* Adds a frame to the extents. -ENOMEM, -ERANGE: more pieces than a pin can hold. */
static int extent_add(struct process *driver, struct handle *pin, paddr_t frame)
{
    struct pin_extent *extents = pin_extents(pin);
    uint32_t count = pin->pin.extents;
    paddr_t page;

    if (count > 0 && extents[count - 1].base + extents[count - 1].frames * PAGE_SIZE == frame.raw) {
        extents[count - 1].frames++;
    } else {
        if (count == 1 && !pin->pin.overflow) {
            if (process_frame_alloc(driver, &page))
                return -ANOLE_ENOMEM;
            *(struct pin_extent *)direct(page) = pin->pin.extent;
            pin->pin.overflow = page.raw;
            extents = direct(page);
        }
        if (count == EXTENTS_MAX)
            return -ANOLE_ERANGE;
        extents[count] = (struct pin_extent){frame.raw, 1};
        pin->pin.extents++;
    }
    return 0;
}

/* Adds a frame to the pin. -ENOMEM, -ERANGE. */
static int pin_add(struct process *driver, struct handle *pin, paddr_t frame)
{
    uint32_t cost = pin_is_own(pin) ? 1 : 0;
    int status;

    if (cost > driver->max_frames - driver->frames)
        return -ANOLE_ENOMEM;
    driver->frames += cost;
    status = extent_add(driver, pin, frame);
    if (status) {
        driver->frames -= cost;
        return status;
    }
    frame_get(frame);
    driver->pinned_frames++;
    return 0;
}

/* The grant that the pin uses has one pin less. */
static void pin_leave_grant(const struct handle *pin)
{
    struct process *maker = process_lookup_live(pin->peer);
    struct handle *grant = NULL;

    if (maker && pin->pin.grant != HANDLE_NONE)
        grant = handle_lookup(maker, pin->pin.grant, HANDLE_GRANT);
    if (!grant || --grant->grant.pins > 0 || grant->grant.notify_bit == 0)
        return;
    struct thread *thread = thread_lookup_live(grant->grant.notify_thread);
    if (thread)
        thread_ring(thread, NOTIFY_BIT(grant->grant.notify_bit - 1));
    grant->grant.notify_bit = 0;
}

/* Unpins up to *budget frames from the end; true when the pin is gone. */
static bool pin_release(struct process *driver, struct handle *pin, unsigned *budget)
{
    while (pin->pin.extents > 0) {
        struct pin_extent *last = &pin_extents(pin)[pin->pin.extents - 1];
        while (last->frames > 0) {
            if ((*budget)-- == 0) {
                *budget = 0;
                return false;
            }
            last->frames--;
            frame_put(paddr(last->base + last->frames * PAGE_SIZE));
            driver->pinned_frames--;
            driver->frames -= pin_is_own(pin) ? 1 : 0;
        }
        pin->pin.extents--;
    }
    if (pin->pin.overflow)
        process_frame_free(driver, paddr(pin->pin.overflow));
    pin_leave_grant(pin);
    handle_free(driver, pin);
    return true;
}

/* Pins the pages of [address + *progress ...) a step at a time. */
static int pin_step(const struct mapping *mapping, struct handle *pin, uint64_t *progress)
{
    uint64_t end = mapping->address + mapping->len;

    for (unsigned i = 0; i < STEP_PAGES; i++) {
        uint64_t address = mapping->address + *progress;
        paddr_t frame;
        unsigned prot;
        int status;

        if (!mmu_lookup(mapping->owner, address, &frame, &prot) ||
            (prot & mapping->prot) != mapping->prot || !frame_is_ram(frame))
            return -ANOLE_EFAULT;
        status = pin_add(mapping->driver, pin, frame);
        if (status)
            return status;
        *progress = (address & ~(PAGE_SIZE - 1)) + PAGE_SIZE - mapping->address;
        if (mapping->address + *progress >= end)
            return 0;
    }
    return KCALL_AGAIN;
}

/* Writes the device addresses: the extents, less what the range doesn't cover of first and last. */
static int write_segments(const struct mapping *mapping, struct handle *pin)
{
    const struct pin_extent *extents = pin_extents(pin);
    uint64_t skip = mapping->address & (PAGE_SIZE - 1), left = mapping->len;

    if (pin->pin.extents > mapping->max_segments)
        return -ANOLE_ERANGE;
    for (uint32_t i = 0; i < pin->pin.extents; i++) {
        struct dma_segment segment = {
            .device_address = extents[i].base + skip,
            .len_bytes = min_u64(extents[i].frames * PAGE_SIZE - skip, left),
        };
        int status = vm_write(mapping->driver, mapping->segments + i * sizeof(segment), &segment,
                              sizeof(segment));
        if (status)
            return status;
        left -= segment.len_bytes;
        skip = 0;
    }
    return 0;
}

/*
 * The steps of a mapping. caller->progress is the bytes pinned so far, | UNDOING in the top bit when an
 * error is being undone; progress_object is the pin.
 */
#define UNDOING ((uint64_t)1 << 63)

static int map_undo(struct thread *caller, struct handle *pin)
{
    unsigned budget = STEP_PAGES;
    int status = (int)(int16_t)(caller->progress & 0xffff);

    return pin_release(caller->process, pin, &budget) ? status : KCALL_AGAIN;
}

static int map_failed(struct thread *caller, int status)
{
    struct handle *pin = handle_lookup(caller->process, caller->progress_object, HANDLE_PIN);

    if (!pin)
        return status;
    caller->progress = UNDOING | (uint16_t)status;
    return map_undo(caller, pin);
}

static int map_begin(struct thread *caller, const struct mapping *mapping, struct handle **pin)
{
    int status = handle_alloc(caller->process, HANDLE_PIN, pin, &caller->progress_object);

    if (status)
        return status;
    (*pin)->peer = mapping->owner->endpoint;
    if (mapping->grant) {
        (*pin)->pin.grant = handle_id(mapping->owner, mapping->grant);
        mapping->grant->grant.pins++;
    }
    return 0;
}

static int map_step(struct thread *caller, const struct mapping *mapping)
{
    struct handle *pin;
    int status;

    if (caller->progress_object == HANDLE_NONE)
        status = map_begin(caller, mapping, &pin);
    else
        status = (pin = handle_lookup(caller->process, caller->progress_object, HANDLE_PIN))
                     ? 0
                     : -ANOLE_EBADHANDLE;
    if (status)
        return status;
    status = pin_step(mapping, pin, &caller->progress);
    if (status == 0)
        status = write_segments(mapping, pin);
    if (status < 0)
        return map_failed(caller, status);
    kcall_result(0, caller->progress_object);
    kcall_result(1, pin->pin.extents);
    return status;
}

/* True (and *status) if the call is in its undoing steps. */
static bool map_is_undoing(struct thread *caller, int *status)
{
    struct handle *pin;

    if (!(caller->progress & UNDOING))
        return false;
    pin = handle_lookup(caller->process, caller->progress_object, HANDLE_PIN);
    *status = pin ? map_undo(caller, pin) : -ANOLE_EBADHANDLE;
    return true;
}

/* What a device does with memory is what its grant and its owner's pages must allow: the same bits. */
_Static_assert(DMA_DEVICE_READS == GRANT_READ, "of a grant");
_Static_assert(DMA_DEVICE_WRITES == GRANT_WRITE, "of a grant");
_Static_assert(DMA_DEVICE_READS == PROT_READ_BIT, "of a page");
_Static_assert(DMA_DEVICE_WRITES == PROT_WRITE_BIT, "of a page");

static bool is_direction(uint64_t direction)
{
    return direction != 0 && direction <= (DMA_DEVICE_READS | DMA_DEVICE_WRITES);
}

/* maker, grant, offset, len, DMA_*, array of dma_segment, max -> handle, segments used */
int kcall_dma_map(struct thread *caller)
{
    uint64_t offset = kcall_arg(caller, 2), direction = kcall_arg(caller, 4);
    struct mapping mapping = {
        .driver = caller->process,
        .len = kcall_arg(caller, 3),
        .segments = kcall_arg(caller, 5),
        .max_segments = kcall_arg(caller, 6),
        .prot = (unsigned)direction & (DMA_DEVICE_READS | DMA_DEVICE_WRITES),
    };
    int status;

    if (map_is_undoing(caller, &status))
        return status;
    if (!is_direction(direction) || mapping.len == 0)
        return -ANOLE_EINVAL;
    status = grant_lookup(caller->process, (endpoint_t)kcall_arg(caller, 0), kcall_arg(caller, 1),
                          mapping.prot, &mapping.owner, &mapping.grant);
    if (status == 0 && !range_within(offset, mapping.len, mapping.grant->grant.len))
        status = -ANOLE_ERANGE;
    if (status)
        return map_failed(caller, status);
    mapping.address = mapping.grant->grant.address + offset;
    return map_step(caller, &mapping);
}

/* address, len, DMA_*, array, max -> handle, segments used */
int kcall_dma_map_own(struct thread *caller)
{
    uint64_t direction = kcall_arg(caller, 2);
    struct mapping mapping = {
        .driver = caller->process,
        .owner = caller->process,
        .address = kcall_arg(caller, 0),
        .len = kcall_arg(caller, 1),
        .segments = kcall_arg(caller, 3),
        .max_segments = kcall_arg(caller, 4),
        .prot = direction & DMA_DEVICE_WRITES ? PROT_WRITE_BIT : PROT_READ_BIT,
    };
    int status;

    if (map_is_undoing(caller, &status))
        return status;
    if (!is_direction(direction) || mapping.len == 0)
        return -ANOLE_EINVAL;
    if (!range_within(mapping.address, mapping.len, USER_END))
        return -ANOLE_EFAULT;
    return map_step(caller, &mapping);
}

/* handle */
int kcall_dma_unmap(struct thread *caller)
{
    struct handle *pin = handle_lookup(caller->process, kcall_arg(caller, 0), HANDLE_PIN);
    unsigned budget = STEP_PAGES;

    if (!pin || pin->flags == PIN_FOR_LIFE)
        return -ANOLE_EBADHANDLE;
    return pin_release(caller->process, pin, &budget) ? 0 : KCALL_AGAIN;
}

/* The pin of a DMA_ALLOC over new contiguous frames, whose first reference it holds. */
static int alloc_begin(struct thread *caller, uint64_t pages)
{
    struct process *process = caller->process;
    struct handle *pin;
    paddr_t first;
    int status = handle_alloc(process, HANDLE_PIN, &pin, &caller->progress_object);

    if (status)
        return status;
    if (pages > process->max_frames - process->frames || !frame_alloc_contiguous(pages, &first)) {
        handle_free(process, pin);
        return -ANOLE_ENOMEM;
    }
    pin->peer = process->endpoint;
    pin->flags = PIN_FOR_LIFE;
    pin->pin.extents = 1;
    pin->pin.extent = (struct pin_extent){first.raw, pages};
    process->pinned_frames += pages;
    process->frames += (uint32_t)pages;
    return 0;
}

/* len -> address, device address. Pinned for the driver's life and until the end of quarantine. */
int kcall_dma_alloc(struct thread *caller)
{
    struct process *process = caller->process;
    uint64_t pages = page_round_up(kcall_arg(caller, 0)) / PAGE_SIZE, address = 0;
    struct area_request request = {
        .pages = pages, .kind = AREA_DMA, .prot = PROT_READ_BIT | PROT_WRITE_BIT};
    struct handle *pin;
    unsigned budget = STEP_PAGES * 16;
    int status;

    if (kcall_arg(caller, 0) == 0 || kcall_arg(caller, 0) > budget * PAGE_SIZE)
        return -ANOLE_EINVAL;
    if (caller->progress == 0) {
        status = alloc_begin(caller, pages);
        if (status)
            return status;
    }
    pin = handle_lookup(process, caller->progress_object, HANDLE_PIN);
    request.physical = pin->pin.extent.base;
    status = vm_map_step(process, &request, &caller->progress, &address);
    if (status < 0)
        (void)pin_release(process, pin, &budget);
    kcall_result(0, address);
    kcall_result(1, request.physical);
    return status;
}

/* ---- quarantine ---- */

int process_quarantine_end_step(struct process *process)
{
    unsigned budget = STEP_PAGES;
    struct handle *handle;

    for (uint32_t i = 0; (handle = handle_at(process, i)); i++)
        if (handle->kind == HANDLE_PIN && !pin_release(process, handle, &budget))
            return KCALL_AGAIN;
    return 0;
}

/* endpoint of a dead process whose device is quiet */
int kcall_quarantine_end(struct thread *caller)
{
    struct process *process = process_lookup((endpoint_t)kcall_arg(caller, 0));
    int status;

    if (!process)
        return -ANOLE_ENOENT;
    if (process->state != PROCESS_DEAD && process->state != PROCESS_BURYING)
        return -ANOLE_EBUSY;
    status = process_quarantine_end_step(process);
    if (status == 0 && process->bury_pins)
        status = process_bury_step(process, false);
    return status;
}

/* endpoint -> pinned frames, state */
int kcall_quarantine_info(struct thread *caller)
{
    struct process *process = process_lookup((endpoint_t)kcall_arg(caller, 0));

    if (!process)
        return -ANOLE_ENOENT;
    kcall_result(0, process->pinned_frames);
    kcall_result(1, process->state);
    return 0;
}
