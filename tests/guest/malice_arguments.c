/*
 * malice: right and wrong values for the words of kernel calls: for most kinds a few constants, for the
 * others what this process and its victim have.
 */
#include "malice_arguments.h"

#define LENGTH_MAX 0x6000u /* of right ones: longer than a step of a copy */
#define CHOICES 9

typedef void (*pick)(struct hostile *hostile, uint64_t *word);

/* Constants to choose from; `pick` is used half of the time if there are both. */
struct values {
    pick pick;
    unsigned count;
    uint64_t value[CHOICES];
};

struct kind {
    struct values right, wrong;
};

/* ---- right ones ---- */

/* Somebody to make a handle for: anyone alive will do. */
static void right_peer(struct hostile *hostile, uint64_t *word)
{
    static const enum whom living[] = {ONESELF,  THE_VICTIM, THE_OWNER,
                                       THE_HELD, A_CALLABLE, A_FORBIDDEN};

    *word = pick_endpoint(hostile, living[chance_below(&hostile->chance, 6)]);
}

static void right_grant(struct hostile *hostile, uint64_t *word)
{
    word[0] = hostile->self;
    word[1] = hostile->grant;
}

static void right_region(struct hostile *hostile, uint64_t *word)
{
    word[0] = chance_one_in(&hostile->chance, 2) ? ENDPOINT_SELF : hostile->self;
    word[1] = hostile->region;
}

static void own_region(struct hostile *hostile, uint64_t *word)
{
    *word = hostile->region;
}

static void granted_offset(struct hostile *hostile, uint64_t *word)
{
    *word = chance_below(&hostile->chance, GRANTED_BYTES - LENGTH_MAX);
}

static void some_length(struct hostile *hostile, uint64_t *word)
{
    *word = 1 + chance_below(&hostile->chance, LENGTH_MAX);
}

static void some_pages(struct hostile *hostile, uint64_t *word)
{
    *word = 1 + chance_below(&hostile->chance, 4 * PAGE_SIZE);
}

static void length_in_region(struct hostile *hostile, uint64_t *word)
{
    *word = 1 + chance_below(&hostile->chance, REGION_BYTES - PAGE_SIZE);
}

static void own_target(struct hostile *hostile, uint64_t *word)
{
    *word = (uintptr_t)hostile->arena + GRANTED_BYTES + chance_below(&hostile->chance, PAGE_SIZE);
}

static void own_source(struct hostile *hostile, uint64_t *word)
{
    *word = (uintptr_t)hostile->arena + chance_below(&hostile->chance, PAGE_SIZE);
}

static void user_place(struct hostile *hostile, uint64_t *word)
{
    *word = chance_below(&hostile->chance, USER_END - LENGTH_MAX);
}

static void own_bit(struct hostile *hostile, uint64_t *word)
{
    *word = chance_below(&hostile->chance, NOTIFY_OWN_BITS);
}

static void enough_room(struct hostile *hostile, uint64_t *word)
{
    *word = 16 + chance_below(&hostile->chance, 100);
}

static void last_hart(struct hostile *hostile, uint64_t *word)
{
    (void)hostile;
    *word = 1ul << (info_page()->harts - 1);
}

static void thread_code(struct hostile *hostile, uint64_t *word)
{
    (void)hostile;
    *word = (uintptr_t)&registers_thread_exit;
}

static void own_slot(struct hostile *hostile, uint64_t *word)
{
    *word = endpoint_slot(hostile->self);
}

static void anything(struct hostile *hostile, uint64_t *word)
{
    *word = chance_magnitude(&hostile->chance);
}

/* ---- wrong ones ---- */

static void nobody(struct hostile *hostile, uint64_t *word)
{
    *word = pick_endpoint(hostile, NOBODY);
    if (*word == ENDPOINT_SELF)
        *word = ENDPOINT_NONE; /* some calls take it */
}

/* Others' grants and regions, made for others; one's own of other kinds or lives; nobody's. */
static void wrong_pair(struct hostile *hostile, uint64_t *word)
{
    const struct victim *victim = &hostile->victim;
    const handle_t made_for_owner[] = {victim->grant, victim->offer, victim->bell};
    uint64_t choice = chance_below(&hostile->chance, 6);

    if (choice < 3) {
        word[0] = victim->endpoint;
        word[1] = made_for_owner[choice];
    } else if (choice == 3) {
        nobody(hostile, &word[0]);
        word[1] = chance_one_in(&hostile->chance, 2) ? hostile->grant : hostile->region;
    } else if (choice == 4) {
        word[0] = ENDPOINT_KERNEL;
        word[1] = chance_below(&hostile->chance, 5);
        if (word[1] == KERNEL_REGION_BOOT_IMAGE)
            word[1] = KERNEL_REGION_DEVICE_TREE; /* everyone may read the boot image */
    } else {
        word[0] = hostile->self;
        word[1] = pick_wrong_handle(hostile);
    }
}

static void other_life(struct hostile *hostile, uint64_t *word)
{
    *word = endpoint_make(endpoint_slot(hostile->self), endpoint_generation(hostile->self) + 1);
}

static void wrong_handle(struct hostile *hostile, uint64_t *word)
{
    *word = pick_wrong_handle(hostile);
}

static void not_a_region(struct hostile *hostile, uint64_t *word)
{
    *word = chance_one_in(&hostile->chance, 2) ? hostile->grant : pick_wrong_handle(hostile);
}

static void not_writable(struct hostile *hostile, uint64_t *word)
{
    *word = pick_wrong_address(hostile, true);
}

static void not_readable(struct hostile *hostile, uint64_t *word)
{
    *word = pick_wrong_address(hostile, false);
}

static void beyond_user_space(struct hostile *hostile, uint64_t *word)
{
    *word = chance_next(&hostile->chance) | USER_END;
}

static void own_arena(struct hostile *hostile, uint64_t *word)
{
    *word = (uintptr_t)hostile->arena;
}

/* An array of zeros, or an unreadable one. */
static void bad_array(struct hostile *hostile, uint64_t *word)
{
    *word = chance_one_in(&hostile->chance, 2) ? (uintptr_t)hostile->arena + ARENA_BYTES - PAGE_SIZE
                                               : pick_wrong_address(hostile, false);
}

static void no_hart(struct hostile *hostile, uint64_t *word)
{
    (void)hostile;
    *word = 1ul << info_page()->harts;
}

/* ---- the table ---- */

#define VALUES(...)                                                                                \
    .count = sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), .value = {__VA_ARGS__}
#define PICK(function) .pick = (function)
#define TOO_LONG USER_END + 1, 1ul << 63, ~0ul, ~0ul - 4095

/* clang-format off */
static const struct kind kinds[] = {
    [ANY] = {.right = {PICK(anything)}},
    [PEER] = {{PICK(right_peer)}, {PICK(nobody)}},
    [INFO_OF] = {{PICK(right_peer), VALUES(ENDPOINT_SELF)},
                 {PICK(other_life), VALUES(ENDPOINT_KERNEL, ENDPOINT_NONE)}},
    [COUNTED] = {{PICK(right_peer), VALUES(ENDPOINT_SELF, ENDPOINT_KERNEL)}, {PICK(nobody)}},
    [GRANT_OF] = {{PICK(right_grant)}, {PICK(wrong_pair)}},
    [REGION_OF] = {{PICK(right_region)}, {PICK(wrong_pair)}},
    [OWN_REGION] = {{PICK(own_region)}, {PICK(not_a_region)}},
    [BAD_HANDLE] = {.wrong = {PICK(wrong_handle)}},
    [GRANTED] = {{PICK(granted_offset)},
                 {VALUES(GRANTED_BYTES, GRANTED_BYTES + 1, 1ul << 63, ~0ul, ~0ul - 4095)}},
    [LENGTH] = {{PICK(some_length), VALUES(1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 16383,
                                           16384, 16385)},
                {VALUES(TOO_LONG, ~0ul >> 1)}},
    [MAPPED] = {{PICK(some_pages), VALUES(1, PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE,
                                          64 * PAGE_SIZE - 1, 64 * PAGE_SIZE, 64 * PAGE_SIZE + 1)},
                {VALUES(0, 1ul << 40, TOO_LONG)}},
    [PAGES_AT] = {{VALUES(0, PAGE_SIZE)},
                  {VALUES(1, PAGE_SIZE - 1, REGION_BYTES, 1ul << 63, ~0ul << 12, ~0ul)}},
    [PAGES_LEN] = {{PICK(length_in_region)}, {VALUES(0, REGION_BYTES + 1, TOO_LONG)}},
    [TARGET] = {{PICK(own_target)}, {PICK(not_writable)}},
    [EITHER] = {{PICK(own_target)}, {PICK(not_readable)}},
    [SOURCE] = {{PICK(own_source)}, {PICK(not_readable)}},
    [USER_PLACE] = {{PICK(user_place)}, {PICK(beyond_user_space)}},
    [CHOSEN] = {{VALUES(0)}, {PICK(own_arena), VALUES(1, USER_TEXT_BASE, USER_INFO_PAGE, USER_END,
                                                      1ul << 63, ~0ul << 12, ~0ul)}},
    [BAD_ARRAY] = {.wrong = {PICK(bad_array)}},
    [BAD_COUNT] = {.wrong = {VALUES(1, 2, 64, 4096, 4097, 1ul << 32, 1ul << 63, ~0ul)}},
    [BIT] = {{PICK(own_bit)},
             {VALUES(NOTIFY_OWN_BITS, NOTIFY_STOP, NOTIFY_DEATH, 64, 1ul << 32, ~0ul)}},
    [MAP_PROT] = {{VALUES(PROT_READ_BIT, PROT_READ_BIT | PROT_WRITE_BIT,
                          PROT_READ_BIT | PROT_EXEC_BIT, PROT_EXEC_BIT)},
                  {VALUES(0, 6, 7, 8, 1ul << 32 | 1, ~0ul)}},
    [REGION_PROT] = {{VALUES(1, 2, 3)}, {VALUES(0, 4, 5, 8, 1ul << 32 | 1, ~0ul)}},
    [OFFER_PROT] = {{VALUES(1, 2, 3)}, {VALUES(0, 4, 7, 8, 1ul << 32 | 1, ~0ul)}},
    [ACCESS] = {{VALUES(1, 2, 3)}, {VALUES(0, 4, 7, 8, 1ul << 32 | 1, ~0ul)}},
    [DMA_WAY] = {{VALUES(1, 2, 3)}, {VALUES(0, 4, 7, 8, 1ul << 32 | 1, ~0ul)}},
    [COPY_WAY] = {{VALUES(0, 1)}, {VALUES(2, 3, 1ul << 32, 1ul << 63, ~0ul)}},
    [FLAGS] = {{VALUES(0, 1)}, {VALUES(2, 3, 1ul << 32, 1ul << 63, ~0ul)}},
    [NO_FLAG] = {{VALUES(0)}, {VALUES(2, 3, 1ul << 32, 1ul << 63, ~0ul)}},
    [ROOM] = {{PICK(enough_room)}, {VALUES(0)}},
    [HARTS] = {{PICK(last_hart), VALUES(0, 1, ~0ul)}, {PICK(no_hart), VALUES(1ul << 63)}},
    [CODE] = {.right = {PICK(thread_code)}},
    [BAD_CAUSE] = {.wrong = {VALUES(0, 4, 10, 16, DEATH_CAUSES, 1ul << 32 | 1, ~0ul)}},
    [LEVEL] = {{VALUES(LOG_DEBUG)}, {VALUES(4, 1ul << 32, ~0ul)}},
    [NOTHING] = {.right = {VALUES(0)}},
    [SLOT] = {{PICK(own_slot)}, {VALUES(0, ENDPOINT_SLOTS, 1ul << 32, 1ul << 32 | 5, ~0ul)}},
};
/* clang-format on */

static bool has_values(const struct values *values)
{
    return values->pick != NULL || values->count > 0;
}

static void choose(struct hostile *hostile, const struct values *values, uint64_t *word)
{
    if (values->count == 0 || (values->pick != NULL && chance_one_in(&hostile->chance, 2)))
        values->pick(hostile, word);
    else
        *word = values->value[chance_below(&hostile->chance, values->count)];
}

bool argument_has_right(enum argument argument)
{
    return has_values(&kinds[argument].right);
}

bool argument_has_wrong(enum argument argument)
{
    return has_values(&kinds[argument].wrong);
}

void argument_right(struct hostile *hostile, enum argument argument, uint64_t *word)
{
    choose(hostile, &kinds[argument].right, word);
}

void argument_wrong(struct hostile *hostile, enum argument argument, uint64_t *word)
{
    choose(hostile, &kinds[argument].wrong, word);
}
