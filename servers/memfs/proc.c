/*
 * "proc": what the system is doing, as text: a file for each service with what RS thinks of it, and
 * mounts, uptime and meminfo. A file's text is made when it is read.
 */
#include "tree.h"

#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <proto/vfs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_LEN 4096u
#define MOUNTS 32u
#define TIMEOUT_US 5000000u

enum { FILE_MOUNTS = 1, FILE_UPTIME, FILE_MEMINFO, FILE_SERVICE };

static struct tree tree;

struct text {
    size_t len;
    char bytes[TEXT_LEN];
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text->bytes + text->len, TEXT_LEN - text->len, format, arguments);
    va_end(arguments);
    if (len > 0)
        text->len += (size_t)len < TEXT_LEN - text->len ? (size_t)len : TEXT_LEN - text->len - 1;
}

/* ---- what files say ---- */

static int say_uptime(struct text *text)
{
    struct system_info info;
    int error = kcall_system_info(&info);

    if (!error) {
        uint64_t up_us = ticks_to_us(ticks_now() - info.boot_ticks);
        uint64_t idle_us = ticks_to_us(info.idle_ticks);
        say(text, "%lu.%02lu %lu.%02lu\n", (unsigned long)(up_us / 1000000),
            (unsigned long)(up_us / 10000 % 100), (unsigned long)(idle_us / 1000000),
            (unsigned long)(idle_us / 10000 % 100));
    }
    return error;
}

static int say_memory(struct text *text)
{
    struct system_info info;
    int error = kcall_system_info(&info);

    if (!error)
        say(text, "total %lu KiB\nfree %lu KiB\nquarantined %lu KiB\norphaned %lu KiB\n",
            (unsigned long)(info.frames_total * PAGE_SIZE / 1024),
            (unsigned long)(info.frames_free * PAGE_SIZE / 1024),
            (unsigned long)(info.frames_quarantined * PAGE_SIZE / 1024),
            (unsigned long)(info.frames_orphaned * PAGE_SIZE / 1024));
    return error;
}

/* vfs is above this server, and answers this without asking anybody. */
static int say_mounts(struct text *text)
{
    static struct vfs_mount_info infos[MOUNTS];
    struct message message = {.word = {[5] = sizeof(infos)}};
    endpoint_t vfs;
    handle_t grant = HANDLE_NONE;
    int error = name_lookup("vfs", &vfs);

    if (!error)
        error = kcall_grant(vfs, infos, sizeof(infos), GRANT_WRITE, &grant);
    if (!error) {
        message.word[3] = grant;
        error = anole_call(vfs, VFS_MOUNTS, &message, deadline_in_us(TIMEOUT_US));
        (void)kcall_revoke(grant, -1);
    }
    for (unsigned i = 0; !error && i < message.word[1] && i < MOUNTS; i++)
        say(text, "%s %s %s %s\n", infos[i].source[0] ? infos[i].source : "-", infos[i].path,
            infos[i].type, infos[i].flags & FS_MOUNT_READ_ONLY ? "ro" : "rw");
    return error;
}

static int say_service(struct text *text, const char *name)
{
    struct rs_status status;
    int error = rs_status(name, &status);

    if (error)
        return error;
    say(text, "name %s\nprogram %s\nstate %s\n", status.info.name, status.info.program,
        rs_state_text(status.info.state));
    if (status.info.endpoint != ENDPOINT_NONE)
        say(text, "endpoint %u/%u\n", endpoint_slot(status.info.endpoint),
            endpoint_generation(status.info.endpoint));
    if (status.info.device[0])
        say(text, "device %.31s\n", status.info.device);
    say(text, "restarts %u\ndeaths %u\ndeaths-counting %u\nlast-death %s\n", status.info.restarts,
        status.deaths, status.death_count, death_cause_text(status.info.last_cause));
    if (status.info.state == RS_STATE_UP)
        say(text, "up-ms %lu\n",
            (unsigned long)(ticks_to_us(ticks_now() - status.info.up_since_ticks) / 1000));
    say(text, "spare %s\ncomplaints %u\n", rs_spare_text(status.info.spare), status.complaints);
    return 0;
}

static int say_file(struct text *text, const struct tree_file *file)
{
    switch (file->what) {
    case FILE_MOUNTS:
        return say_mounts(text);
    case FILE_UPTIME:
        return say_uptime(text);
    case FILE_MEMINFO:
        return say_memory(text);
    case FILE_SERVICE:
        return say_service(text, file->name);
    default:
        return -ANOLE_EISDIR;
    }
}

/* ---- the file system ---- */

static int file_add(const char *name, size_t len, uint64_t what)
{
    uint64_t node = tree_add(&tree, 1, name, len, FS_MODE(FS_TYPE_FILE, 0444));

    if (!node)
        return -ANOLE_ENOMEM;
    tree.files[node - 1].what = what;
    return 0;
}

/* Services come with devices; none is ever forgotten by RS. */
static void services_look(struct tree *proc)
{
    struct rs_service_info *services;
    unsigned count;

    (void)proc;
    if (rs_list(&services, &count))
        return; /* those that are known stay */
    for (unsigned i = 0; i < count; i++) {
        struct fs_name name = {services[i].name, strnlen(services[i].name, RS_NAME_LEN - 1)};
        if (name.len > 0 && !tree_find(&tree, 1, name) &&
            file_add(name.text, name.len, FILE_SERVICE))
            break;
    }
    free(services);
}

static int proc_mount(uint32_t number, const char *source, uint32_t *flags, void **mount,
                      uint64_t *root)
{
    int error = source[0] ? -ANOLE_EINVAL : 0;

    (void)number;
    if (!error && tree.count == 0) {
        error = tree_make(&tree);
        if (!error)
            error = file_add("mounts", 6, FILE_MOUNTS);
        if (!error)
            error = file_add("uptime", 6, FILE_UPTIME);
        if (!error)
            error = file_add("meminfo", 7, FILE_MEMINFO);
        tree.refresh = services_look;
    }
    *flags |= FS_MOUNT_READ_ONLY;
    *mount = &tree;
    *root = 1;
    return error;
}

static int64_t proc_read(void *mount, uint64_t node, uint64_t position, struct fs_data *data,
                         uint64_t len)
{
    static struct text text; /* nothing here waits for another's turn */
    const struct tree_file *file = tree_file(mount, node);
    int error = file ? 0 : -ANOLE_ESTALE;

    text.len = 0;
    if (!error)
        error = say_file(&text, file);
    return error ? error : tree_read(text.bytes, text.len, position, data, len);
}

const struct fs_ops proc_ops = {
    .type = "proc",
    .mount = proc_mount,
    .lookup = tree_lookup,
    .parent = tree_parent,
    .stat = tree_stat,
    .read = proc_read,
    .entries = tree_entries,
};
