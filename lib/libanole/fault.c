/*
 * Faults by order, committed in the victim's process: see fault.h. What a test promises to be
 * harmless panics here if the kernel permits what it must refuse, and so is seen to be none.
 */
#include <libanole/anole.h>
#include <libanole/fault.h>

#define FORGED_BIT 40u /* own notification bit of doorbells that nobody ever rings */
#define HOARD_PIECE (16 * PAGE_SIZE)

static uint32_t steps_left;

/* ---- hook points ---- */

void fault_arm(uint32_t kind, uint32_t count)
{
    __atomic_store_n(&steps_left, count > 0 ? count : 1, __ATOMIC_RELAXED);
    __atomic_store_n(&fault_armed, kind, __ATOMIC_RELEASE);
}

void fault_reached(enum fault_kind step)
{
    if (__atomic_load_n(&fault_armed, __ATOMIC_ACQUIRE) == step &&
        __atomic_fetch_sub(&steps_left, 1, __ATOMIC_RELAXED) == 1) {
        __builtin_trap();
    }
}

/* RS's log shows that it came to it. */
static void committed(enum fault_kind kind)
{
    struct message message = {.word = {kind}};

    (void)anole_call(startup_page()->rs, RS_INJECT_COMMITTED, &message, DEADLINE_NEVER);
}

bool fault_take(enum fault_kind kind)
{
    uint32_t armed = kind;

    if (!__atomic_compare_exchange_n(&fault_armed, &armed, 0, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED)) {
        return false;
    }
    committed(kind);
    return true;
}

/* ---- replies that nobody waits for ---- */

static void reply_must_fail(const struct message *reply, uint64_t call_id)
{
    int error = ipc_reply(reply, call_id);

    if (error != -ANOLE_ENOTWAITING) {
        panic("a forged reply to %#x under call id %#lx: expected %s, found %s", reply->endpoint,
              call_id, anole_error_name(ANOLE_ENOTWAITING), error ? anole_error_name(error) : "0");
    }
}

/* To every process that there is, many of which wait for somebody else's answer. */
static void reply_wildly(void)
{
    struct process_info info;
    uint64_t random[4];

    if (kcall_random(random)) {
        panic("no random numbers");
    }
    for (uint32_t slot = 0; slot < ENDPOINT_SLOTS; slot++) {
        struct message reply = {.endpoint = endpoint_make(slot, (uint32_t)random[0])};

        if (kcall_process_info(slot, &info) == 0) {
            reply.endpoint = info.endpoint;
        }
        reply_must_fail(&reply, 0);
        reply_must_fail(&reply, random[1] + slot);
        reply_must_fail(&reply, UINT64_MAX);
    }
    committed(FAULT_WILD);
}

/* The loop answers under the right id afterwards, which then is a stale one. */
static void reply_forged(const struct ipc_delivery *delivery)
{
    const struct message *reply = &delivery->message;
    uint64_t id = delivery->call_id;

    reply_must_fail(reply, id + 1);
    reply_must_fail(reply, id - 1);
    reply_must_fail(reply, id ^ (uint64_t)1 << 63);
    reply_must_fail(reply, id ^ (uint64_t)1 << 32);
    (void)ipc_reply(reply, id); /* the caller may be gone */
    reply_must_fail(reply, id);
}

void fault_before_reply(const struct ipc_delivery *delivery)
{
    fault_reached(FAULT_DIE_REPLY);
    if (fault_take(FAULT_FORGE)) {
        reply_forged(delivery);
    }
}

/* ---- floods ---- */

_Noreturn static void flood_calls(void)
{
    for (;;) {
        struct message message = {0};

        rs_name_pack(message.word, "nobody");
        (void)anole_call(startup_page()->rs, RS_LOOKUP, &message, DEADLINE_NEVER);
    }
}

_Noreturn static void flood_log(void)
{
    for (uint64_t line = 0;; line++) {
        log_printf(LOG_WARNING, "line %lu of a flood", (unsigned long)line);
    }
}

/* ---- hoards ---- */

static void hoard_frames(void)
{
    size_t piece = HOARD_PIECE;
    void *address;

    while (piece >= PAGE_SIZE) {
        if (kcall_map(piece, PROT_READ_BIT | PROT_WRITE_BIT, &address)) {
            piece /= 2;
        }
    }
    committed(FAULT_HOARD_FRAMES);
}

static void hoard_handles(void)
{
    handle_t handle;
    int error;

    do {
        error = kcall_doorbell(startup_page()->rs, FORGED_BIT, &handle);
    } while (error == 0);
    committed(FAULT_HOARD_HANDLES);
}

/* ---- the order ---- */

enum fault_kind fault_fetch(void)
{
    struct message message = {0};

    if (anole_call(startup_page()->rs, RS_INJECT_FETCH, &message, DEADLINE_NEVER)) {
        return 0; /* none was ordered (any more) */
    }
    switch (message.word[0]) {
    case FAULT_SILENT:
        return FAULT_SILENT;
    case FAULT_HOARD_CALLERS:
        committed(FAULT_HOARD_CALLERS);
        return FAULT_HOARD_CALLERS;
    case FAULT_EXIT:
        kcall_exit(DEATH_EXIT, 1);
    case FAULT_PANIC:
        panic("ordered to panic");
    case FAULT_WILD:
        reply_wildly();
        break;
    case FAULT_FLOOD_CALLS:
        flood_calls();
    case FAULT_FLOOD_LOG:
        flood_log();
    case FAULT_HOARD_FRAMES:
        hoard_frames();
        break;
    case FAULT_HOARD_HANDLES:
        hoard_handles();
        break;
    default:
        fault_arm((uint32_t)message.word[0], (uint32_t)message.word[1]);
        break;
    }
    return 0;
}
