/*
 * What the operations of a seed are: see fstest_operation.h.
 */
#include "fstest_operation.h"

#include "chance.h"
#include "fstest_model.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LEN_SMALL 8192u
#define POSITION_SMALL 65536u
#define POSITION_LARGE 524288u
#define POSITION_BIG (5ull << 30)

/* How often each one comes. */
static const uint8_t weights[OPERATION_KINDS] = {
    [OPERATION_OPEN] = 12,  [OPERATION_CLOSE] = 4,    [OPERATION_READ] = 8,
    [OPERATION_WRITE] = 12, [OPERATION_SEEK] = 6,     [OPERATION_RESIZE] = 3,
    [OPERATION_FSTAT] = 2,  [OPERATION_FSYNC] = 1,    [OPERATION_MKDIR] = 8,
    [OPERATION_RMDIR] = 5,  [OPERATION_UNLINK] = 8,   [OPERATION_RENAME] = 10,
    [OPERATION_LINK] = 4,   [OPERATION_SYMLINK] = 3,  [OPERATION_READLINK] = 2,
    [OPERATION_STAT] = 4,   [OPERATION_TRUNCATE] = 3, [OPERATION_LIST] = 4,
    [OPERATION_PUT] = 8,    [OPERATION_CHECK] = 8,
};

static const char *const kind_names[OPERATION_KINDS] = {
    "open",     "close", "read",     "write",  "seek",   "ftruncate", "fstat",
    "fsync",    "mkdir", "rmdir",    "unlink", "rename", "link",      "symlink",
    "readlink", "stat",  "truncate", "list",   "put",    "check",
};

/* Few, so that they meet. */
static const char *const names[] = {
    "a", "b", "c", "d", "e", "with space", "\x01\xff\\\n*'", NULL, /* and one as long as can be */
};
#define NAMES (sizeof(names) / sizeof(names[0]))
#define DIRECTORY_NAMES 3u

enum likely { ANY, DIRECTORY, OTHER };

/* Some names are directories more often than others, so that much succeeds. */
static size_t put_name(char *path, struct chance *chance, enum likely likely)
{
    uint64_t dice = chance_below(chance, NAMES);

    if (likely == DIRECTORY && !chance_one_in(chance, 5))
        dice %= DIRECTORY_NAMES;
    else if (likely == OTHER && !chance_one_in(chance, 5))
        dice = DIRECTORY_NAMES + dice % (NAMES - DIRECTORY_NAMES);
    if (names[dice] != NULL)
        return (size_t)sprintf(path, "%s", names[dice]);
    memset(path, 'L', MODEL_NAME_MAX);
    path[MODEL_NAME_MAX] = '\0';
    return MODEL_NAME_MAX;
}

static void make_path(char *path, struct chance *chance, enum likely likely)
{
    unsigned dice = (unsigned)chance_below(chance, 10);
    unsigned above = dice < 4 ? 0 : dice < 8 ? 1 : 2;

    for (; above > 0; above--) {
        path += put_name(path, chance, DIRECTORY);
        *path++ = '/';
    }
    put_name(path, chance, likely);
}

/* Beside the link, above it, or below something beside it. */
static void make_target(char *target, struct chance *chance)
{
    unsigned dice = (unsigned)chance_below(chance, 3);

    if (dice == 0)
        target += sprintf(target, "../");
    target += put_name(target, chance, ANY);
    if (dice == 1) {
        *target++ = '/';
        put_name(target, chance, ANY);
    }
}

static int make_flags(struct chance *chance)
{
    static const int access[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR};
    int flags = access[chance_below(chance, 4)];

    if (chance_below(chance, 10) < 7)
        flags |= O_CREAT;
    if ((flags & O_CREAT) != 0 && chance_one_in(chance, 5))
        flags |= O_EXCL;
    if ((flags & O_ACCMODE) != O_RDONLY && chance_one_in(chance, 5))
        flags |= O_TRUNC;
    if (chance_one_in(chance, 6))
        flags |= O_APPEND;
    return flags;
}

static int64_t make_position(struct chance *chance, bool big)
{
    if (big && chance_one_in(chance, 4))
        return (int64_t)(POSITION_BIG + chance_below(chance, POSITION_SMALL));
    uint64_t below = chance_one_in(chance, 10) ? POSITION_LARGE : POSITION_SMALL;
    uint64_t position = chance_below(chance, below);
    return (int64_t)(chance_one_in(chance, 3) ? position & ~4095ull : position);
}

static size_t make_len(struct chance *chance)
{
    uint64_t below = chance_one_in(chance, 20) ? OPERATION_DATA_MAX : LEN_SMALL;
    uint64_t len = chance_below(chance, below);

    return (size_t)(chance_one_in(chance, 4) ? len & ~4095ull : len);
}

static enum operation_kind make_kind(struct chance *chance)
{
    unsigned total = 0, kind = 0;

    for (unsigned i = 0; i < OPERATION_KINDS; i++)
        total += weights[i];
    uint64_t dice = chance_below(chance, total);
    for (; dice >= weights[kind]; kind++)
        dice -= weights[kind];
    return (enum operation_kind)kind;
}

void operation_make(struct operation *operation, uint64_t seed, uint32_t number, bool big)
{
    static const enum likely likely[OPERATION_KINDS] = {
        [OPERATION_OPEN] = OTHER,      [OPERATION_PUT] = OTHER,       [OPERATION_UNLINK] = OTHER,
        [OPERATION_LINK] = OTHER,      [OPERATION_SYMLINK] = OTHER,   [OPERATION_READLINK] = OTHER,
        [OPERATION_MKDIR] = DIRECTORY, [OPERATION_RMDIR] = DIRECTORY, [OPERATION_LIST] = DIRECTORY,
        [OPERATION_TRUNCATE] = OTHER,  [OPERATION_CHECK] = OTHER,
    };
    struct chance chance = chance_make(seed, number);

    operation->kind = make_kind(&chance);
    operation->slot = (unsigned)chance_below(&chance, OPERATION_SLOTS);
    operation->flags = make_flags(&chance);
    operation->whence = (int[]){SEEK_SET, SEEK_CUR, SEEK_END}[chance_below(&chance, 3)];
    operation->position = make_position(&chance, big);
    operation->len = make_len(&chance);
    operation->data = chance_next(&chance);
    make_path(operation->path, &chance, likely[operation->kind]);
    if (operation->kind == OPERATION_SYMLINK)
        make_target(operation->other, &chance);
    else
        make_path(operation->other, &chance, likely[operation->kind]);
    /* From where it is or from the end, it goes both ways. */
    if (operation->whence != SEEK_SET && chance_one_in(&chance, 2))
        operation->position = -operation->position;
}

void operation_bytes(uint64_t data, uint8_t *bytes, size_t len)
{
    struct chance chance = {.state = data};

    for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
        uint64_t word = chance_next(&chance);
        size_t left = len - i;

        memcpy(bytes + i, &word, left < sizeof(word) ? left : sizeof(word));
    }
}

char *path_quote(const char *path, char *text, size_t size)
{
    char *to = text, *end = text + size;

    for (*to++ = '"'; *path != '\0' && end - to > 8; path++) {
        size_t longs = strspn(path, "L");

        if (longs == 255) {
            to += sprintf(to, "L*255");
            path += longs - 1;
        } else if (isprint((unsigned char)*path) && *path != '"' && *path != '\\') {
            *to++ = *path;
        } else {
            to += sprintf(to, "\\x%02x", (unsigned char)*path);
        }
    }
    *to++ = '"';
    *to = '\0';
    return text;
}

static const char *flags_text(int flags, char text[40])
{
    static const char *const access[] = {"rdonly", "wronly", "rdwr"};
    int mode = flags & O_ACCMODE;

    snprintf(text, 40, "%s%s%s%s%s",
             access[mode == O_RDONLY   ? 0
                    : mode == O_WRONLY ? 1
                                       : 2],
             (flags & O_CREAT) != 0 ? "|creat" : "", (flags & O_EXCL) != 0 ? "|excl" : "",
             (flags & O_TRUNC) != 0 ? "|trunc" : "", (flags & O_APPEND) != 0 ? "|append" : "");
    return text;
}

const char *operation_text(const struct operation *operation, char *text, size_t size)
{
    static const char *const whences[] = {
        [SEEK_SET] = "set", [SEEK_CUR] = "cur", [SEEK_END] = "end"};
    enum operation_kind kind = operation->kind;
    char first[200] = "", second[200] = "", flags[40] = "", number[40] = "", slot[8] = "";

    if (kind >= OPERATION_MKDIR || kind == OPERATION_OPEN)
        path_quote(operation->path, first, sizeof(first));
    if (kind <= OPERATION_FSYNC)
        snprintf(slot, sizeof(slot), " #%u", operation->slot);
    if (kind >= OPERATION_RENAME && kind <= OPERATION_SYMLINK)
        path_quote(operation->other, second, sizeof(second));
    if (kind == OPERATION_OPEN)
        flags_text(operation->flags, flags);
    if (kind == OPERATION_SEEK || kind == OPERATION_RESIZE || kind == OPERATION_TRUNCATE)
        snprintf(number, sizeof(number), "%s %lld",
                 kind == OPERATION_SEEK ? whences[operation->whence] : "to",
                 (long long)operation->position);
    if (kind == OPERATION_READ || kind == OPERATION_WRITE || kind == OPERATION_PUT)
        snprintf(number, sizeof(number), "%zu bytes", operation->len);
    snprintf(text, size, "%s%s %s %s%s%s", kind_names[kind], slot, first, second, flags, number);
    return text;
}
