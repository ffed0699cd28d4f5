/* The frame of the programs: see serve.h. */
#include "serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RINGS_MAX 16u /* of one device */
#define POLLS_MAX (1u + SERVE_MAX * (1u + RINGS_MAX))
#define WAIT_MAX_MS 60000u

struct device_slot {
    const struct served *served;
    int listener;
    struct session session;
};

uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int failed(const char *program, const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", program, what, strerror(errno));
    return STATUS_FAILED;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0)
        return -1;
    return fd;
}

static int watch_signals(void)
{
    sigset_t ending;
    (void)sigemptyset(&ending);
    (void)sigaddset(&ending, SIGTERM);
    (void)sigaddset(&ending, SIGINT);
    if (sigprocmask(SIG_BLOCK, &ending, NULL) < 0)
        return -1;
    return signalfd(-1, &ending, SFD_CLOEXEC);
}

/* ---- one round ---- */

/* What a device waits for, appended. */
static unsigned add_polls(const struct device_slot *slot, struct pollfd *polls)
{
    const struct backend *backend = slot->served->backend;
    bool connected = slot->session.fd >= 0;
    unsigned count = 0;
    polls[count++] = (struct pollfd){.fd = connected ? slot->session.fd : slot->listener,
                                     .events = POLLIN};
    for (unsigned i = 0; i < backend->ring_count; i++)
        polls[count++] = (struct pollfd){.fd = backend->rings[i].kick_fd, .events = POLLIN};
    return count;
}

/* Milliseconds until a device has something to do by itself, for poll(). */
static int poll_timeout(const struct device_slot *slots, unsigned count)
{
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; i < count; i++) {
        const struct backend *backend = slots[i].served->backend;
        uint64_t one = backend->ops->next_ms(backend);
        next = one < next ? one : next;
    }
    uint64_t now = now_ms();
    if (next == UINT64_MAX)
        return -1;
    if (next <= now)
        return 0;
    return (int)(next - now < WAIT_MAX_MS ? next - now : WAIT_MAX_MS);
}

static void take_kicks(const struct pollfd *polls, unsigned count)
{
    uint64_t kicks;
    for (unsigned i = 0; i < count; i++)
        if (polls[i].revents && read(polls[i].fd, &kicks, sizeof kicks) < 0 && errno != EAGAIN)
            printf("the kick descriptor can't be read\n");
}

/* What poll() has found for a device. */
static void serve_one(struct device_slot *slot, const struct pollfd *polls)
{
    struct session *session = &slot->session;
    struct backend *backend = slot->served->backend;
    if (session->fd < 0) {
        int fd = polls[0].revents ? accept(slot->listener, NULL, NULL) : -1;
        if (fd >= 0)
            session_begin(session, fd, backend);
        return;
    }
    take_kicks(polls + 1, backend->ring_count);
    if (polls[0].revents && session_serve(session) < 0) {
        session_end(session);
        return;
    }
    backend->ops->work(backend);
    session_tell(session);
    if (backend->dying)
        session_end(session);
}

static int run(const char *program, struct device_slot *slots, unsigned count, int signals)
{
    struct pollfd polls[POLLS_MAX];
    bool gone = false;
    while (!gone) {
        unsigned used = 1;
        polls[0] = (struct pollfd){.fd = signals, .events = POLLIN};
        for (unsigned i = 0; i < count; i++)
            used += add_polls(&slots[i], &polls[used]);
        (void)fflush(stdout);
        if (poll(polls, used, poll_timeout(slots, count)) < 0)
            return failed(program, "poll");
        if (polls[0].revents)
            break;
        const struct pollfd *at = &polls[1];
        for (unsigned i = 0; i < count; i++) {
            serve_one(&slots[i], at);
            at += 1 + slots[i].served->backend->ring_count;
            gone |= slots[i].served->backend->gone;
        }
    }
    for (unsigned i = 0; i < count; i++)
        if (slots[i].session.fd >= 0)
            session_end(&slots[i].session);
    return 0;
}

int serve(const char *program, const struct served *served, unsigned count)
{
    struct device_slot slots[SERVE_MAX];
    int signals = watch_signals();
    int status = signals < 0 ? failed(program, "signals") : 0;
    unsigned listening = 0;
    for (; status == 0 && listening < count; listening++) {
        struct device_slot *slot = &slots[listening];
        *slot = (struct device_slot){
            .served = &served[listening],
            .listener = listen_at(served[listening].socket),
            .session = {.fd = -1, .backend_fd = -1, .backend = served[listening].backend},
        };
        if (slot->listener < 0)
            status = failed(program, slot->served->socket);
    }
    if (status == 0)
        status = run(program, slots, count, signals);
    while (listening > 0 && slots[--listening].listener >= 0) {
        (void)unlink(slots[listening].served->socket);
        (void)close(slots[listening].listener);
    }
    (void)close(signals);
    return status;
}
