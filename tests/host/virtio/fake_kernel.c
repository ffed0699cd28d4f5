/*
 * The kernel of fake_kernel.h.
 */
#include "fake_kernel.h"

#include "fake_memory.h"

#include <libanole/anole.h>
#include <libanole/lock.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE 1024u

struct fake_kernel fake_kernel;

static struct {
    endpoint_t thread, process;
    bool dead;
} threads[64];
static unsigned thread_count;

static struct grant {
    endpoint_t maker;
    char *memory;
    size_t len;
    unsigned access;
    unsigned pins;
} grants[TABLE];
static unsigned grant_count;

static struct {
    endpoint_t maker;
    void *memory;
    size_t len;
    unsigned prot;
} regions[TABLE];
static unsigned region_count;

/* Handles of the driver's own: DMA mappings remember their pages. */
static struct own {
    enum { OWN_NONE, OWN_WATCH, OWN_DOORBELL, OWN_DMA } kind;
    struct grant *grant;
    unsigned pages;
    uint64_t page[160];
} own[TABLE];

static void *mapped[TABLE];
static bool mapped_is_region[TABLE];

static struct {
    endpoint_t maker;
    handle_t doorbell;
    unsigned count;
} rings[TABLE];
static unsigned ring_count;

static jmp_buf *entered;

#define GRANT_ID 0x1000u
#define REGION_ID 0x2000u
#define OWN_ID 0x3000u

void fake_kernel_reset(void)
{
    memset(&fake_kernel, 0, sizeof(fake_kernel));
    fake_kernel.now_ticks = 1000000;
    for (unsigned i = 0; i < TABLE; i++)
        if (mapped[i] != NULL && !mapped_is_region[i])
            free(mapped[i]);
    thread_count = grant_count = region_count = ring_count = 0;
    memset(own, 0, sizeof(own));
    memset(mapped, 0, sizeof(mapped));
}

void fake_kernel_run(void (*function)(void *argument), void *argument)
{
    jmp_buf here, *before = entered;
    entered = &here;
    if (setjmp(here) == 0)
        function(argument);
    entered = before;
}

static void enter(void *function)
{
    (*(void (**)(void))function)();
}

void fake_kernel_enter(void (*function)(void))
{
    fake_kernel_run(enter, (void *)&function);
}

unsigned fake_kernel_held(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < TABLE; i++)
        count += (own[i].kind != OWN_NONE ? 1u : 0) + (mapped[i] != NULL ? 1u : 0);
    return count;
}

void fake_kernel_forget(void)
{
    CHECK(fake_kernel_held() == 0);
    grant_count = region_count = ring_count = 0;
}

/* ---- processes ---- */

void fake_thread(endpoint_t thread, endpoint_t process)
{
    CHECK(thread_count < 64);
    threads[thread_count].thread = thread;
    threads[thread_count].process = process;
    threads[thread_count++].dead = false;
}

void fake_process_die(endpoint_t process)
{
    for (unsigned i = 0; i < thread_count; i++)
        if (threads[i].process == process)
            threads[i].dead = true;
}

static bool alive(endpoint_t thread, endpoint_t *process)
{
    for (unsigned i = 0; i < thread_count; i++) {
        if (threads[i].thread != thread || threads[i].dead)
            continue;
        *process = threads[i].process;
        return true;
    }
    return false;
}

int kcall_endpoint_info(endpoint_t endpoint, endpoint_t *process, unsigned *service_id)
{
    fake_kernel.calls++;
    *service_id = 7;
    return alive(endpoint, process) ? 0 : -ANOLE_EDEADENDPOINT;
}

static handle_t own_make(int kind)
{
    for (unsigned i = 0; i < TABLE; i++) {
        if (own[i].kind != OWN_NONE)
            continue;
        own[i] = (struct own){.kind = kind};
        return OWN_ID + i;
    }
    fail_msg("the driver holds %u handles", TABLE);
    return HANDLE_NONE;
}

int kcall_watch(endpoint_t endpoint, unsigned bit, handle_t *handle)
{
    endpoint_t process;
    fake_kernel.calls++;
    CHECK(bit < 48);
    if (!alive(endpoint, &process))
        return -ANOLE_EDEADENDPOINT;
    *handle = own_make(OWN_WATCH);
    return 0;
}

int kcall_doorbell(endpoint_t peer, unsigned bit, handle_t *handle)
{
    endpoint_t process;
    fake_kernel.calls++;
    CHECK(bit < 48);
    if (fake_kernel.fail_doorbell != 0)
        return fake_kernel.fail_doorbell;
    if (!alive(peer, &process))
        return -ANOLE_EDEADENDPOINT;
    *handle = own_make(OWN_DOORBELL);
    return 0;
}

int kcall_close(handle_t handle)
{
    fake_kernel.calls++;
    CHECK(handle >= OWN_ID && handle < OWN_ID + TABLE);
    CHECK(own[handle - OWN_ID].kind == OWN_WATCH || own[handle - OWN_ID].kind == OWN_DOORBELL);
    own[handle - OWN_ID].kind = OWN_NONE;
    return 0;
}

/* ---- threads ---- */

static struct __lock *locked;

void lock_acquire(struct __lock *lock)
{
    CHECK(locked == NULL);
    locked = lock;
}

void lock_release(struct __lock *lock)
{
    CHECK(locked == lock);
    locked = NULL;
}

_Noreturn void kcall_thread_exit(void)
{
    fake_kernel.thread_exits++;
    CHECK(entered != NULL);
    longjmp(*entered, 1);
}

int kcall_thread_pin(uint64_t hart_mask)
{
    CHECK(hart_mask != 0);
    return 0;
}

void sleep_us(uint64_t microseconds)
{
    CHECK(locked == NULL);
    fake_kernel.now_ticks += microseconds * FAKE_TICKS_PER_US;
    if (fake_kernel.sleeping != NULL)
        fake_kernel.sleeping();
}

int ipc_notify(endpoint_t maker, uint64_t doorbell)
{
    for (unsigned i = 0; i < ring_count; i++) {
        if (rings[i].maker == maker && rings[i].doorbell == doorbell) {
            rings[i].count++;
            return 0;
        }
    }
    rings[ring_count].maker = maker;
    rings[ring_count].doorbell = doorbell;
    rings[ring_count++].count = 1;
    return 0;
}

const struct fake_reply *fake_reply_to(uint64_t call_id)
{
    const struct fake_reply *found = NULL;
    for (unsigned i = 0; i < fake_kernel.replies; i++) {
        if (fake_kernel.reply[i].call_id != call_id)
            continue;
        CHECK(found == NULL); /* answered once */
        found = &fake_kernel.reply[i];
    }
    return found;
}

unsigned fake_rings(endpoint_t maker, handle_t doorbell)
{
    for (unsigned i = 0; i < ring_count; i++)
        if (rings[i].maker == maker && rings[i].doorbell == doorbell)
            return rings[i].count;
    return 0;
}

/* ---- memory ---- */

handle_t fake_grant(endpoint_t maker, void *memory, size_t len, unsigned access)
{
    CHECK(grant_count < TABLE);
    grants[grant_count] = (struct grant){maker, memory, len, access, 0};
    return GRANT_ID + grant_count++;
}

static int grant_find(endpoint_t maker, handle_t id, uint64_t offset, size_t len, unsigned access,
                      struct grant **grant)
{
    endpoint_t process;
    if (!alive(maker, &process))
        return -ANOLE_EDEADENDPOINT;
    if (id < GRANT_ID || id >= GRANT_ID + grant_count || grants[id - GRANT_ID].maker != process)
        return -ANOLE_EBADHANDLE;
    *grant = &grants[id - GRANT_ID];
    if ((access & ~(*grant)->access) != 0)
        return -ANOLE_EPERM;
    if (offset > (*grant)->len || len > (*grant)->len - offset)
        return -ANOLE_ERANGE;
    return 0;
}

unsigned fake_grant_pins(handle_t grant)
{
    return grants[grant - GRANT_ID].pins;
}

int kcall_copy(endpoint_t maker, handle_t id, uint64_t offset, void *local, size_t len,
               unsigned direction)
{
    struct grant *grant;
    fake_kernel.calls++;
    unsigned access = direction == COPY_TO_GRANT ? GRANT_WRITE : GRANT_READ;
    int rc = grant_find(maker, id, offset, len, access, &grant);
    if (rc < 0)
        return rc;
    if (direction == COPY_TO_GRANT)
        memcpy(grant->memory + offset, local, len);
    else
        memcpy(local, grant->memory + offset, len);
    return 0;
}

int kcall_dma_map(endpoint_t maker, handle_t id, uint64_t offset, size_t len, unsigned direction,
                  struct dma_segment *segments, unsigned max, handle_t *handle, unsigned *used)
{
    struct grant *grant;
    fake_kernel.calls++;
    if (fake_kernel.fail_dma_map != 0) {
        int rc = fake_kernel.fail_dma_map;
        fake_kernel.fail_dma_map = 0;
        return rc;
    }
    unsigned grant_access = (direction & DMA_DEVICE_READS ? GRANT_READ : 0) |
                            (direction & DMA_DEVICE_WRITES ? GRANT_WRITE : 0);
    unsigned access = (direction & DMA_DEVICE_READS ? FAKE_READ : 0) |
                      (direction & DMA_DEVICE_WRITES ? FAKE_WRITE : 0);
    CHECK(len > 0 && grant_access != 0);
    int rc = grant_find(maker, id, offset, len, grant_access, &grant);
    if (rc < 0)
        return rc;
    *handle = own_make(OWN_DMA);
    struct own *mapping = &own[*handle - OWN_ID];
    mapping->grant = grant;
    grant->pins++;
    char *at = grant->memory + offset;
    for (*used = 0; len > 0; (*used)++) {
        size_t page = 4096 - ((uintptr_t)at & 4095);
        size_t part = page < len && fake_kernel.scatter ? page : len;
        uint64_t address = fake_memory_address(part + 4096) + ((uintptr_t)at & 4095);
        CHECK(*used < max && mapping->pages < 160);
        fake_memory_add(address, at, part, access);
        mapping->page[mapping->pages++] = address;
        segments[*used] = (struct dma_segment){address, part};
        at += part;
        len -= part;
    }
    return 0;
}

int kcall_dma_unmap(handle_t handle)
{
    fake_kernel.calls++;
    CHECK(handle >= OWN_ID && handle < OWN_ID + TABLE && own[handle - OWN_ID].kind == OWN_DMA);
    struct own *mapping = &own[handle - OWN_ID];
    for (unsigned i = 0; i < mapping->pages; i++)
        fake_memory_remove(mapping->page[i]);
    mapping->grant->pins--;
    mapping->kind = OWN_NONE;
    return 0;
}

static void remember(void *memory, bool region)
{
    for (unsigned i = 0; i < TABLE; i++) {
        if (mapped[i] != NULL)
            continue;
        mapped[i] = memory;
        mapped_is_region[i] = region;
        return;
    }
    fail_msg("too many mappings");
}

int kcall_map(size_t len, unsigned prot, void **address)
{
    fake_kernel.calls++;
    CHECK(len > 0 && len % 4096 == 0 && prot == 3);
    if (fake_kernel.fail_map != 0)
        return fake_kernel.fail_map;
    *address = calloc(1, len);
    remember(*address, false);
    return 0;
}

int kcall_unmap(void *address, size_t len)
{
    fake_kernel.calls++;
    CHECK(len > 0 && len % 4096 == 0);
    for (unsigned i = 0; i < TABLE; i++) {
        if (mapped[i] != address)
            continue;
        if (!mapped_is_region[i])
            free(address);
        mapped[i] = NULL;
        return 0;
    }
    fail_msg("unmaps what isn't mapped");
    return -ANOLE_EINVAL;
}

handle_t fake_region(endpoint_t maker, void *memory, size_t len, unsigned prot)
{
    regions[region_count].maker = maker;
    regions[region_count].memory = memory;
    regions[region_count].len = len;
    regions[region_count].prot = prot;
    return REGION_ID + region_count++;
}

int kcall_region_info(endpoint_t maker, handle_t handle, size_t *len, unsigned *prot)
{
    fake_kernel.calls++;
    if (handle < REGION_ID || handle >= REGION_ID + region_count ||
        regions[handle - REGION_ID].maker != maker)
        return -ANOLE_EBADHANDLE;
    *len = regions[handle - REGION_ID].len;
    *prot = regions[handle - REGION_ID].prot;
    return 0;
}

int kcall_region_map(endpoint_t maker, handle_t handle, size_t offset, size_t len, unsigned prot,
                     void **address)
{
    size_t region_len;
    unsigned region_prot;
    int rc = kcall_region_info(maker, handle, &region_len, &region_prot);
    if (rc < 0)
        return rc;
    if (fake_kernel.fail_region_map != 0)
        return fake_kernel.fail_region_map;
    CHECK(offset == 0 && len <= (region_len + 4095) / 4096 * 4096 && (prot & ~region_prot) == 0);
    *address = regions[handle - REGION_ID].memory;
    remember(*address, true);
    return 0;
}

/* ---- time, log, service loop ---- */

uint64_t ticks_now(void)
{
    return fake_kernel.now_ticks;
}

uint64_t ticks_from_us(uint64_t microseconds)
{
    return microseconds * FAKE_TICKS_PER_US;
}

uint64_t ticks_to_us(uint64_t ticks)
{
    return ticks / FAKE_TICKS_PER_US;
}

uint64_t deadline_in_us(uint64_t microseconds)
{
    return ticks_now() + ticks_from_us(microseconds);
}

void log_printf(enum log_level level, const char *format, ...)
{
    char line[256];
    va_list arguments;
    (void)level;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments); /* the sanitizer reads the strings */
    va_end(arguments);
    fake_kernel.logs++;
}

void service_reply(struct ipc_delivery *request, int status)
{
    CHECK(fake_kernel.replies < 2048 && request->call_id != 0);
    struct fake_reply *reply = &fake_kernel.reply[fake_kernel.replies++];
    reply->endpoint = request->message.endpoint;
    reply->call_id = request->call_id;
    reply->status = status;
    memcpy(reply->word, request->message.word, sizeof(reply->word));
}

_Noreturn void service_run(const struct service *service)
{
    fake_kernel.service = service;
    CHECK(entered != NULL);
    longjmp(*entered, 1);
}

_Noreturn void kcall_exit(enum death_cause cause, uint64_t detail)
{
    fake_kernel.died = true;
    fake_kernel.death_cause = cause;
    fake_kernel.death_detail = detail;
    CHECK(entered != NULL);
    longjmp(*entered, 1);
}
