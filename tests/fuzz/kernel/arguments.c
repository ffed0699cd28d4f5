#include "arguments.h"
#include "handle.h"
#include "hart.h"
#include "invariants.h"
#include "region.h"
#include "vm.h"
#include "world.h"
#include <anole/kcall.h>
#include <anole/layout.h>
#include <string.h>

#define ARRAY_ADDRESS (HOST_DATA + 3 * PAGE_SIZE - 64) /* what lies there crosses a page */
#define ARRAY_MAX 5

/*
 * What the words of a kernel call are:
 *   e endpoint     a address of mine   l length               p protection   b notification bit
 *   n small number o offset            m hart mask            t deadline     D device address
 *   I number of an interrupt               B one of the two   q pages in bytes, or a small number
 *   c cause of death                   x any word             k array or structure in my memory
 *   f page-aligned address of a child, or 0                   s pages in bytes
 *   C a child of mine if I have one       d a driver, or any endpoint
 *   w reading, writing or both            i a direction of copying
 *   h handle of mine; g a grant, r a region, u a pin of mine
 *   EH somebody's endpoint, and a handle that he made, for me if there is one; EG a grant, ER a region
 *   O  offset into that grant or region       N length within it from there
 *   AL address and length of a mapping of mine
 */
static const char *const shapes[KCALL_LIMIT] = {
    [KCALL_EXIT] = "cx",
    [KCALL_THREAD_CREATE] = "xaxmx",
    [KCALL_THREAD_PIN] = "m",
    [KCALL_MAP] = "spf",
    [KCALL_UNMAP] = "AL",
    [KCALL_ALARM] = "tb",
    [KCALL_WATCH] = "eb",
    [KCALL_DOORBELL] = "eb",
    [KCALL_CLOSE] = "h",
    [KCALL_ENDPOINT_INFO] = "e",
    [KCALL_REGION_CREATE] = "sn",
    [KCALL_REGION_OFFER] = "rdp",
    [KCALL_REGION_MAP] = "EROsp",
    [KCALL_REGION_INFO] = "ER",
    [KCALL_GRANT] = "dalw",
    [KCALL_GRANT_BATCH] = "kn",
    [KCALL_REVOKE] = "gb",
    [KCALL_REVOKE_BATCH] = "kn",
    [KCALL_COPY] = "EGOaNi",
    [KCALL_COPY_VECTOR] = "kn",
    [KCALL_SYSTEM_INFO] = "a",
    [KCALL_PROCESS_INFO] = "na",
    [KCALL_COUNTERS] = "ea",
    [KCALL_LOG_WRITE] = "aln",
    [KCALL_LOG_READ] = "oal",
    [KCALL_BOOT_ARGUMENTS] = "al",
    [KCALL_DMA_ALLOC] = "s",
    [KCALL_DMA_MAP] = "EGONwan",
    [KCALL_DMA_MAP_OWN] = "alwan",
    [KCALL_DMA_UNMAP] = "u",
    [KCALL_WINDOW_MAP] = "n",
    [KCALL_IRQ_BIND] = "nbn",
    [KCALL_DEVICE_MAP] = "Ds",
    [KCALL_QUARANTINE_END] = "e",
    [KCALL_QUARANTINE_INFO] = "e",
    [KCALL_MSI_ALLOC] = "nn",
    [KCALL_MSI_INFO] = "I",
    [KCALL_WALL_CLOCK_SET] = "x",
    [KCALL_RANDOM_MIX] = "xxxx",
    [KCALL_PROCESS_CREATE] = "k",
    [KCALL_PROCESS_MAP] = "CfspERO",
    [KCALL_PROCESS_WRITE] = "Caal",
    [KCALL_PROCESS_START] = "Cxax",
    [KCALL_PROCESS_KILL] = "Ccx",
    [KCALL_PROCESS_BURY] = "Cn",
    [KCALL_DEATH_RECORD] = "Ca",
    [KCALL_PROCESS_RESOURCE] = "CnBq",
    [KCALL_PROCESS_READ] = "eaal",
    [KCALL_PROCESS_REGS] = "exa",
    [KCALL_PROCESS_NOTIFY] = "ex",
    [KCALL_LIVENESS] = "an",
    [KCALL_PROCESS_GIVE] = "CC",
};

/* ---- single words ---- */

endpoint_t arguments_endpoint(struct input *input)
{
    static const endpoint_t special[] = {ENDPOINT_SELF, ENDPOINT_KERNEL, ENDPOINT_NONE};
    struct thread *threads[WORLD_THREADS];
    unsigned count = world_threads(threads), which = input_byte(input);

    if (which >= 250)
        return special[which % ARRAY_SIZE(special)];
    if (which >= 247 || count == 0)
        return (endpoint_t)input_word(input);
    if (which >= 240)
        return threads[which % count]->endpoint - ENDPOINT_SLOTS; /* of its slot's last user */
    return threads[which % count]->endpoint;
}

/* Who may map memory for a device, mostly. */
static endpoint_t driver(struct input *input)
{
    struct thread *threads[WORLD_THREADS];
    unsigned count = world_threads(threads), which = input_byte(input);

    for (unsigned i = 0; which < 200 && i < count; i++) {
        const struct thread *thread = threads[(which + i) % count];
        if (thread->process->kcalls & KCALL_BIT(DMA_MAP))
            return thread->endpoint;
    }
    return arguments_endpoint(input);
}

/* One of the processes that this one made. */
static endpoint_t child_of(struct input *input, const struct process *creator)
{
    uint8_t which = input_byte(input);
    endpoint_t found = ENDPOINT_NONE;

    if (which >= 240)
        return arguments_endpoint(input);
    for (uint32_t slot = 1; slot < ENDPOINT_SLOTS; slot++) {
        const struct process *process = invariants_process(slot);
        if (!process || process->creator != creator->endpoint)
            continue;
        found = process->endpoint;
        if (which-- % 4 == 0)
            break;
    }
    return found;
}

/* A handle of that process that `wanted` takes; the `which`th from the first one on, around. */
static handle_t find_handle(const struct process *process, unsigned which,
                            bool (*wanted)(const struct handle *handle, unsigned argument),
                            unsigned argument)
{
    const struct handle *handle;
    handle_t found = HANDLE_NONE;

    for (uint32_t i = 0; process && (handle = handle_at(process, i)); i++) {
        if (!wanted(handle, argument))
            continue;
        found = handle_id(process, handle);
        if (which-- == 0)
            break;
    }
    return found;
}

static bool is_of_kind(const struct handle *handle, unsigned kind)
{
    return kind == HANDLE_FREE ? handle->kind != HANDLE_FREE : handle->kind == kind;
}

static bool is_pinned_grant(const struct handle *handle, unsigned pins)
{
    return handle->kind == HANDLE_GRANT && handle->grant.pins >= pins;
}

/* Whom things that others made must be for, and how many bytes the last one that was found has. */
static endpoint_t user_endpoint;
static uint64_t limit, chosen_offset;

static bool is_for_user(const struct handle *handle, unsigned kind)
{
    if (handle->peer != user_endpoint || handle->kind == HANDLE_PIN || !is_of_kind(handle, kind))
        return false;
    limit = handle->kind == HANDLE_GRANT   ? handle->grant.len
            : handle->kind == HANDLE_OFFER ? region_pages(handle->region.region) * PAGE_SIZE
                                           : 0;
    return true;
}

static handle_t own_handle(struct input *input, const struct process *process,
                           enum handle_kind kind)
{
    unsigned which = input_byte(input);

    if (which >= 253)
        return input_word(input);
    if (which >= 245)
        kind = HANDLE_FREE; /* any that is used */
    return find_handle(process, which % 8, is_of_kind, kind) - (which >= 240 ? 1ul << 16 : 0);
}

/* One that a device uses, if the choice falls so and there is one. */
static handle_t own_grant(struct input *input, const struct process *process)
{
    handle_t pinned = find_handle(process, 0, is_pinned_grant, 1);

    return pinned != HANDLE_NONE && input_byte(input) & 1
               ? pinned
               : own_handle(input, process, HANDLE_GRANT);
}

/* Who made something of that kind for this process: a pair of endpoint and handle that fit. */
static handle_t foreign_handle(struct input *input, const struct process *user,
                               enum handle_kind kind, endpoint_t *maker)
{
    struct thread *threads[WORLD_THREADS];
    unsigned count = world_threads(threads), which = input_byte(input);
    handle_t found = HANDLE_NONE;

    limit = PAGE_SIZE;
    user_endpoint = user->endpoint;
    *maker = arguments_endpoint(input);
    if (which >= 240)
        return own_handle(input, process_lookup(*maker), HANDLE_FREE);
    if (kind != HANDLE_GRANT && which >= 160) {
        *maker = which & 1 ? ENDPOINT_SELF : ENDPOINT_KERNEL;
        return which & 1 ? own_handle(input, user, HANDLE_REGION) : 1 + (which / 2u) % 3;
    }
    for (unsigned i = 0; i < count && found == HANDLE_NONE; i++) {
        const struct process *process = threads[(which + i) % count]->process;
        found = find_handle(process, which / 16, is_for_user, kind);
        if (found != HANDLE_NONE)
            *maker = process->endpoint;
    }
    return found;
}

static uint64_t address_of(struct input *input, const struct process *process)
{
    uint8_t which = input_byte(input);
    const struct area *area = process->areas;

    if (which >= 252)
        return input_word(input);
    if (which >= 100)
        return HOST_DATA + (which - 100) * 64ul;
    for (unsigned i = 0; area && i < which % 16u; i++)
        area = area->next;
    return area ? area->start + (which / 16u) * 123u : USER_INFO_PAGE + which;
}

/* A mapping as it was made, or nearly. */
static uint64_t mapping_of(struct input *input, const struct process *process, uint64_t *len)
{
    uint8_t which = input_byte(input);
    const struct area *area = process->areas;

    for (unsigned i = 0; area && area->next && i < which % 16u; i++)
        area = area->next;
    *len = area ? area->pages * PAGE_SIZE - (which >= 248) : which;
    return area ? area->start + (which >= 252 ? PAGE_SIZE : 0) : which;
}

static uint64_t length(struct input *input)
{
    uint8_t which = input_byte(input);

    if (which >= 253)
        return input_word(input);
    return which >= 200 ? (which - 199) * PAGE_SIZE : which * 40ul;
}

static uint64_t pages(struct input *input)
{
    uint8_t which = input_byte(input);

    if (which >= 253)
        return input_word(input);
    /* Now and then as many as take several steps. */
    return (which >= 220 ? (which - 219) * 8ul : 1 + which % 4u) * PAGE_SIZE - which % 3u;
}

static uint64_t offset(struct input *input)
{
    uint8_t which = input_byte(input);

    return which < 128 ? 0 : which % 8u * (which < 220 ? PAGE_SIZE : 100);
}

/* An offset into what was found last, and a length that leads to its end or not so far. */
static uint64_t offset_within(struct input *input)
{
    uint8_t which = input_byte(input);
    uint64_t place = which < 100 ? 0 : which * limit / 256;

    chosen_offset = which >= 240 ? offset(input) : which & 1 ? place & ~(PAGE_SIZE - 1) : place;
    return chosen_offset;
}

static uint64_t length_within(struct input *input)
{
    uint8_t which = input_byte(input);
    uint64_t left = chosen_offset < limit ? limit - chosen_offset : 0;

    return which >= 240 ? length(input) : which < 100 ? left : left * which / 240;
}

static uint64_t deadline(struct input *input)
{
    uint8_t which = input_byte(input);

    return which < 40 ? DEADLINE_NEVER : which < 80 ? 0 : host_now + which * 4ul;
}

static uint64_t child_address(struct input *input)
{
    uint8_t which = input_byte(input);

    return which < 128 ? 0 : 0x40000 + (which % 16) * 16 * PAGE_SIZE;
}

static const uint8_t causes[] = {DEATH_EXIT, DEATH_PANIC, DEATH_KILLED, DEATH_STOPPED, 0, 99};
static const uint8_t directions[] = {3, 3, 1, 2, 3, 0, 4};
static const uint8_t rights[] = {1, 3, 3, 2, 1, 5, 4, 3, 7, 0, 8};

static uint64_t simple_word(struct input *input, char kind, const struct process *process)
{
    switch (kind) {
    case 'e':
        return arguments_endpoint(input);
    case 'C':
        return child_of(input, process);
    case 'd':
        return driver(input);
    case 'w':
        return directions[input_below(input, ARRAY_SIZE(directions))];
    case 'i':
        return input_below(input, 3);
    case 'a':
        return address_of(input, process);
    case 'l':
        return length(input);
    case 's':
        return pages(input);
    case 'p':
        return rights[input_below(input, ARRAY_SIZE(rights))];
    case 'b':
        return input_below(input, 66);
    case 'n':
        return input_below(input, 6);
    case 'o':
        return offset(input);
    case 'O':
        return offset_within(input);
    case 'N':
        return length_within(input);
    case 'm':
        return input_below(input, 20);
    case 't':
        return deadline(input);
    case 'D':
        return HOST_DEVICES + input_below(input, 20) * PAGE_SIZE;
    case 'I':
        return HOST_LINES - 4 + input_below(input, 24);
    case 'B':
        return simple_word(input, input_byte(input) & 1 ? 'D' : 'I', process);
    case 'q':
        return simple_word(input, input_byte(input) & 1 ? 's' : 'n', process);
    case 'c':
        return causes[input_below(input, ARRAY_SIZE(causes))];
    case 'k':
        return ARRAY_ADDRESS;
    case 'f':
        return child_address(input);
    default:
        return input_byte(input) < 128 ? input_byte(input) : input_word(input);
    }
}

/* Writes one word, or two that belong together: how many. */
static unsigned words(struct input *input, char kind, const struct process *process, uint64_t *word)
{
    endpoint_t maker;

    switch (kind) {
    case 'H':
    case 'G':
    case 'R':
        word[1] = foreign_handle(input, process,
                                 kind == 'G'   ? HANDLE_GRANT
                                 : kind == 'R' ? HANDLE_OFFER
                                               : HANDLE_FREE,
                                 &maker);
        word[0] = maker;
        return 2;
    case 'A':
        word[0] = mapping_of(input, process, &word[1]);
        return 2;
    case 'h':
        word[0] = own_handle(input, process, HANDLE_FREE);
        return 1;
    case 'g':
        word[0] = own_grant(input, process);
        return 1;
    case 'r':
        word[0] = own_handle(input, process, HANDLE_REGION);
        return 1;
    case 'u':
        word[0] = own_handle(input, process, HANDLE_PIN);
        return 1;
    default:
        word[0] = simple_word(input, kind, process);
        return 1;
    }
}

/* ---- what lies in memory ---- */

static size_t fill_array(struct input *input, const struct process *process, uint32_t call,
                         uint8_t *buffer)
{
    size_t len = 0;

    for (unsigned i = 0; i < ARRAY_MAX; i++) {
        if (call == KCALL_GRANT_BATCH) {
            struct grant_op op = {
                .peer = driver(input),
                .access = directions[input_below(input, ARRAY_SIZE(directions))],
                .address = address_of(input, process),
                .len_bytes = length(input),
            };
            memcpy(buffer + len, &op, sizeof(op));
            len += sizeof(op);
        } else if (call == KCALL_COPY_VECTOR) {
            struct copy_op op = {.direction = input_below(input, 3), .offset = offset(input)};
            op.grant = foreign_handle(input, process, HANDLE_GRANT, &op.maker);
            op.local_address = address_of(input, process);
            op.len_bytes = length(input);
            memcpy(buffer + len, &op, sizeof(op));
            len += sizeof(op);
        } else {
            handle_t id = own_grant(input, process);
            memcpy(buffer + len, &id, sizeof(id));
            len += sizeof(id);
        }
    }
    return len;
}

static size_t fill_request(struct input *input, const struct process *creator, uint8_t *buffer)
{
    struct process_create request = {
        .name = "child",
        .service_id = input_byte(input),
        .priority = PRIORITY_PROGRAM - 1 + input_byte(input) % 14u,
        .max_threads = input_byte(input) & 7,
        .flags = input_byte(input) % 65 / 32, /* seldom an unknown one */
        .max_frames = input_byte(input),
        .max_handles = input_byte(input),
        .budget_us = input_byte(input) & 64 ? 100 : 0,
        .period_us = 1000,
        .kcalls = creator->give_kcalls,
        .give_kcalls = input_byte(input) & 1 ? creator->give_kcalls : 0,
    };

    if (input_byte(input) > 250)
        request.kcalls = input_word(input);
    memset(request.callable, 0xff, sizeof(request.callable));
    if (request.give_kcalls) {
        memset(request.give_callable, 0xff, sizeof(request.give_callable));
        memset(request.give_ids, 0xff, sizeof(request.give_ids));
    }
    memcpy(buffer, &request, sizeof(request));
    return sizeof(request);
}

static void fill_memory(struct input *input, struct thread *thread, uint32_t call)
{
    uint8_t buffer[ARRAY_MAX * sizeof(struct copy_op)];
    size_t len = call == KCALL_PROCESS_CREATE ? fill_request(input, thread->process, buffer)
                                              : fill_array(input, thread->process, call, buffer);

    /* The process may have taken its memory down: then the kernel finds that out, too. */
    (void)vm_write(thread->process, ARRAY_ADDRESS, buffer, len);
}
_Static_assert(sizeof(struct process_create) <= ARRAY_MAX * sizeof(struct copy_op), "buffer");

/* ---- calls ---- */

void arguments_of_kernel_call(struct input *input, struct thread *thread, uint32_t call)
{
    const char *shape = shapes[call % KCALL_LIMIT];
    uint64_t *word = &thread->regs[REG_A1];

    thread->regs[REG_T0] = SYS_IPC_CALL;
    thread->regs[REG_A0] = ENDPOINT_KERNEL | (uint64_t)call << 32;
    for (unsigned i = 0; i < MESSAGE_WORDS; i++)
        word[i] = 0;
    for (unsigned i = 0; shape && shape[i]; i++) {
        /* Of a pair of endpoint and handle the second letter says which handle. */
        char kind = shape[i] == 'E' ? shape[i + 1] : shape[i];
        unsigned count = words(input, kind, thread->process, &word[i]);
        if (shape[i] == 'k')
            fill_memory(input, thread, call);
        i += count - 1;
    }
}

/* The oldest or newest call that the thread has to answer; else any. */
static void choose_reply(struct input *input, struct thread *thread)
{
    uint8_t which = input_byte(input);
    const struct list *takens = &thread->takens;

    thread->regs[REG_A0] = arguments_endpoint(input);
    thread->regs[REG_T2] = which & 3;
    if (list_empty(takens) || which >= 230)
        return;
    const struct thread *caller = container_of(which & 1 ? takens->next : takens->prev,
                                               struct thread, queue_link);
    thread->regs[REG_A0] = caller->endpoint | (uint64_t)which << 32;
    thread->regs[REG_T2] = caller->call_id - (which >= 220);
}

void arguments_of_system_call(struct input *input, struct thread *thread)
{
    uint8_t call = input_byte(input);
    endpoint_t endpoint;
    handle_t handle = foreign_handle(input, thread->process, HANDLE_DOORBELL, &endpoint);

    thread->regs[REG_T0] = call == 255 ? input_byte(input) : 1 + call % 5;
    thread->regs[REG_T1] = deadline(input);
    thread->regs[REG_T3] = input_byte(input) & 1 ? NOTIFY_ALL : input_byte(input);
    thread->regs[REG_T4] = input_below(input, 5);
    thread->regs[REG_A0] = endpoint | (uint64_t)call << 32;
    thread->regs[REG_A1] = handle;
    if (thread->regs[REG_T0] == SYS_IPC_REPLY || thread->regs[REG_T0] == SYS_IPC_REPLY_RECEIVE)
        choose_reply(input, thread);
}
