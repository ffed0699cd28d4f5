/*
 * The group raw: open files, with grants and offsets that are right, and such as nobody should use.
 */
#include "fstest_raw.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define POSITION_MAX 200000u
#define NO_GRANT 0xdeadbeefu

static uint8_t memory[RAW_BUFFER], expected[RAW_BUFFER];

static struct raw_file *any_file(struct raw *raw)
{
    return &raw->files[chance_below(&raw->chance, RAW_FILES)];
}

/* A request for the file; for one that isn't open, with a number that is none of ours. */
static struct raw_request request_for(struct raw *raw, const struct raw_file *file, uint32_t type,
                                      struct verdict *verdict)
{
    struct raw_request request = {.type = type};

    if (file->node != NULL) {
        request.service = file->service;
        request.word[0] = file->number;
        return request;
    }
    may_fail(verdict, EBADF);
    request.service = raw->service;
    request.word[0] = chance_magnitude(&raw->chance);
    for (unsigned i = 0; i < RAW_FILES; i++) {
        if (raw->files[i].node != NULL && raw->files[i].number == request.word[0])
            request.word[0] = ~request.word[0];
    }
    return request;
}

/* ---- open, close ---- */

static bool close_now(struct raw *raw, struct raw_file *file)
{
    struct verdict verdict = {0};
    struct message answer;
    struct raw_request request = request_for(raw, file, FS_CLOSE, &verdict);
    int status = raw_ask(raw, &request, &answer);

    if (file->node == NULL)
        return status == -ANOLE_EBADF || fail(&raw->stage, "close of none: %d", status);
    model_close(file->node);
    file->node = NULL;
    /* Asked again after a death, what is closed is closed. */
    return status == 0 || status == -ANOLE_EBADF || fail(&raw->stage, "close: %d", status);
}

bool raw_close(struct raw *raw)
{
    return close_now(raw, any_file(raw));
}

static uint64_t make_flags(struct raw *raw)
{
    static const uint64_t access[] = {FS_O_READ, FS_O_WRITE, FS_O_READ | FS_O_WRITE};
    uint64_t flags = access[chance_below(&raw->chance, 3)];

    if (!chance_one_in(&raw->chance, 3))
        flags |= FS_O_CREATE;
    if ((flags & FS_O_CREATE) != 0 && chance_one_in(&raw->chance, 3))
        flags |= FS_O_EXCLUSIVE;
    if ((flags & FS_O_WRITE) != 0 && chance_one_in(&raw->chance, 5))
        flags |= FS_O_TRUNCATE;
    return chance_one_in(&raw->chance, 3) ? flags | FS_O_APPEND : flags;
}

static void judge_open(const struct raw *raw, const char *path, uint64_t flags, struct place *place,
                       struct verdict *verdict)
{
    int error = model_walk(raw->stage.root, path, true, place);

    may_fail(verdict, error);
    if (error)
        return;
    if (place->node == NULL) {
        may_fail(verdict, (flags & FS_O_CREATE) == 0 ? ENOENT : 0);
        return;
    }
    may_fail(verdict, (flags & FS_O_EXCLUSIVE) != 0 ? EEXIST : 0);
    if (place->node->kind == NODE_DIRECTORY)
        may_fail(verdict, EISDIR);
}

/* Directories are raw_list's. */
bool raw_open(struct raw *raw)
{
    struct raw_file *file = any_file(raw);
    struct raw_request request = {.type = VFS_OPEN};
    uint64_t flags = make_flags(raw);
    struct verdict verdict = {0};
    struct message answer;
    struct place place;
    char path[8];

    judge_open(raw, raw_path_make(raw, path), flags, &place, &verdict);
    if (verdict.count == 1 && verdict.errors[0] == EISDIR && (flags & FS_O_WRITE) == 0)
        return true;
    if (file->node != NULL && !close_now(raw, file))
        return false;
    raw_paths(raw, &request, path, NULL);
    request.word[2] = flags | 0644ull << 32;
    if (!raw_ask_judged(raw, &request, 1, &verdict, &answer))
        return false;
    if (verdict.count > 0)
        return true;
    if (place.node == NULL) {
        place.node = model_node(NODE_FILE);
        model_add(place.directory, place.name, place.node);
    }
    if ((flags & FS_O_TRUNCATE) != 0)
        model_truncate(place.node, 0);
    model_open(place.node);
    *file = (struct raw_file){.node = place.node, .number = answer.word[1], .flags = flags};
    rs_name_unpack(file->service, &answer.word[3]);
    return true;
}

/* ---- reading and writing ---- */

/* What of a transfer's words is wrong. */
enum wrong { NOTHING, HANDLE, DIRECTION, SHORT, OFFSET, POSITION, WRONGS };

struct transfer {
    struct raw_request request;
    struct verdict verdict;
    enum wrong wrong;
    uint64_t len, offset, room; /* room: bytes of the grant from the offset on */
    uint64_t position;
    bool here;
};

static void spoil(struct raw *raw, struct transfer *transfer, bool writes, bool moves)
{
    struct raw_request *request = &transfer->request;

    switch (transfer->wrong) {
    case HANDLE:
        request->grant[0].bytes = NULL;
        request->word[1] = chance_one_in(&raw->chance, 2) ? NO_GRANT
                                                          : chance_magnitude(&raw->chance);
        may_fail(&transfer->verdict, moves ? EIO : 0); /* errno has no EBADHANDLE */
        break;
    case DIRECTION:
        request->grant[0].access = writes ? GRANT_WRITE : GRANT_READ;
        may_fail(&transfer->verdict, moves ? EPERM : 0);
        break;
    case SHORT:
        transfer->room = 1 + chance_below(&raw->chance, transfer->len);
        request->grant[0].len = transfer->offset + transfer->room;
        break;
    case OFFSET:
        request->word[2] = UINT64_MAX - chance_below(&raw->chance, transfer->len);
        may_fail(&transfer->verdict, EINVAL);
        break;
    case POSITION:
        request->word[4] = UINT64_MAX - 1 - chance_below(&raw->chance, 1ull << 62);
        may_fail(&transfer->verdict, EINVAL);
        break;
    default:
        break;
    }
}

static struct transfer transfer_make(struct raw *raw, const struct raw_file *file, bool writes)
{
    struct transfer transfer = {.len = 1 + chance_below(&raw->chance, RAW_BUFFER / 2),
                                .offset = chance_below(&raw->chance, RAW_BUFFER / 2),
                                .here = chance_one_in(&raw->chance, 2)};
    struct raw_request *request = &transfer.request;
    uint64_t needs = writes ? FS_O_WRITE : FS_O_READ;

    *request = request_for(raw, file, writes ? FS_WRITE : FS_READ, &transfer.verdict);
    transfer.position = transfer.here ? file->position : chance_below(&raw->chance, POSITION_MAX);
    transfer.room = transfer.len;
    request->word[2] = transfer.offset;
    request->word[3] = transfer.len;
    request->word[4] = transfer.here ? FS_HERE : transfer.position;
    request->grant[0] = (struct raw_grant){memory, transfer.offset + transfer.len,
                                           writes ? GRANT_READ : GRANT_WRITE, 1};
    if (file->node != NULL && (file->flags & needs) == 0)
        may_fail(&transfer.verdict, EBADF);
    if (file->node != NULL && writes && (file->flags & FS_O_APPEND) != 0) {
        transfer.position = file->node->size;
        transfer.here = true;
    }
    if (chance_one_in(&raw->chance, 3))
        transfer.wrong = 1 + (enum wrong)chance_below(&raw->chance, WRONGS - 1);
    bool moves = file->node != NULL && (writes || transfer.position < file->node->size);
    spoil(raw, &transfer, writes, moves);
    return transfer;
}

/* The error that a grant which is too short may be answered with: then nothing of it counts. */
static bool ask_short(struct raw *raw, struct transfer *transfer, uint64_t *count)
{
    struct message answer;
    int status = raw_ask(raw, &transfer->request, &answer);

    *count = status == 0 ? answer.word[0] : 0;
    if (status != 0 && status != -ANOLE_ERANGE)
        return fail(&raw->stage, "a short grant: %d", status);
    return *count <= transfer->room ||
           fail(&raw->stage, "%" PRIu64 " bytes through a grant of %" PRIu64, *count,
                transfer->room);
}

static bool ask_transfer(struct raw *raw, struct transfer *transfer, uint64_t possible,
                         uint64_t *count)
{
    struct message answer = {0};

    *count = 0;
    if (transfer->verdict.count == 0 && possible > transfer->room)
        return ask_short(raw, transfer, count);
    if (!raw_ask_judged(raw, &transfer->request, 0, &transfer->verdict, &answer))
        return false;
    if (transfer->verdict.count > 0)
        return true;
    *count = answer.word[0];
    return *count == possible ||
           fail(&raw->stage, "%" PRIu64 " bytes, expected %" PRIu64, *count, possible);
}

bool raw_read(struct raw *raw)
{
    struct raw_file *file = any_file(raw);
    struct transfer transfer = transfer_make(raw, file, false);
    uint64_t size = file->node != NULL ? file->node->size : 0;
    uint64_t left = transfer.position < size ? size - transfer.position : 0;
    uint64_t count;

    if (!ask_transfer(raw, &transfer, left < transfer.len ? left : transfer.len, &count))
        return false;
    if (count == 0)
        return true;
    model_read(file->node, transfer.position, expected, count);
    if (memcmp(memory + transfer.offset, expected, count) != 0)
        return fail(&raw->stage, "wrong bytes at %" PRIu64, transfer.position);
    if (transfer.here)
        file->position = transfer.position + count;
    return true;
}

/* After a grant that was too short, what it had may be in the file beyond what counts: what is
 * there now is the one or the other byte. */
static bool settle(struct raw *raw, struct raw_file *file, const struct transfer *transfer,
                   uint64_t count)
{
    static uint8_t found[RAW_BUFFER];
    uint64_t end = transfer->position + transfer->room;
    uint64_t from = transfer->position + count;
    struct message answer;

    end = end < file->node->size ? end : file->node->size;
    if (from >= end)
        return true;
    uint64_t len = end - from;
    struct raw_request request = {.service = file->service,
                                  .type = FS_READ,
                                  .word = {file->number, 0, 0, len, from},
                                  .grant = {{found, len, GRANT_WRITE, 1}}};
    int status = raw_ask(raw, &request, &answer);
    if (status != 0 || answer.word[0] != len)
        return fail(&raw->stage, "read back: %d", status);
    model_read(file->node, from, expected, len);
    for (uint64_t i = 0; i < len; i++) {
        if (found[i] != expected[i] && found[i] != memory[transfer->offset + count + i])
            return fail(&raw->stage, "byte %" PRIu64 " is neither what it was nor what was written",
                        from + i);
    }
    model_write(file->node, from, found, len);
    return true;
}

bool raw_write(struct raw *raw)
{
    struct raw_file *file = any_file(raw);
    struct transfer transfer = transfer_make(raw, file, true);
    uint64_t count;

    /* Such a file can't be looked at afterwards. */
    if (transfer.wrong == SHORT && (file->flags & FS_O_READ) == 0)
        return true;
    operation_bytes(chance_next(&raw->chance), memory + transfer.offset, transfer.len);
    if (!ask_transfer(raw, &transfer, transfer.len, &count))
        return false;
    if (count > 0) {
        model_write(file->node, transfer.position, memory + transfer.offset, count);
        if (transfer.here)
            file->position = transfer.position + count;
    }
    return transfer.wrong != SHORT || transfer.verdict.count > 0 ||
           settle(raw, file, &transfer, count);
}

/* ---- the rest ---- */

bool raw_seek(struct raw *raw)
{
    struct raw_file *file = any_file(raw);
    struct verdict verdict = {0};
    struct message answer;
    struct raw_request request = request_for(raw, file, FS_SEEK, &verdict);
    uint64_t whence = chance_below(&raw->chance, 4), size = file->node ? file->node->size : 0;
    int64_t offset = (int64_t)chance_below(&raw->chance, POSITION_MAX) - POSITION_MAX / 4;
    int64_t base = whence == FS_SEEK_SET       ? 0
                   : whence == FS_SEEK_CURRENT ? (int64_t)file->position
                                               : (int64_t)size;

    request.word[1] = (uint64_t)offset;
    request.word[2] = whence;
    may_fail(&verdict, whence > FS_SEEK_END || base + offset < 0 ? EINVAL : 0);
    if (!raw_ask_judged(raw, &request, 0, &verdict, &answer))
        return false;
    if (verdict.count > 0)
        return true;
    file->position = (uint64_t)(base + offset);
    return answer.word[0] == file->position ||
           fail(&raw->stage, "position %" PRIu64 ", expected %" PRIu64, answer.word[0],
                file->position);
}

bool raw_truncate(struct raw *raw)
{
    struct raw_file *file = any_file(raw);
    struct verdict verdict = {0};
    struct message answer;
    struct raw_request request = request_for(raw, file, FS_TRUNCATE, &verdict);
    uint64_t len = chance_below(&raw->chance, POSITION_MAX);

    if (chance_one_in(&raw->chance, 8)) {
        len = UINT64_MAX - len;
        may_fail(&verdict, EFBIG);
    }
    if (file->node != NULL && (file->flags & FS_O_WRITE) == 0)
        may_fail(&verdict, EBADF);
    request.word[1] = len;
    if (!raw_ask_judged(raw, &request, RAW_NO_WORD, &verdict, &answer))
        return false;
    if (verdict.count == 0)
        model_truncate(file->node, len);
    return true;
}

bool raw_sync(struct raw *raw)
{
    struct raw_file *file = any_file(raw);
    struct verdict verdict = {0};
    struct message answer;
    struct raw_request request = request_for(raw, file, FS_SYNC, &verdict);

    return raw_ask_judged(raw, &request, RAW_NO_WORD, &verdict, &answer);
}
