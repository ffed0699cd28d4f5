/*
 * Starting and ending programs, through pm. Those that aren't in the boot image are read here, and pm
 * copies and checks what it is given. When pm dies the programs run on and its successor knows
 * them: what was asked of the dead one is asked again of that. A spawn carries a tag, by which the
 * successor sees that the program has been started already.
 */
#include <fcntl.h>
#include <libanole/anole.h>
#include <libanole/arguments.h>
#include <libanole/internal.h>
#include <proto/pm.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PM_NAME "pm"
#define PM_WAIT_US 30000000u /* for the next pm; RS gives up, or brings one, much sooner */

static int pm_find(endpoint_t *pm)
{
    static _Atomic endpoint_t known = ENDPOINT_NONE;
    endpoint_t candidate = known;
    int error;

    if (candidate == ENDPOINT_NONE) {
        candidate = startup_page()->pm;
    }
    if (candidate == ENDPOINT_NONE || !endpoint_is_alive(candidate)) {
        error = name_lookup(PM_NAME, &candidate);
        if (error == -ANOLE_EAGAIN) {
            error = name_wait(PM_NAME, &candidate, ANOLE_NOTIFY_BIT, deadline_in_us(PM_WAIT_US));
        }
        if (error) {
            return error;
        }
        known = candidate;
    }
    *pm = candidate;
    return 0;
}

/* One try. -EDEADENDPOINT as *delivery: pm died; else it is 0 and pm's answer is returned. */
static int pm_try(endpoint_t pm, uint32_t type, struct message *message, int *delivery)
{
    message->endpoint = pm;
    message->type = type;
    *delivery = ipc_call(message, DEADLINE_NEVER);
    return *delivery ? *delivery : message_status(message);
}

static int pm_call(uint32_t type, struct message *message)
{
    const struct message request = *message;
    int delivery = -ANOLE_EDEADENDPOINT;
    int error = 0;

    while (delivery == -ANOLE_EDEADENDPOINT) { /* how often is RS's policy */
        endpoint_t pm;

        error = pm_find(&pm);
        if (error) {
            return error;
        }
        *message = request;
        error = pm_try(pm, type, message, &delivery);
    }
    return error;
}

/* What is to be started. */
struct spawn {
    char *arguments; /* PM_ARGUMENTS_MAX bytes */
    size_t len;
    unsigned environment; /* how many of the strings, the last ones */
    bool foreground;
    const void *file; /* an executable; NULL: the program is in the boot image */
    size_t file_len;
};

/* One try at one pm, with grants for as long as it lasts. */
static int spawn_try(const struct spawn *spawn, uint32_t tag, struct message *message,
                     int *delivery)
{
    handle_t arguments = HANDLE_NONE, file = HANDLE_NONE;
    endpoint_t pm;
    int error = pm_find(&pm);

    *delivery = 0;
    if (error) {
        return error;
    }
    error = kcall_grant(pm, spawn->arguments, spawn->len, GRANT_READ, &arguments);
    if (!error && spawn->file) {
        error = kcall_grant(pm, spawn->file, spawn->file_len, GRANT_READ, &file);
    }
    if (error) {
        *delivery = error;
    } else {
        *message = (struct message){.word = {arguments, spawn->len,
                                             spawn->foreground ? PM_SPAWN_FOREGROUND : 0, tag,
                                             spawn->environment, file, spawn->file_len}};
        error = pm_try(pm, PM_SPAWN, message, delivery);
    }
    /* pm makes no DMA, so nothing can pin them. */
    if (arguments != HANDLE_NONE) {
        (void)kcall_revoke(arguments, -1);
    }
    if (file != HANDLE_NONE) {
        (void)kcall_revoke(file, -1);
    }
    return error;
}

/* Not 0; unique among what this process spawns. */
static uint32_t next_tag(void)
{
    static _Atomic uint32_t tags;
    uint32_t tag = ++tags;

    return tag != 0 ? tag : ++tags;
}

static int spawn(const struct spawn *spawn, endpoint_t *endpoint)
{
    struct message message;
    uint32_t tag = next_tag();
    int delivery = -ANOLE_EDEADENDPOINT;
    int error = 0;

    while (delivery == -ANOLE_EDEADENDPOINT) {
        error = spawn_try(spawn, tag, &message, &delivery);
    }
    if (!error) {
        *endpoint = (endpoint_t)message.word[0];
    }
    return error;
}

/* ---- programs that are files ---- */

static int read_whole(int fd, char *buffer, size_t len)
{
    size_t done = 0;
    ssize_t got = 1;

    while (done < len && got > 0) {
        got = read(fd, buffer + done, len - done);
        done += got > 0 ? (size_t)got : 0;
    }
    return done == len ? 0 : -ANOLE_EIO;
}

static int spawn_file(struct spawn *what, const char *path, endpoint_t *endpoint)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    char *bytes = NULL;
    int error = fd < 0 ? -ANOLE_ENOENT : 0;

    if (!error && (fstat(fd, &stat) || !S_ISREG(stat.st_mode) || !(stat.st_mode & 0111))) {
        error = -ANOLE_EPERM;
    }
    if (!error && stat.st_size == 0) {
        error = -ANOLE_EINVAL;
    }
    if (!error) {
        bytes = malloc((size_t)stat.st_size);
        error = bytes ? read_whole(fd, bytes, (size_t)stat.st_size) : -ANOLE_ENOMEM;
    }
    if (!error) {
        what->file = bytes;
        what->file_len = (size_t)stat.st_size;
        error = spawn(what, endpoint);
    }
    free(bytes);
    if (fd >= 0) {
        (void)close(fd);
    }
    return error;
}

/* "/boot/ls" is the boot image's own, with the rights of its class. */
static const char *boot_name(const char *path)
{
    static const char boot[] = "/boot/";
    bool inside = strncmp(path, boot, strlen(boot)) == 0;

    return inside && !strchr(path + strlen(boot), '/') ? path + strlen(boot) : NULL;
}

static int arguments_fill(struct spawn *what, const char *const argv[])
{
    size_t more = 0;
    int error = arguments_pack(argv, what->arguments, PM_ARGUMENTS_MAX, &what->len);

    if (!error && inheritance_pack) {
        error = inheritance_pack(what->arguments + what->len, PM_ARGUMENTS_MAX - what->len, &more,
                                 &what->environment);
    }
    what->len += more;
    return error;
}

/* By a path, or by a name in the boot image or else in the working directory. */
static int spawn_named(struct spawn *what, const char *name, endpoint_t *endpoint)
{
    const char *in_boot = boot_name(name);

    if (in_boot) { /* pm knows it by its first string */
        size_t skip = (size_t)(in_boot - name);
        memmove(what->arguments, what->arguments + skip, what->len - skip);
        what->len -= skip;
    }
    int error = in_boot || !strchr(name, '/') ? spawn(what, endpoint) : -ANOLE_ENOENT;
    return error == -ANOLE_ENOENT && !in_boot ? spawn_file(what, name, endpoint) : error;
}

int program_spawn(const char *const argv[], bool foreground, endpoint_t *endpoint)
{
    struct spawn what = {.foreground = foreground};
    void *memory;
    /* Given back as a whole: it is much, and most programs never need as much of their heap. */
    int error = kcall_map(PM_ARGUMENTS_MAX, PROT_READ_BIT | PROT_WRITE_BIT, &memory);

    if (error) {
        return error;
    }
    what.arguments = memory;
    error = arguments_fill(&what, argv);
    if (!error) {
        error = spawn_named(&what, argv[0], endpoint);
    }
    (void)kcall_unmap(memory, PM_ARGUMENTS_MAX);
    return error;
}

int program_end(endpoint_t endpoint, struct program_end *end)
{
    struct message message = {.word = {endpoint}};
    int error = pm_call(PM_WAIT, &message);

    if (!error) {
        *end = (struct program_end){
            .cause = (enum death_cause)message.word[0],
            .detail = message.word[1],
            .pc = message.word[2],
        };
    }
    return error;
}

int program_wait(endpoint_t endpoint, enum death_cause *cause, uint64_t *detail)
{
    struct program_end end;
    int error = program_end(endpoint, &end);

    if (!error) {
        *cause = end.cause;
        *detail = end.detail;
    }
    return error;
}

int program_kill(endpoint_t endpoint)
{
    struct message message = {.word = {endpoint}};

    return pm_call(PM_KILL, &message);
}
