/*
 * malice: kernel calls with arguments of which some are right and some are wrong, and what is promised
 * for each: a call that isn't in the mask is refused whatever its words say; one with a wrong argument
 * fails with an error that docs/kernel-calls.md names for it; one with right arguments only succeeds,
 * or says that a quota is used up. What succeeded is undone later, and that must succeed, too.
 */
#include "malice_arguments.h"

#include <string.h>

#define ERRORS 7
struct rule {
    const char *name;
    uint32_t call;
    bool driver;
    bool lenient; /* wrong arguments may also not matter */
    enum undo undo;
    enum argument argument[MESSAGE_WORDS];
    int errors[ERRORS]; /* that it may give */
};

/* clang-format off */
#define CALL(call) #call, KCALL_##call
static const struct rule rules[] = {
    {CALL(EXIT), false, false, UNDO_NONE, {BAD_CAUSE}, {ANOLE_EINVAL}},
    {CALL(THREAD_CREATE), false, false, UNDO_NONE, {CODE, ANY, ANY, HARTS, ANY}, {ANOLE_EINVAL, ANOLE_ENOMEM}},
    {CALL(THREAD_PIN), false, false, UNDO_NONE, {HARTS}, {ANOLE_EINVAL}},
    {CALL(MAP), false, false, UNDO_UNMAP, {MAPPED, MAP_PROT, CHOSEN}, {ANOLE_EINVAL, ANOLE_EEXIST, ANOLE_ENOMEM}},
    {CALL(UNMAP), false, false, UNDO_NONE, {BAD_ARRAY, MAPPED}, {ANOLE_EINVAL}},
    {CALL(ALARM), false, false, UNDO_NONE, {ANY, BIT}, {ANOLE_EINVAL}},
    {CALL(WATCH), false, false, UNDO_CLOSE, {PEER, BIT}, {ANOLE_EDEADENDPOINT, ANOLE_EINVAL, ANOLE_ENOMEM}},
    {CALL(DOORBELL), false, false, UNDO_CLOSE, {PEER, BIT}, {ANOLE_EDEADENDPOINT, ANOLE_EINVAL, ANOLE_ENOMEM}},
    {CALL(CLOSE), false, false, UNDO_NONE, {BAD_HANDLE}, {ANOLE_EBADHANDLE}},
    {CALL(ENDPOINT_INFO), false, false, UNDO_NONE, {INFO_OF}, {ANOLE_EDEADENDPOINT}},
    {CALL(REGION_CREATE), false, false, UNDO_CLOSE, {MAPPED, FLAGS}, {ANOLE_EINVAL, ANOLE_ENOMEM}},
    {CALL(REGION_OFFER), false, false, UNDO_CLOSE, {OWN_REGION, PEER, OFFER_PROT}, {ANOLE_EBADHANDLE, ANOLE_EDEADENDPOINT, ANOLE_EINVAL, ANOLE_ENOMEM}},
    {CALL(REGION_MAP), false, false, UNDO_UNMAP, {REGION_OF, SECOND, PAGES_AT, PAGES_LEN, REGION_PROT}, {ANOLE_EDEADENDPOINT, ANOLE_EBADHANDLE, ANOLE_EPERM, ANOLE_EINVAL, ANOLE_ENOMEM}},
    {CALL(REGION_INFO), false, false, UNDO_NONE, {REGION_OF, SECOND}, {ANOLE_EDEADENDPOINT, ANOLE_EBADHANDLE, ANOLE_EPERM}},
    {CALL(GRANT), false, false, UNDO_REVOKE, {PEER, USER_PLACE, LENGTH, ACCESS}, {ANOLE_EDEADENDPOINT, ANOLE_EINVAL, ANOLE_EFAULT, ANOLE_ENOMEM}},
    {CALL(GRANT_BATCH), false, false, UNDO_NONE, {BAD_ARRAY, BAD_COUNT}, {ANOLE_EDEADENDPOINT, ANOLE_EINVAL, ANOLE_EFAULT, ANOLE_ENOMEM}},
    {CALL(REVOKE), false, false, UNDO_NONE, {BAD_HANDLE, ANY}, {ANOLE_EBADHANDLE}},
    {CALL(REVOKE_BATCH), false, false, UNDO_NONE, {BAD_ARRAY, BAD_COUNT}, {ANOLE_EBADHANDLE, ANOLE_EINVAL, ANOLE_EFAULT}},
    {CALL(COPY), false, false, UNDO_NONE, {GRANT_OF, SECOND, GRANTED, EITHER, LENGTH, COPY_WAY}, {ANOLE_EDEADENDPOINT, ANOLE_EBADHANDLE, ANOLE_EPERM, ANOLE_ERANGE, ANOLE_EINVAL, ANOLE_EFAULT}},
    {CALL(COPY_VECTOR), false, false, UNDO_NONE, {BAD_ARRAY, BAD_COUNT}, {ANOLE_EDEADENDPOINT, ANOLE_EBADHANDLE, ANOLE_EPERM, ANOLE_ERANGE, ANOLE_EINVAL, ANOLE_EFAULT}},
    {CALL(SYSTEM_INFO), false, false, UNDO_NONE, {TARGET}, {ANOLE_EFAULT}},
    {CALL(PROCESS_INFO), false, false, UNDO_NONE, {SLOT, TARGET, NO_FLAG}, {ANOLE_ENOENT, ANOLE_EINVAL, ANOLE_EFAULT}},
    {CALL(COUNTERS), false, false, UNDO_NONE, {COUNTED, TARGET}, {ANOLE_ENOENT, ANOLE_EFAULT}},
    {CALL(RANDOM), false, false, UNDO_NONE, {ANY, ANY}, {0}},
    {CALL(LOG_WRITE), false, true, UNDO_NONE, {SOURCE, NOTHING, LEVEL}, {ANOLE_EINVAL, ANOLE_EFAULT}},
    {CALL(LOG_READ), false, true, UNDO_NONE, {ANY, TARGET, LENGTH}, {ANOLE_EFAULT}},
    {CALL(BOOT_ARGUMENTS), false, true, UNDO_NONE, {TARGET, LENGTH}, {ANOLE_EFAULT}},
    {CALL(DMA_ALLOC), true, false, UNDO_NONE, {MAPPED}, {ANOLE_EINVAL, ANOLE_ENOMEM}},
    {CALL(DMA_MAP), true, false, UNDO_UNPIN, {GRANT_OF, SECOND, GRANTED, LENGTH, DMA_WAY, TARGET, ROOM}, {ANOLE_EDEADENDPOINT, ANOLE_EBADHANDLE, ANOLE_EPERM, ANOLE_ERANGE, ANOLE_EINVAL, ANOLE_EFAULT, ANOLE_ENOMEM}},
    {CALL(DMA_MAP_OWN), true, false, UNDO_UNPIN, {EITHER, LENGTH, DMA_WAY, TARGET, ROOM}, {ANOLE_ERANGE, ANOLE_EINVAL, ANOLE_EFAULT, ANOLE_ENOMEM}},
    {CALL(DMA_UNMAP), true, false, UNDO_NONE, {BAD_HANDLE}, {ANOLE_EBADHANDLE}},
    {CALL(WINDOW_MAP), true, false, UNDO_NONE, {BAD_HANDLE}, {ANOLE_ENOENT}},
    {CALL(IRQ_BIND), true, false, UNDO_NONE, {BAD_HANDLE, ANY, ANY}, {ANOLE_ENOENT}},
};
/* clang-format on */

#define RULES (sizeof(rules) / sizeof(rules[0]))
/* Fills in all words; true if one of them is wrong. */
static bool make_arguments(struct hostile *hostile, const struct rule *rule, uint64_t *word)
{
    bool wrong = false;

    for (unsigned i = 0; i < MESSAGE_WORDS; i++) {
        enum argument argument = rule->argument[i];

        if (argument == SECOND)
            continue;
        bool must = !argument_has_right(argument);
        if (must || (argument_has_wrong(argument) && chance_one_in(&hostile->chance, 5))) {
            argument_wrong(hostile, argument, &word[i]);
            wrong = true;
        } else {
            argument_right(hostile, argument, &word[i]);
        }
    }
    return wrong;
}

/* ---- what came of it ---- */

static bool names_error(const struct rule *rule, int status)
{
    for (unsigned i = 0; i < ERRORS; i++) {
        if (rule->errors[i] != 0 && status == -rule->errors[i])
            return true;
    }
    return false;
}

static bool as_promised(const struct rule *rule, bool wrong, int status)
{
    if (wrong)
        return names_error(rule, status) || (rule->lenient && status == 0);
    return status == 0 || (status == -ANOLE_ENOMEM && names_error(rule, status));
}

static void undo_one(struct hostile *hostile, struct leftover *leftover)
{
    static const uint32_t calls[] = {
        [UNDO_CLOSE] = KCALL_CLOSE,
        [UNDO_REVOKE] = KCALL_REVOKE,
        [UNDO_UNMAP] = KCALL_UNMAP,
        [UNDO_UNPIN] = KCALL_DMA_UNMAP,
    };
    struct message message = {
        .word = {leftover->object, leftover->undo == UNDO_UNMAP ? leftover->len : 0}};
    int status = kcall(calls[leftover->undo], &message);

    if (status != 0)
        unexpected(hostile, "undoing kernel call %u of 0x%lx: %s", calls[leftover->undo],
                   (unsigned long)leftover->object, anole_error_name(status));
    if (leftover->undo != UNDO_UNMAP)
        hostile->stale[leftover->object % STALE_HANDLES] = leftover->object;
    *leftover = hostile->leftovers[--hostile->leftover_count];
}

void undo_all(struct hostile *hostile)
{
    while (hostile->leftover_count > 0)
        undo_one(hostile, &hostile->leftovers[hostile->leftover_count - 1]);
}

/* Keeps what a call made, to be undone some time. */
static void keep(struct hostile *hostile, const struct rule *rule, const uint64_t *word,
                 uint64_t object)
{
    uint64_t len = rule->call == KCALL_REGION_MAP ? word[3] : word[0];

    if (rule->undo == UNDO_NONE)
        return;
    if (hostile->leftover_count == LEFTOVERS)
        undo_one(hostile, &hostile->leftovers[chance_below(&hostile->chance, LEFTOVERS)]);
    hostile->leftovers[hostile->leftover_count++] = (struct leftover){rule->undo, object, len};
}

static void tell(struct hostile *hostile, const char *name, const uint64_t *word, int status,
                 const char *promise)
{
    unexpected(hostile, "%s(0x%lx, 0x%lx, 0x%lx, 0x%lx, 0x%lx, 0x%lx, 0x%lx): promised %s, got %s",
               name, (unsigned long)word[0], (unsigned long)word[1], (unsigned long)word[2],
               (unsigned long)word[3], (unsigned long)word[4], (unsigned long)word[5],
               (unsigned long)word[6], promise, status == 0 ? "success" : anole_error_name(status));
}

static int make_call(uint32_t call, const uint64_t *word, uint64_t *first)
{
    struct message message;

    memcpy(message.word, word, sizeof(message.word));
    int status = kcall(call, &message);
    *first = message.word[0];
    return status;
}

/* A call with a rule. */
static void attempt_ruled(struct hostile *hostile, const struct rule *rule)
{
    bool permitted = !rule->driver || hostile->driver;
    uint64_t word[MESSAGE_WORDS], first;
    bool wrong = make_arguments(hostile, rule, word);
    int status = make_call(rule->call, word, &first);

    if (!permitted) {
        if (status != -ANOLE_EPERM)
            tell(hostile, rule->name, word, status, "EPERM");
    } else if (!as_promised(rule, wrong, status)) {
        tell(hostile, rule->name, word, status, wrong ? "a refusal" : "success");
    }
    if (permitted && status == 0)
        keep(hostile, rule, word, first);
}

/* ---- all calls that there are, by who may make them ---- */

enum call_group { BASE, DRIVER, CONSOLE, CLOCK, ENTROPY, DEVMAN, CREATE, RS };

static const struct {
    const char *name;
    uint32_t call;
    enum call_group group;
} calls[] = {
#define ENTRY(name, number, group) {#name, number, group},
    KCALLS(ENTRY)
#undef ENTRY
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* With words as if it might work: a process, and whatever. */
static void attempt_unruled(struct hostile *hostile, const char *name, uint32_t call, int promised)
{
    uint64_t word[MESSAGE_WORDS], first;

    argument_right(hostile, PEER, &word[0]);
    for (unsigned i = 1; i < MESSAGE_WORDS; i++)
        word[i] = chance_magnitude(&hostile->chance);
    int status = make_call(call, word, &first);
    if (status != promised)
        tell(hostile, name, word, status, anole_error_name(promised));
}

static bool is_call(uint32_t number)
{
    for (unsigned i = 0; i < CALLS; i++) {
        if (calls[i].call == number)
            return true;
    }
    return false;
}

/* A number that is no call's. */
static void attempt_no_call(struct hostile *hostile)
{
    uint32_t number = (uint32_t)chance_magnitude(&hostile->chance);

    while (is_call(number))
        number += KCALL_LIMIT / 2;
    attempt_unruled(hostile, "no call", number, -ANOLE_ENOSYS);
}

static void attempt_call_of(struct hostile *hostile, unsigned index)
{
    if (calls[index].group != BASE && calls[index].group != DRIVER) {
        attempt_unruled(hostile, calls[index].name, calls[index].call, -ANOLE_EPERM);
        return;
    }
    for (unsigned i = 0; i < RULES; i++) {
        if (rules[i].call == calls[index].call) {
            attempt_ruled(hostile, &rules[i]);
            return;
        }
    }
    /* Ending itself is a matter for a child (malice_deaths.c). */
    if (calls[index].call != KCALL_THREAD_EXIT)
        unexpected(hostile, "there is no rule for %s", calls[index].name);
}

void attempt_kernel_call(struct hostile *hostile)
{
    uint64_t choice = chance_below(&hostile->chance, CALLS + 4);

    if (choice < CALLS)
        attempt_call_of(hostile, (unsigned)choice);
    else
        attempt_no_call(hostile);
    if (hostile->leftover_count > 0 && chance_one_in(&hostile->chance, 8))
        undo_one(hostile,
                 &hostile->leftovers[chance_below(&hostile->chance, hostile->leftover_count)]);
}
