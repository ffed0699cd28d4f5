/*
 * malice: deeds that a process must die of, at once and with the right cause on its record: loads,
 * stores and jumps where it has nothing, instructions that aren't its to execute, calls that there
 * aren't, and ends of its own choice.
 */
#include "malice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSTRUCTION_BYTES 8u
extern const char malice_instructions[], malice_instructions_end[];

enum deed_kind {
    DEED_LOAD,
    DEED_STORE,
    DEED_JUMP,
    DEED_INSTRUCTION,
    DEED_ATOMIC, /* misaligned */
    DEED_BREAKPOINT,
    DEED_OVERFLOW,
    DEED_BAD_CALL,
    DEED_EXIT,
    DEED_THREAD_EXIT, /* of the main thread */
    DEED_THREAD_LOAD, /* by another thread */
    DEED_THREAD_JUMP, /* a thread that begins nowhere */
    DEEDS,
};

/* What is to be done, and what its record must say. */
struct deed {
    enum deed_kind kind;
    uint64_t word;   /* an address, a number; DEED_EXIT: the detail */
    uint64_t second; /* DEED_EXIT: the cause */
    enum death_cause cause;
    bool detail_known; /* it is `word` */
};

/* Nothing of it is anybody's in user mode. */
static const uint64_t nowhere[] = {
    0,
    8,
    PAGE_SIZE,
    USER_TEXT_BASE - 8,
    USER_MAP_END - PAGE_SIZE,
    USER_END - 8,
    USER_END,
    0x0c000000,           /* the interrupt controller, were it mapped */
    0x10000000,           /* a device */
    0x80000000,           /* the firmware */
    0x80200000,           /* the kernel */
    0xffffffc000000000ul, /* the kernel's map of all memory */
    0xffffffc080200000ul, /* its text in there */
    0xffffffc0c0000000ul,
    1ul << 63,
    ~0ul - 7,
};

/* Readable, but not to be written; and neither to be executed but the first. */
static const uint64_t read_only[] = {
    USER_TEXT_BASE,
    (uintptr_t)nowhere,
    USER_INFO_PAGE,
    USER_STARTUP_PAGE,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t pick_nowhere(struct chance *chance)
{
    if (chance_one_in(chance, 4)) /* above all that this process has, whatever it is */
        return (chance_next(chance) | 1ul << 40) & ~7ul;
    return nowhere[chance_below(chance, COUNT(nowhere))];
}

/* Details of deeds that depend on an address. */
static struct deed pick_place(struct chance *chance, enum deed_kind kind)
{
    static uint8_t data[16] __attribute__((aligned(16)));
    struct deed deed = {.kind = kind, .word = pick_nowhere(chance), .detail_known = true};
    bool special = chance_one_in(chance, 3);

    switch (kind) {
    case DEED_STORE:
        deed.cause = DEATH_STORE_FAULT;
        if (special)
            deed.word = read_only[chance_below(chance, COUNT(read_only))];
        break;
    case DEED_JUMP:
    case DEED_THREAD_JUMP:
        deed.cause = DEATH_FETCH_FAULT;
        if (special)
            deed.word = chance_one_in(chance, 2)
                            ? (uintptr_t)data
                            : read_only[1 + chance_below(chance, COUNT(read_only) - 1)];
        deed.word &= ~1ul;
        break;
    default:
        deed.cause = DEATH_LOAD_FAULT;
    }
    return deed;
}

static struct deed pick_deed(struct chance *chance)
{
    static const uint64_t no_calls[] = {
        0, SYS_IPC_NOTIFY + 1, 64, 1ul << 32 | SYS_IPC_CALL, 1ul << 63, ~0ul};
    enum deed_kind kind = (enum deed_kind)chance_below(chance, DEEDS);
    struct deed deed = {.kind = kind};

    switch (kind) {
    case DEED_INSTRUCTION:
        deed.word = chance_below(chance, (uint64_t)(malice_instructions_end - malice_instructions) /
                                             INSTRUCTION_BYTES);
        deed.cause = DEATH_ILLEGAL;
        break;
    case DEED_ATOMIC:
        deed.cause = DEATH_MISALIGNED;
        break;
    case DEED_BREAKPOINT:
        deed.cause = DEATH_BREAKPOINT;
        break;
    case DEED_OVERFLOW:
        deed.cause = DEATH_STORE_FAULT;
        break;
    case DEED_BAD_CALL:
        deed.word = no_calls[chance_below(chance, COUNT(no_calls))];
        deed.cause = DEATH_BAD_CALL;
        deed.detail_known = true;
        break;
    case DEED_EXIT:
        deed.word = chance_magnitude(chance);
        deed.second = DEATH_EXIT + chance_below(chance, 3);
        deed.cause = (enum death_cause)deed.second;
        deed.detail_known = true;
        break;
    case DEED_THREAD_EXIT:
        deed.cause = DEATH_EXIT;
        deed.detail_known = true; /* 0 */
        break;
    default:
        return pick_place(chance, kind);
    }
    return deed;
}

/* ---- the child ---- */

static void load_from(void *argument)
{
    (void)*(volatile uint64_t *)argument;
}

static void misaligned_atomic(void)
{
    static uint64_t words[2];
    uintptr_t address = (uintptr_t)words + 1;

    __asm__ volatile("amoadd.d zero, zero, (%0)" ::"r"(address) : "memory");
}

static void overflow_stack(void)
{
    __asm__ volatile("1: addi sp, sp, -16\n sd zero, 0(sp)\n j 1b");
}

static void call_at(uint64_t address)
{
    /* Through an integer: it isn't a function that is there. */
    void (*nothing)(void) = (void (*)(void))(uintptr_t)address;

    nothing();
}

static void bad_call(uint64_t number)
{
    static struct registers registers;

    registers.x[5] = number;
    registers_call(&registers);
}

static void commit(const struct deed *deed)
{
    struct message message = {.word = {deed->second, deed->word}};
    struct message jump = {.word = {deed->word, 0, 0, 0, 0}};
    endpoint_t thread;

    switch (deed->kind) {
    case DEED_LOAD:
        load_from((void *)deed->word);
        break;
    case DEED_STORE:
        *(volatile uint64_t *)deed->word = 1;
        break;
    case DEED_JUMP:
        call_at(deed->word);
        break;
    case DEED_INSTRUCTION:
        call_at((uintptr_t)malice_instructions + deed->word * INSTRUCTION_BYTES);
        break;
    case DEED_ATOMIC:
        misaligned_atomic();
        break;
    case DEED_BREAKPOINT:
        __asm__ volatile("ebreak");
        break;
    case DEED_OVERFLOW:
        overflow_stack();
        break;
    case DEED_BAD_CALL:
        bad_call(deed->word);
        break;
    case DEED_EXIT:
        (void)kcall(KCALL_EXIT, &message);
        break;
    case DEED_THREAD_EXIT:
        (void)kcall(KCALL_THREAD_EXIT, &message);
        break;
    case DEED_THREAD_LOAD:
        (void)thread_start(load_from, (void *)deed->word, PAGE_SIZE, 0, &thread);
        sleep_us(PATIENCE_US);
        break;
    default:
        (void)kcall(KCALL_THREAD_CREATE, &jump);
        sleep_us(PATIENCE_US);
    }
}

/* Who survives its deed says so by its exit status. */
int die_main(int argc, char *argv[])
{
    if (argc != 4)
        return 2;
    struct chance chance = chance_make(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
    struct deed deed = pick_deed(&chance);
    commit(&deed);
    return 99;
}

/* ---- the one who looks ---- */

bool death_is_right(uint64_t seed, uint64_t n)
{
    struct chance chance = chance_make(seed, n);
    struct deed deed = pick_deed(&chance);
    char seed_text[24], n_text[24];
    const char *const argv[] = {chance_one_in(&chance, 4) ? DRIVER_PROGRAM : test_name, "--die",
                                seed_text, n_text, NULL};
    enum death_cause cause = DEATH_NONE;
    uint64_t detail = 0;
    endpoint_t child;

    snprintf(seed_text, sizeof(seed_text), "%lu", (unsigned long)seed);
    snprintf(n_text, sizeof(n_text), "%lu", (unsigned long)n);
    int status = program_spawn(argv, false, &child);
    if (status == 0)
        status = program_wait(child, &cause, &detail);
    if (status == 0 && cause == deed.cause && (!deed.detail_known || detail == deed.word))
        return true;
    printf("FAIL deaths, seed %s, deed %s (kind %u, 0x%lx): promised \"%s\", got %s \"%s\" 0x%lx\n",
           seed_text, n_text, (unsigned)deed.kind, (unsigned long)deed.word,
           death_cause_text(deed.cause), anole_error_text(status), death_cause_text(cause),
           (unsigned long)detail);
    return false;
}
