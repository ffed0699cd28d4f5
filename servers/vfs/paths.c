/*
 * Requests about one path.
 */
#include "vfs.h"

#include <string.h>

#define MODE_BITS 07777u

/* Walks the request's path and asks there. */
static int ask_at(struct request *request, struct walker *walker, struct ask *ask)
{
    int error = walker_begin(walker, request->text[0], request->len[0]);

    return error ? error : walker_ask(walker, request, ask);
}

static bool follow_is_valid(const struct request *request)
{
    return request->delivery.message.word[2] <= FS_FOLLOW;
}

int path_open(struct request *request)
{
    struct message *message = &request->delivery.message;
    struct ask ask = {.type = FS_OPEN, .word = {[5] = message->word[2]}};
    struct walker walker;
    int error = ask_at(request, &walker, &ask);

    if (error)
        return error;
    const struct server *server = mount_server(walker.mount);
    message->word[0] = server->process;
    message->word[1] = ask.reply.word[1];
    message->word[2] = ask.reply.word[2];
    rs_name_pack(&message->word[3], server->service);
    return 0;
}

int path_stat(struct request *request)
{
    struct fs_stat stat;
    struct ask ask = {.type = FS_LOOKUP,
                      .word = {[5] = request->delivery.message.word[2]},
                      .first_out = &stat,
                      .first_room = sizeof(stat)};
    struct walker walker;
    int error = follow_is_valid(request) ? ask_at(request, &walker, &ask) : -ANOLE_EINVAL;

    return error ? error : give(request, &stat, sizeof(stat));
}

int path_mkdir(struct request *request)
{
    uint64_t mode = request->delivery.message.word[2] & MODE_BITS;
    struct ask ask = {.type = FS_MAKE, .word = {[5] = FS_MODE(FS_TYPE_DIRECTORY, mode)}};
    struct walker walker;

    return ask_at(request, &walker, &ask);
}

int path_remove(struct request *request)
{
    struct ask ask = {.type = FS_REMOVE, .word = {[5] = request->delivery.message.word[2]}};
    struct walker walker;

    return request->delivery.message.word[2] > 1 ? -ANOLE_EINVAL : ask_at(request, &walker, &ask);
}

int path_readlink(struct request *request)
{
    struct message *message = &request->delivery.message;
    struct ask ask = {
        .type = FS_READLINK, .first_out = request->text[1], .first_room = FS_PATH_MAX};
    struct walker walker;
    int error = ask_at(request, &walker, &ask);

    if (error)
        return error;
    uint64_t len = ask.reply.word[1];
    if (len > FS_PATH_MAX)
        return -ANOLE_EIO;
    error = give(request, request->text[1], len < message->word[5] ? len : message->word[5]);
    message->word[0] = len;
    return error;
}

int path_attributes(struct request *request)
{
    const struct message *message = &request->delivery.message;
    struct fs_attributes attributes;
    struct ask ask = {.type = FS_ATTRIBUTES,
                      .word = {[5] = message->word[2]},
                      .second = (const char *)&attributes,
                      .second_len = sizeof(attributes)};
    struct walker walker;
    int error = follow_is_valid(request) ? 0 : -ANOLE_EINVAL;

    if (!error)
        error = kcall_copy(message->endpoint, message->word[3], message->word[4], &attributes,
                           sizeof(attributes), COPY_FROM_GRANT);
    return error ? error : ask_at(request, &walker, &ask);
}

int path_statvfs(struct request *request)
{
    struct fs_statvfs statvfs;
    struct ask ask = {.type = FS_STATVFS, .first_out = &statvfs, .first_room = sizeof(statvfs)};
    struct walker walker;
    int error = ask_at(request, &walker, &ask);

    if (error)
        return error;
    statvfs.type[sizeof(statvfs.type) - 1] = '\0';
    statvfs.source[sizeof(statvfs.source) - 1] = '\0';
    return give(request, &statvfs, sizeof(statvfs));
}

int path_real(struct request *request)
{
    struct message *message = &request->delivery.message;
    struct ask ask = {.type = FS_LOOKUP, .word = {[5] = FS_FOLLOW}};
    struct walker walker;
    int error = walker_begin(&walker, request->text[0], request->len[0]);

    walker.real = request->text[1];
    if (!error)
        error = walker_ask(&walker, request, &ask);
    if (error)
        return error;
    if (walker.real_len == 0)
        walker.real[walker.real_len++] = '/';
    error = give(request, walker.real,
                 walker.real_len < message->word[5] ? walker.real_len : message->word[5]);
    message->word[0] = walker.real_len;
    return error;
}
