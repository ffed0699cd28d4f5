/*
 * What a program hands to one that it starts: its working directory, its environment, and the files
 * behind its descriptors. A file is offered at its file server, which gives a number that can be taken
 * once; the child's environment says which descriptors it is for, in a variable that isn't handed on.
 *
 *   ANOLE_FILES=0=memfs:1f3a;1=memfs:77e2
 */
#include <libanole/descriptor.h>
#include <libanole/files.h>
#include <libanole/internal.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_VARIABLE "ANOLE_FILES"
#define DIRECTORY_VARIABLE "PWD"
#define FILES_LEN 1024u /* of the variable */
#define OFFER_LEN 64u
#define TAKE_WAIT_US 60000000u /* for a file server that just died */

extern char **environ;

/* ---- handing on ---- */

static int put(char *buffer, size_t room, size_t *len, const char *text)
{
    size_t bytes = strlen(text) + 1;

    if (bytes > room - *len)
        return -ANOLE_ERANGE;
    memcpy(buffer + *len, text, bytes);
    *len += bytes;
    return 0;
}

static bool is_variable(const char *string, const char *name)
{
    return strncmp(string, name, strlen(name)) == 0 && string[strlen(name)] == '=';
}

/* What one descriptor adds to the variable; nothing if a child can't have it. */
static void offer_one(int fd, char *text, size_t room)
{
    const struct descriptor_ops *ops;
    char offer[OFFER_LEN];
    struct description *held = descriptor_hold(fd);
    size_t len = strlen(text);

    if (!held)
        return;
    ops = description_ops(held);
    if (ops->offer && room - len > OFFER_LEN + 8 &&
        ops->offer(description_object(held), offer, sizeof(offer)) == 0)
        snprintf(text + len, room - len, "%s%d=%s", text[len - 1] == '=' ? "" : ";", fd, offer);
    (void)descriptor_release(held);
}

int inheritance_pack(char *buffer, size_t room, size_t *len, unsigned *count)
{
    char files[FILES_LEN] = FILES_VARIABLE "=", directory[FS_PATH_MAX + 8];
    int error = 0;

    *len = 0;
    *count = 0;
    for (char **variable = environ; variable && *variable && !error; variable++) {
        if (is_variable(*variable, FILES_VARIABLE) || is_variable(*variable, DIRECTORY_VARIABLE))
            continue;
        error = put(buffer, room, len, *variable);
        *count += 1;
    }
    for (int fd = descriptor_next_inherited(0); fd >= 0; fd = descriptor_next_inherited(fd + 1))
        offer_one(fd, files, sizeof(files));
    if (!error && files[strlen(files) - 1] != '=') {
        error = put(buffer, room, len, files);
        *count += 1;
    }
    if (!error && strcmp(working_directory(), "/") != 0) {
        snprintf(directory, sizeof(directory), DIRECTORY_VARIABLE "=%s", working_directory());
        error = put(buffer, room, len, directory);
        *count += 1;
    }
    return error;
}

/* ---- taking ---- */

static int take(struct file *file, uint64_t token)
{
    const uint64_t number = operation_next();
    struct message message;
    endpoint_t server;
    int error;

    do {
        message = (struct message){.word = {token, [6] = number}};
        error = name_wait(file->service, &server, ANOLE_NOTIFY_BIT, deadline_in_us(TAKE_WAIT_US));
        if (!error)
            error = anole_call(server, FS_TAKE, &message, DEADLINE_NEVER);
    } while (error == -ANOLE_EDEADENDPOINT);
    file->server = server;
    file->number = (uint32_t)message.word[0];
    file->flags = flags_from(message.word[1]);
    file->type = (uint32_t)message.word[2];
    return error;
}

/* "0=memfs:1f3a": the text behind it, or NULL. */
static const char *take_one(const char *text)
{
    struct file file = {.server = ENDPOINT_NONE};
    char *end;
    unsigned long fd = strtoul(text, &end, 10);
    const char *colon = strchr(end, ':');
    size_t name = colon && *end == '=' ? (size_t)(colon - end - 1) : sizeof(file.service);

    if (name >= sizeof(file.service))
        return NULL;
    memcpy(file.service, end + 1, name);
    if (take(&file, strtoul(colon + 1, &end, 16)) == 0 && fd <= INT_MAX)
        (void)file_place((int)fd, &file);
    return *end == ';' ? end + 1 : NULL;
}

/* Before main(): see startup.c. */
void inheritance_take(void)
{
    const char *files = getenv(FILES_VARIABLE);
    const char *directory = getenv(DIRECTORY_VARIABLE);

    if (directory)
        working_directory_set(directory);
    while (files && *files)
        files = take_one(files);
    (void)unsetenv(FILES_VARIABLE);
}
