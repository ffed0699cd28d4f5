/*
 * The group raw: requests to vfs about names, and directories entry by entry.
 */
#include "fstest_raw.h"

#include <errno.h>
#include <inttypes.h>
#include <libanole/internal.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 6u
#define SEEN_MAX 64u

static int find(struct raw *raw, const char *path, struct place *place, struct verdict *verdict)
{
    int error = model_walk(raw->stage.root, path, false, place);

    may_fail(verdict, error);
    return error;
}

static bool is_directory(const struct node *node)
{
    return node != NULL && node->kind == NODE_DIRECTORY;
}

bool raw_mkdir(struct raw *raw)
{
    struct raw_request request = {.type = VFS_MKDIR};
    struct verdict verdict = {0};
    struct message answer;
    struct place place;
    char path[8];
    int error = find(raw, raw_path_make(raw, path), &place, &verdict);

    may_fail(&verdict, error == 0 && place.node != NULL ? EEXIST : 0);
    if (error == 0 && model_depth(place.directory) >= DEPTH_MAX)
        return true;
    raw_paths(raw, &request, path, NULL);
    request.word[2] = 0755;
    if (!raw_ask_judged(raw, &request, RAW_NO_WORD, &verdict, &answer))
        return false;
    if (verdict.count == 0)
        model_add(place.directory, place.name, model_node(NODE_DIRECTORY));
    return true;
}

bool raw_remove(struct raw *raw)
{
    struct raw_request request = {.type = VFS_REMOVE};
    struct verdict verdict = {0};
    struct message answer;
    struct place place;
    char path[8];
    int error = find(raw, raw_path_make(raw, path), &place, &verdict);
    bool directory = chance_one_in(&raw->chance, 3);

    if (error == 0 && place.node == NULL)
        may_fail(&verdict, ENOENT);
    else if (error == 0 && directory != is_directory(place.node))
        may_fail(&verdict, directory ? ENOTDIR : EISDIR);
    else if (error == 0 && directory && place.node->entry_count > 0)
        may_fail(&verdict, ENOTEMPTY);
    raw_paths(raw, &request, path, NULL);
    request.word[2] = directory;
    if (!raw_ask_judged(raw, &request, RAW_NO_WORD, &verdict, &answer))
        return false;
    if (verdict.count == 0)
        model_remove(place.directory, place.name);
    return true;
}

static void judge_rename(struct verdict *verdict, const struct place *from, const struct place *to)
{
    bool moves = is_directory(from->node), onto = is_directory(to->node);

    if (moves && model_is_inside(to->directory, from->node))
        may_fail(verdict, EINVAL);
    if (to->node != NULL && moves != onto)
        may_fail(verdict, onto ? EISDIR : ENOTDIR);
    if (onto && to->node->entry_count > 0)
        may_fail(verdict, ENOTEMPTY);
}

bool raw_rename(struct raw *raw)
{
    struct raw_request request = {.type = VFS_RENAME};
    struct verdict verdict = {0};
    struct message answer;
    struct place from, to;
    char old[8], new[8];
    int error = find(raw, raw_path_make(raw, old), &from, &verdict);
    int to_error = find(raw, raw_path_make(raw, new), &to, &verdict);

    may_fail(&verdict, error == 0 && from.node == NULL ? ENOENT : 0);
    if (verdict.count == 0 && is_directory(from.node) &&
        model_depth(to.directory) + model_height(from.node) > DEPTH_MAX)
        return true;
    if (error == 0 && to_error == 0 && from.node != NULL && from.node != to.node)
        judge_rename(&verdict, &from, &to);
    raw_paths(raw, &request, old, new);
    if (!raw_ask_judged(raw, &request, RAW_NO_WORD, &verdict, &answer))
        return false;
    if (verdict.count > 0 || from.node == to.node)
        return true;
    if (to.node != NULL)
        model_remove(to.directory, to.name);
    model_add(to.directory, to.name, from.node);
    model_take(from.directory, from.name);
    return true;
}

bool raw_link(struct raw *raw)
{
    struct raw_request request = {.type = VFS_LINK};
    struct verdict verdict = {0};
    struct message answer;
    struct place from, to;
    char old[8], new[8];
    int error = find(raw, raw_path_make(raw, old), &from, &verdict);
    int to_error = find(raw, raw_path_make(raw, new), &to, &verdict);

    if (error == 0 && from.node == NULL)
        may_fail(&verdict, ENOENT);
    if (error == 0 && is_directory(from.node))
        may_fail(&verdict, EPERM);
    if (to_error == 0 && to.node != NULL)
        may_fail(&verdict, EEXIST);
    raw_paths(raw, &request, old, new);
    if (!raw_ask_judged(raw, &request, RAW_NO_WORD, &verdict, &answer))
        return false;
    if (verdict.count == 0)
        model_add(to.directory, to.name, from.node);
    return true;
}

/* Of a path; and into memory that nobody may write, now and then. */
bool raw_stat(struct raw *raw)
{
    struct raw_request request = {.type = VFS_STAT};
    struct verdict verdict = {0};
    struct message answer;
    struct place place;
    struct fs_stat found = {0};
    bool writable = !chance_one_in(&raw->chance, 5);
    char path[8];
    int error = find(raw, raw_path_make(raw, path), &place, &verdict);

    may_fail(&verdict, error == 0 && place.node == NULL ? ENOENT : 0);
    may_fail(&verdict, writable ? 0 : EPERM);
    raw_paths(raw, &request, path, NULL);
    request.grant[1] = (struct raw_grant){&found, sizeof(found),
                                          writable ? GRANT_WRITE : GRANT_READ, 3};
    if (!raw_ask_judged(raw, &request, RAW_NO_WORD, &verdict, &answer))
        return false;
    if (verdict.count > 0)
        return found.node == 0 || fail(&raw->stage, "stat failed and wrote");
    bool directory = is_directory(place.node);
    if (FS_MODE_TYPE(found.mode) != (directory ? FS_TYPE_DIRECTORY : FS_TYPE_FILE) ||
        (!directory && (found.size != place.node->size || found.links != place.node->names)))
        return fail(&raw->stage, "mode %o, size %" PRIu64 ", %u links", (unsigned)found.mode,
                    found.size, (unsigned)found.links);
    return true;
}

/* ---- directories ---- */

struct listing {
    struct raw_request request; /* FS_ENTRIES */
    const struct node *directory;
    bool seen[SEEN_MAX];
    size_t count;
    _Alignas(struct fs_entry) uint8_t bytes[1024];
};

static bool take_entry(struct raw *raw, struct listing *listing, const struct fs_entry *entry)
{
    const struct node *directory = listing->directory;

    for (size_t i = 0; i < directory->entry_count && i < SEEN_MAX; i++) {
        const struct entry *known = &directory->entries[i];

        if (strlen(known->name) != entry->name_len ||
            memcmp(known->name, entry->name, entry->name_len) != 0)
            continue;
        if (listing->seen[i] ||
            entry->type != (is_directory(known->node) ? FS_TYPE_DIRECTORY : FS_TYPE_FILE))
            return fail(&raw->stage, "'%s' is listed twice, or as type %u", known->name,
                        entry->type);
        listing->seen[i] = true;
        listing->count++;
        return true;
    }
    return fail(&raw->stage, "'%.*s' is listed and isn't there", (int)entry->name_len, entry->name);
}

static bool take_entries(struct raw *raw, struct listing *listing, uint64_t bytes)
{
    if (bytes > listing->request.grant[0].len)
        return fail(&raw->stage, "%" PRIu64 " bytes of entries", bytes);
    for (uint64_t at = 0; at < bytes;) {
        const struct fs_entry *entry = (const void *)(listing->bytes + at);

        if (bytes - at < sizeof(*entry) || entry->len % 8 != 0 || entry->len > bytes - at ||
            sizeof(*entry) + entry->name_len > entry->len)
            return fail(&raw->stage, "an entry of %u bytes with a name of %u", entry->len,
                        entry->name_len);
        if (!take_entry(raw, listing, entry))
            return false;
        at += entry->len;
    }
    return true;
}

/* Piece by piece; each may be asked for twice. With room for none it is refused. */
static bool list_entries(struct raw *raw, struct listing *listing)
{
    struct verdict fine = {0};
    struct message answer;
    uint64_t room = 24 + chance_below(&raw->chance, sizeof(listing->bytes) - 24);

    listing->request.word[3] = listing->request.grant[0].len = room;
    do {
        if (!raw_ask_judged(raw, &listing->request, 0, &fine, &answer) ||
            !take_entries(raw, listing, answer.word[0]))
            return false;
    } while (answer.word[0] > 0);
    return listing->count == listing->directory->entry_count ||
           fail(&raw->stage, "%zu entries are listed, there are %zu", listing->count,
                listing->directory->entry_count);
}

/* Refused: reading it as a file is, and entries where there is no room. */
static bool refuse_directory(struct raw *raw, const struct listing *listing)
{
    struct raw_request request = listing->request;
    struct verdict verdict = {0};
    struct message answer;

    request.type = FS_READ;
    request.word[3] = sizeof(listing->bytes);
    may_fail(&verdict, EISDIR);
    if (!raw_ask_judged(raw, &request, RAW_NO_WORD, &verdict, &answer))
        return false;
    request.type = FS_ENTRIES;
    request.word[3] = chance_below(&raw->chance, 24);
    verdict = (struct verdict){0};
    may_fail(&verdict, listing->directory->entry_count > 0 ? EINVAL : 0);
    return raw_ask_judged(raw, &request, RAW_NO_WORD, &verdict, &answer);
}

static int directory_open(struct raw *raw, const char *path, struct message *opened)
{
    struct raw_request request = {.type = VFS_OPEN};

    raw_paths(raw, &request, path, NULL);
    request.word[2] = FS_O_READ | FS_O_DIRECTORY;
    return raw_ask(raw, &request, opened);
}

static bool directory_close(struct raw *raw, uint64_t number)
{
    struct raw_request request = {.service = raw->service, .type = FS_CLOSE, .word = {number}};
    struct message answer;
    int status = raw_ask(raw, &request, &answer);

    /* Asked again after a death, what is closed is closed. */
    return status == 0 || status == -ANOLE_EBADF ||
           fail(&raw->stage, "close of a directory: %d", status);
}

bool raw_list(struct raw *raw)
{
    static struct listing listing;
    struct verdict verdict = {0};
    struct message opened;
    struct place place = {.node = raw->stage.root};
    char path[8] = ".";

    if (chance_one_in(&raw->chance, 2))
        (void)find(raw, raw_path_make(raw, path), &place, &verdict);
    may_fail(&verdict, verdict.count == 0 && place.node == NULL ? ENOENT : 0);
    may_fail(&verdict, verdict.count == 0 && !is_directory(place.node) ? ENOTDIR : 0);
    int status = directory_open(raw, path, &opened);
    errno = errno_of(status);
    if (!judge(&raw->stage, &verdict, status) || status != 0)
        return raw->stage.failure[0] == '\0';
    listing = (struct listing){
        .request = {.service = raw->service,
                    .type = FS_ENTRIES,
                    .word = {opened.word[1], [4] = FS_HERE},
                    .grant = {{listing.bytes, sizeof(listing.bytes), GRANT_WRITE, 1}}},
        .directory = place.node};
    return refuse_directory(raw, &listing) && list_entries(raw, &listing) &&
           directory_close(raw, opened.word[1]);
}

bool raw_begin(struct raw *raw)
{
    struct message opened;
    int status = directory_open(raw, ".", &opened);

    if (status != 0)
        return fail(&raw->stage, "open: %d", status);
    rs_name_unpack(raw->service, &opened.word[3]);
    return directory_close(raw, opened.word[1]);
}

/* ---- what means nothing ---- */

/* Of a file that is none, or of paths that aren't granted: refused, whatever the words are. */
bool raw_nonsense(struct raw *raw)
{
    bool of_vfs = chance_one_in(&raw->chance, 2);
    struct raw_request request = {.service = of_vfs ? "vfs" : raw->service};
    struct message answer;

    for (unsigned i = 0; i < MESSAGE_WORDS - 1; i++)
        request.word[i] = chance_magnitude(&raw->chance);
    request.word[0] |= 1ull << 63; /* no file, no grant */
    request.type = of_vfs ? VFS_OPEN + (uint32_t)chance_below(&raw->chance, VFS_SYNC - VFS_OPEN)
                          : FS_READ + (uint32_t)chance_below(&raw->chance, FS_SET - FS_READ + 1);
    int status = raw_ask(raw, &request, &answer);
    return status < 0 || fail(&raw->stage, "nonsense of type %x succeeded", request.type);
}
