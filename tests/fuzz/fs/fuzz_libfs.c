/*
 * libfs and the memory file system under messages made of the input: of vfs through the channel, of two
 * programs, deaths of vfs and of programs, and the server's own. Nothing may crash or leak, and every request
 * is answered; paths are short and made of few names, so that they often lead somewhere.
 */
#include "../input.h"
#include "../require.h"

#include "tests/host/libfs_mem.h"

#include <libanole/anole.h>
#include <libcoro/coro.h>
#include <string.h>

#define MOUNTS 4u
#define RESTARTS 20u

static char buffer[8192];

/* Pieces that paths are made of. */
static size_t path_make(struct input *input, char *path, size_t room)
{
    static const char *const pieces[] = {"a",   "b",    "/",  "..", ".",
                                         "dir", "link", "//", "/a", "\xff"};
    size_t len = 0;

    for (unsigned i = input_byte(input) % 8; i > 0; i--) {
        const char *piece = pieces[input_byte(input) % (sizeof(pieces) / sizeof(pieces[0]))];
        if (len + strlen(piece) > room)
            break;
        memcpy(path + len, piece, strlen(piece));
        len += strlen(piece);
    }
    return len;
}

static uint64_t word_make(struct input *input)
{
    uint8_t kind = input_byte(input);

    switch (kind % 6) {
    case 0:
        return ~(uint64_t)0;
    case 1:
        return (uint64_t)1 << (input_byte(input) % 64);
    case 2:
        return input_byte(input) * (uint64_t)4096;
    default:
        return kind / 6;
    }
}

static void of_vfs(struct input *input)
{
    char path[256], second[256];
    struct path_call call = {
        .mount = input_byte(input) % 8 ? 1 : (uint32_t)word_make(input),
        .node = input_byte(input) % 4 ? 0 : word_make(input) | (uint64_t)1 << 32,
        .flags = word_make(input),
        .word6 = input_byte(input) % 2 ? world_root : word_make(input),
        .text = path,
        .second = second,
        .origin = input_byte(input) % 8 ? ALICE : (endpoint_t)word_make(input),
        .number = input_byte(input),
    };
    struct message reply;
    uint32_t type = FS_MOUNT + input_byte(input) % 13;

    if (type == FS_MOUNTPOINT) /* what is mounted there couldn't be unmounted at the end */
        type = FS_LOOKUP;
    if (type == FS_MOUNT)
        call.mount = input_byte(input) % MOUNTS;
    call.text_len = path_make(input, path, sizeof(path));
    call.second_len = path_make(input, second, sizeof(second));
    if (input_byte(input) % 2) /* something that makes sense */
        call.flags = type == FS_MAKE
                         ? FS_MODE(input_byte(input) % 2 ? FS_TYPE_DIRECTORY : FS_TYPE_LINK, 0755)
                     : type == FS_OPEN ? (uint64_t)(3 | (input_byte(input) & 0x7c))
                                       : input_byte(input) % 2;
    if (call.text_len == 0)
        call.text = NULL;
    if (call.second_len == 0)
        call.second = NULL;
    int status = path_call(type, &call, &reply);
    REQUIRE(status <= 0);
    if (status == 0 && reply.word[6] != 0 && type != FS_MOUNT)
        REQUIRE(reply.word[6] >> 8 <= call.text_len);
}

static void of_program(struct input *input)
{
    static const uint32_t requests[] = {FS_READ,  FS_WRITE,   FS_SEEK,    FS_STAT,
                                        FS_CLOSE, FS_OFFER,   FS_TAKE,    FS_SYNC,
                                        FS_SET,   FS_ENTRIES, FS_TRUNCATE};
    endpoint_t process = input_byte(input) % 2 ? ALICE : BOB;
    uint32_t type = requests[input_byte(input) % (sizeof(requests) / sizeof(requests[0]))];
    handle_t grant = fake_grant(ALICE, buffer, sizeof(buffer), input_byte(input) % 4);
    uint64_t file = (uint64_t)(input_byte(input) % 4 + 1) << 12 | input_byte(input) % 4;
    uint64_t word[5] = {input_byte(input) % 8 ? file : word_make(input),
                        input_byte(input) % 8 ? grant : word_make(input), word_make(input),
                        word_make(input), input_byte(input) % 2 ? FS_HERE : word_make(input)};

    REQUIRE(file_call_numbered(process, type, input_byte(input), word) <= 0);
}

static void world_again(void)
{
    struct message reply;

    fake_process_die(ALICE);
    fake_process_die(BOB);
    fs_server_notified(NOTIFY_BIT(FIRST_BIT));
    struct path_call call = {0};
    for (call.mount = 1; call.mount < MOUNTS; call.mount++)
        (void)path_call(FS_UNMOUNT, &call, &reply); /* or it isn't there */
    REQUIRE(coro_count() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    unsigned restarts = 0;

    mem_start();
    for (unsigned i = 0; i < 200 && input.len > 0; i++) {
        uint8_t what = input_byte(&input);
        if (what < 128)
            of_vfs(&input);
        else if (what < 250)
            of_program(&input);
        else if (restarts++ < RESTARTS) /* the world has room for so many */
            world_vfs_restart();
    }
    world_again();
    world_end();
    return 0;
}
