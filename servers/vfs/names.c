/*
 * Requests about two paths.
 */
#include "vfs.h"

/* The directory that a path's last name is in. */
struct place {
    struct walker walker;
    struct last_name name;
    uint64_t node;
};

static int place_find(struct request *request, unsigned path, struct place *place)
{
    struct ask ask = {.type = FS_LOOKUP, .word = {[5] = FS_FOLLOW}};
    size_t len = request->len[path];
    int error = len == 0 ? -ANOLE_ENOENT : path_split(request->text[path], &len, &place->name);

    if (!error)
        error = walker_begin(&place->walker, request->text[path], len);
    if (!error)
        error = walker_ask(&place->walker, request, &ask);
    if (!error && ask.reply.word[2] != FS_TYPE_DIRECTORY)
        error = -ANOLE_ENOTDIR;
    place->node = ask.reply.word[1];
    return error;
}

static int ask_both(struct request *request, struct mount *mount, struct ask *ask)
{
    ask->word[1] = mount->kept->number;
    ask->origin = request->process;
    ask->number = request->delivery.message.word[6];
    return server_ask(mount_server(mount), ask);
}

int names_rename(struct request *request)
{
    struct place from, to;
    int error = place_find(request, 0, &from);

    if (!error)
        error = place_find(request, 1, &to);
    if (!error && from.walker.mount != to.walker.mount)
        error = -ANOLE_EXDEV;
    if (error)
        return error;
    struct ask ask = {.type = FS_RENAME,
                      .word = {[2] = from.node, [6] = to.node},
                      .first = from.name.text,
                      .first_len = from.name.len,
                      .second = to.name.text,
                      .second_len = to.name.len};
    return ask_both(request, from.walker.mount, &ask);
}

int names_link(struct request *request)
{
    struct ask find = {.type = FS_LOOKUP};
    struct walker walker;
    struct place to;
    int error = walker_begin(&walker, request->text[0], request->len[0]);

    if (!error)
        error = walker_ask(&walker, request, &find);
    if (!error)
        error = place_find(request, 1, &to);
    if (!error && walker.mount != to.walker.mount)
        error = -ANOLE_EXDEV;
    if (error)
        return error;
    struct ask ask = {.type = FS_LINK,
                      .word = {[2] = find.reply.word[1], [6] = to.node},
                      .first = to.name.text,
                      .first_len = to.name.len};
    return ask_both(request, walker.mount, &ask);
}

/* The first path is the target, as it is; the second one the link's name. */
int names_symlink(struct request *request)
{
    struct ask ask = {.type = FS_MAKE,
                      .word = {[5] = FS_MODE(FS_TYPE_LINK, 0777)},
                      .second = request->text[0],
                      .second_len = request->len[0]};
    struct walker walker;
    int error = request->len[0] == 0 ? -ANOLE_ENOENT
                                     : walker_begin(&walker, request->text[1], request->len[1]);

    return error ? error : walker_ask(&walker, request, &ask);
}
