/*
 * malice: kernel calls with arguments of which some are right and some are wrong, and what is promised
 * for each: a call that isn't in the mask is refused whatever its words say; one with a wrong argument
 * fails with an error that docs/kernel-calls.md names for it; one with right arguments only succeeds,
 * or says that a quota is used up. What succeeded is undone later, and that must succeed, too.
 */
#include "malice.h"

#include <string.h>

/* What a word is for. */
enum argument {
    ANY,        /* nothing can be wrong with it */
    PEER,       /* who gets a handle */
    GRANT_OF,   /* maker, and in the next word the grant */
    REGION_OF,  /* maker, and in the next word the region */
    SECOND,     /* filled by the word before */
    OWN_REGION, /* by handle */
    BAD_HANDLE, /* never right: what is right is left to undoing */
    GRANTED,    /* offset in a grant */
    LENGTH,     /* of bytes, not 0 */
    MAPPED,     /* length to map or make */
    PAGES_AT,   /* page offset in the region */
    PAGES_LEN,  /* length from there */
    TARGET,     /* address that is written */
    EITHER,     /* address that is read or written */
    SOURCE,     /* address that is read */
    USER_PLACE, /* address that is only noted */
    CHOSEN,     /* address to map at, or 0 */
    BAD_ARRAY,  /* never right */
    BAD_COUNT,  /* of an array: not 0 */
    BIT,
    MAP_PROT,
    REGION_PROT,
    OFFER_PROT,
    ACCESS,
    COPY_WAY,
    DMA_WAY,
    ROOM, /* segments that fit */
    FLAGS,
    HARTS,
    CODE,
    BAD_CAUSE,
    LEVEL,
    NOTHING, /* 0 */
    INFO_OF, /* endpoint whose process is told */
    COUNTED, /* endpoint whose counters are */
    SLOT,
};

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
    {CALL(PROCESS_INFO), false, false, UNDO_NONE, {SLOT, TARGET}, {ANOLE_ENOENT, ANOLE_EFAULT}},
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
    {CALL(IRQ_BIND), true, false, UNDO_NONE, {BAD_HANDLE, ANY}, {ANOLE_ENOENT}},
};
/* clang-format on */

#define RULES (sizeof(rules) / sizeof(rules[0]))
#define LENGTH_MAX 0x6000u /* of right ones: longer than a step of a copy */

/* A choice among right words, or among wrong ones. */
static uint64_t one_of(struct chance *chance, const uint64_t *words, uint64_t count)
{
    return words[chance_below(chance, count)];
}

#define ONE_OF(chance, ...)                                                                        \
    one_of(chance, (const uint64_t[]){__VA_ARGS__},                                                \
           sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* Somebody to make a handle for: anyone alive will do. */
static uint64_t right_peer(struct hostile *hostile)
{
    static const enum whom living[] = {ONESELF,  THE_VICTIM, THE_OWNER,
                                       THE_HELD, A_CALLABLE, A_FORBIDDEN};

    return pick_endpoint(hostile, living[chance_below(&hostile->chance, 6)]);
}

/* Others' grants and regions, made for others; one's own of other kinds or lives; nobody's. */
static void wrong_pair(struct hostile *hostile, uint64_t *word)
{
    switch (chance_below(&hostile->chance, 6)) {
    case 0:
        word[0] = hostile->victim.endpoint;
        word[1] = hostile->victim.grant;
        break;
    case 1:
        word[0] = hostile->victim.endpoint;
        word[1] = hostile->victim.offer;
        break;
    case 2:
        word[0] = hostile->victim.endpoint;
        word[1] = hostile->victim.bell;
        break;
    case 3:
        word[0] = pick_endpoint(hostile, NOBODY);
        if (word[0] == ENDPOINT_SELF)
            word[0] = ENDPOINT_NONE;
        word[1] = ONE_OF(&hostile->chance, hostile->grant, hostile->region);
        break;
    case 4:
        word[0] = ENDPOINT_KERNEL;
        word[1] = chance_below(&hostile->chance, 5);
        break;
    default:
        word[0] = hostile->self;
        word[1] = pick_wrong_handle(hostile);
    }
}

/* Fills in a right word. */
static void right_argument(struct hostile *hostile, enum argument argument, uint64_t *word)
{
    struct chance *chance = &hostile->chance;
    uint64_t arena = (uintptr_t)hostile->arena;

    switch (argument) {
    case PEER:
    case INFO_OF:
    case COUNTED:
        *word = right_peer(hostile);
        break;
    case GRANT_OF:
        word[0] = hostile->self;
        word[1] = hostile->grant;
        break;
    case REGION_OF:
        word[0] = ONE_OF(chance, ENDPOINT_SELF, hostile->self);
        word[1] = hostile->region;
        break;
    case OWN_REGION:
        *word = hostile->region;
        break;
    case GRANTED:
        *word = chance_below(chance, GRANTED_BYTES - LENGTH_MAX);
        break;
    case LENGTH:
        *word = chance_one_in(chance, 2) ? 1 + chance_below(chance, LENGTH_MAX)
                                         : ONE_OF(chance, 1, PAGE_SIZE - 1, PAGE_SIZE,
                                                  PAGE_SIZE + 1, 16383, 16384, 16385);
        break;
    case MAPPED:
        *word = chance_one_in(chance, 8)
                    ? ONE_OF(chance, 64 * PAGE_SIZE - 1, 64 * PAGE_SIZE, 64 * PAGE_SIZE + 1)
                    : 1 + chance_below(chance, 4 * PAGE_SIZE);
        break;
    case PAGES_AT:
        *word = chance_below(chance, 2) * PAGE_SIZE;
        break;
    case PAGES_LEN:
        *word = 1 + chance_below(chance, REGION_BYTES - PAGE_SIZE);
        break;
    case TARGET:
    case EITHER:
        *word = arena + GRANTED_BYTES + chance_below(chance, PAGE_SIZE);
        break;
    case SOURCE:
        *word = arena + chance_below(chance, PAGE_SIZE);
        break;
    case USER_PLACE:
        *word = chance_below(chance, USER_END - LENGTH_MAX);
        break;
    case BIT:
        *word = chance_below(chance, NOTIFY_OWN_BITS);
        break;
    case MAP_PROT:
        *word = ONE_OF(chance, PROT_READ_BIT, PROT_READ_BIT | PROT_WRITE_BIT,
                       PROT_READ_BIT | PROT_EXEC_BIT, PROT_EXEC_BIT);
        break;
    case REGION_PROT:
    case OFFER_PROT:
    case ACCESS:
    case DMA_WAY:
        *word = 1 + chance_below(chance, 3);
        break;
    case COPY_WAY:
    case FLAGS:
        *word = chance_below(chance, 2);
        break;
    case ROOM:
        *word = 16 + chance_below(chance, 100);
        break;
    case HARTS:
        *word = ONE_OF(chance, 0, ~0ul, 1, 1ul << (info_page()->harts - 1));
        break;
    case CODE:
        *word = (uintptr_t)&registers_thread_exit;
        break;
    case LEVEL:
        *word = LOG_DEBUG;
        break;
    case SLOT:
        *word = endpoint_slot(hostile->self);
        break;
    case CHOSEN:
    case NOTHING:
        *word = 0;
        break;
    default:
        *word = chance_magnitude(chance);
    }
}

/* Whether a word can be wrong at all; some can't be right. */
static bool has_wrong(enum argument argument)
{
    return argument != ANY && argument != SECOND && argument != CODE && argument != NOTHING;
}

static bool has_right(enum argument argument)
{
    return argument != BAD_HANDLE && argument != BAD_ARRAY && argument != BAD_COUNT &&
           argument != BAD_CAUSE;
}

/* Fills in a wrong word. */
static void wrong_argument(struct hostile *hostile, enum argument argument, uint64_t *word)
{
    struct chance *chance = &hostile->chance;

    switch (argument) {
    case PEER:
    case COUNTED:
        *word = pick_endpoint(hostile, NOBODY);
        if (*word == ENDPOINT_SELF)
            *word = ENDPOINT_NONE; /* COUNTERS takes it */
        break;
    case INFO_OF:
        *word = ONE_OF(
            chance, ENDPOINT_KERNEL, ENDPOINT_NONE,
            endpoint_make(endpoint_slot(hostile->self), endpoint_generation(hostile->self) + 1));
        break;
    case GRANT_OF:
    case REGION_OF:
        wrong_pair(hostile, word);
        break;
    case OWN_REGION:
        *word = chance_one_in(chance, 2) ? hostile->grant : pick_wrong_handle(hostile);
        break;
    case BAD_HANDLE:
        *word = pick_wrong_handle(hostile);
        break;
    case GRANTED:
        *word = ONE_OF(chance, GRANTED_BYTES, GRANTED_BYTES + 1, 1ul << 63, ~0ul, ~0ul - 4095);
        break;
    case LENGTH:
        *word = ONE_OF(chance, USER_END + 1, 1ul << 63, ~0ul, ~0ul - 4095, ~0ul >> 1);
        break;
    case MAPPED:
        *word = ONE_OF(chance, 0, USER_END + 1, 1ul << 40, 1ul << 63, ~0ul, ~0ul - 4095);
        break;
    case PAGES_AT:
        *word = ONE_OF(chance, 1, PAGE_SIZE - 1, REGION_BYTES, 1ul << 63, ~0ul << 12, ~0ul);
        break;
    case PAGES_LEN:
        *word = ONE_OF(chance, 0, REGION_BYTES + 1, 1ul << 63, ~0ul, ~0ul - 4095);
        break;
    case TARGET:
        *word = pick_wrong_address(hostile, true);
        break;
    case SOURCE:
    case EITHER:
        *word = pick_wrong_address(hostile, false);
        break;
    case USER_PLACE:
        *word = chance_next(chance) | USER_END;
        break;
    case CHOSEN:
        *word = ONE_OF(chance, 1, USER_TEXT_BASE, (uintptr_t)hostile->arena, USER_INFO_PAGE,
                       USER_END, 1ul << 63, ~0ul << 12, ~0ul);
        break;
    case BAD_ARRAY: /* with a rest of zeros, or unreadable */
        *word = chance_one_in(chance, 2) ? (uintptr_t)hostile->arena + ARENA_BYTES - PAGE_SIZE
                                         : pick_wrong_address(hostile, false);
        break;
    case BAD_COUNT:
        *word = ONE_OF(chance, 1, 2, 64, 4096, 4097, 1ul << 32, 1ul << 63, ~0ul);
        break;
    case BIT:
        *word = ONE_OF(chance, NOTIFY_OWN_BITS, NOTIFY_STOP, NOTIFY_DEATH, 64, 1ul << 32, ~0ul);
        break;
    case MAP_PROT:
        *word = ONE_OF(chance, 0, 6, 7, 8, 1ul << 32 | 1, ~0ul);
        break;
    case REGION_PROT:
        *word = ONE_OF(chance, 0, 4, 5, 8, 1ul << 32 | 1, ~0ul);
        break;
    case OFFER_PROT:
    case ACCESS:
    case DMA_WAY:
        *word = ONE_OF(chance, 0, 4, 7, 8, 1ul << 32 | 1, ~0ul);
        break;
    case COPY_WAY:
    case FLAGS:
        *word = ONE_OF(chance, 2, 3, 1ul << 32, 1ul << 63, ~0ul);
        break;
    case ROOM:
        *word = 0;
        break;
    case HARTS:
        *word = ONE_OF(chance, 1ul << info_page()->harts, 1ul << 63);
        break;
    case BAD_CAUSE:
        *word = ONE_OF(chance, 0, 4, 10, 16, 17, 1ul << 32 | 1, ~0ul);
        break;
    case LEVEL:
        *word = ONE_OF(chance, 4, 1ul << 32, ~0ul);
        break;
    case SLOT:
        *word = ONE_OF(chance, 0, ENDPOINT_SLOTS, 1ul << 32, 1ul << 32 | 5, ~0ul);
        break;
    default:
        *word = chance_magnitude(chance);
    }
}

/* Fills in all words; true if one of them is wrong. */
static bool make_arguments(struct hostile *hostile, const struct rule *rule, uint64_t *word)
{
    bool wrong = false;

    for (unsigned i = 0; i < MESSAGE_WORDS; i++) {
        enum argument argument = rule->argument[i];

        if (argument == SECOND)
            continue;
        if (has_wrong(argument) && (!has_right(argument) || chance_one_in(&hostile->chance, 5))) {
            wrong_argument(hostile, argument, &word[i]);
            wrong = true;
        } else {
            right_argument(hostile, argument, &word[i]);
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

/* Calls of servers, and numbers that are no call: refused whatever the words say. */
static void attempt_forbidden(struct hostile *hostile)
{
    static const uint32_t forbidden[] = {
        KCALL_CONSOLE_TAKE,   KCALL_DEVICE_MAP,       KCALL_QUARANTINE_END, KCALL_QUARANTINE_INFO,
        KCALL_WALL_CLOCK_SET, KCALL_PROCESS_CREATE,   KCALL_PROCESS_MAP,    KCALL_PROCESS_WRITE,
        KCALL_PROCESS_START,  KCALL_PROCESS_KILL,     KCALL_PROCESS_BURY,   KCALL_DEATH_NEXT,
        KCALL_DEATH_RECORD,   KCALL_PROCESS_RESOURCE, KCALL_PROCESS_READ,   KCALL_PROCESS_REGS,
        KCALL_PROCESS_NOTIFY, KCALL_LIVENESS,         KCALL_POWER,
    };
    struct chance *chance = &hostile->chance;
    bool known = chance_one_in(chance, 2);
    uint32_t call = known ? forbidden[chance_below(chance, sizeof(forbidden) / 4)]
                          : KCALL_LIMIT + (uint32_t)chance_magnitude(chance) / 2;
    uint64_t word[MESSAGE_WORDS], first;

    word[0] = right_peer(hostile); /* as if it were a process to be had */
    for (unsigned i = 1; i < MESSAGE_WORDS; i++)
        word[i] = chance_magnitude(chance);
    int status = make_call(call, word, &first);
    if (status != (known ? -ANOLE_EPERM : -ANOLE_ENOSYS))
        tell(hostile, known ? "a server's call" : "no call", word, status,
             known ? "EPERM" : "ENOSYS");
}

void attempt_kernel_call(struct hostile *hostile)
{
    uint64_t choice = chance_below(&hostile->chance, RULES + 4);

    if (choice < RULES)
        attempt_ruled(hostile, &rules[choice]);
    else
        attempt_forbidden(hostile);
    if (hostile->leftover_count > 0 && chance_one_in(&hostile->chance, 8))
        undo_one(hostile,
                 &hostile->leftovers[chance_below(&hostile->chance, hostile->leftover_count)]);
}
