/*
 * vhost_blk --socket PATH --image FILE [--seed N] [--config FIELD=N]... [--without FEATURE]...
 *           [--fault KIND[,option=N...]]...
 *
 * A block device for QEMU's vhost-user-blk, for tests: it keeps what it is told to write in a
 * volatile cache in front of an image file until it is flushed, and misbehaves as ordered (fault.h,
 * identity.h;
 * --help lists the kinds). One machine at a time; when it goes, the next one may come. What is done
 * wrong, and every reset, is told on standard output; SIGTERM ends it with a summary.
 */
#include "session.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { STATUS_FAILED = 1, STATUS_USAGE = 2 };
enum { POLL_SIGNALS, POLL_LISTENER, POLL_SESSION, POLL_KICK, POLLS };

static int failed(const char *what)
{
    fprintf(stderr, "vhost_blk: %s: %s\n", what, strerror(errno));
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

/* Milliseconds until the device has something to do by itself, for poll(). */
static int poll_timeout(const struct device *device)
{
    uint64_t next = device_next_ms(device);
    uint64_t now = now_ms();
    if (next == UINT64_MAX)
        return -1;
    if (next <= now)
        return 0;
    return next - now < 60000 ? (int)(next - now) : 60000;
}

/* The machine left or is left. Its cache is lost when it was switched off, not when we died. */
static void part(struct session *session)
{
    struct device *device = session->device;
    struct reset_plan plan = {0};
    printf("%s\n", device->dying ? "died" : "disconnected");
    if (!device->dying) {
        faults_at_reset(&device->faults, &plan);
        if (plan.drop_cache)
            device->lost += store_drop(&device->store);
    }
    session_end(session);
}

/* One round: what poll() has found. False: a signal says that it is over. */
static bool serve(struct session *session, const struct pollfd *polls)
{
    uint64_t kicks;
    if (polls[POLL_SIGNALS].revents)
        return false;
    if (session->fd < 0) {
        if (polls[POLL_LISTENER].revents) {
            int fd = accept(polls[POLL_LISTENER].fd, NULL, NULL);
            if (fd >= 0)
                session_begin(session, fd, session->device);
        }
        return true;
    }
    if (polls[POLL_KICK].revents && read(polls[POLL_KICK].fd, &kicks, sizeof kicks) < 0 &&
        errno != EAGAIN)
        printf("the kick descriptor can't be read\n");
    if (polls[POLL_SESSION].revents && session_serve(session) < 0) {
        part(session);
        return true;
    }
    device_work(session->device);
    session_tell(session);
    if (session->device->dying)
        part(session);
    return !session->device->gone;
}

static int run(struct device *device, int signals, int listener)
{
    struct session session = {.fd = -1, .backend_fd = -1, .device = device};
    struct pollfd polls[POLLS];
    do {
        polls[POLL_SIGNALS] = (struct pollfd){.fd = signals, .events = POLLIN};
        polls[POLL_LISTENER] = (struct pollfd){.fd = session.fd < 0 ? listener : -1,
                                               .events = POLLIN};
        polls[POLL_SESSION] = (struct pollfd){.fd = session.fd, .events = POLLIN};
        polls[POLL_KICK] = (struct pollfd){.fd = device->ring.kick_fd, .events = POLLIN};
        (void)fflush(stdout);
        if (poll(polls, POLLS, poll_timeout(device)) < 0)
            return failed("poll");
    } while (serve(&session, polls));
    if (session.fd >= 0)
        part(&session);
    printf("%" PRIu64 " requests, %" PRIu64 " late, %" PRIu64 " resets, %" PRIu64 " sectors lost\n",
           device->requests, device->late, device->resets, device->lost);
    return 0;
}

static int usage(FILE *out)
{
    fprintf(out, "usage: vhost_blk --socket PATH --image FILE [--seed N] "
                 "[--config FIELD=N]... [--without FEATURE]... "
                 "[--fault KIND[,option=N...]]...\nkinds:\n");
    faults_help(out);
    fprintf(out, "options: skip, count (0: all), percent, type (read, write, flush ...), "
                 "sectors=A-B, ms, value\n");
    identity_help(out);
    return STATUS_USAGE;
}

struct arguments {
    const char *socket, *image;
};

/* 0, or an exit status. */
static int parse_arguments(int argc, char *argv[], struct arguments *arguments,
                           struct device *device)
{
    static const struct option names[] = {
        {"socket", required_argument, NULL, 's'}, {"image", required_argument, NULL, 'i'},
        {"seed", required_argument, NULL, 'r'},   {"fault", required_argument, NULL, 'f'},
        {"config", required_argument, NULL, 'c'}, {"without", required_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (name == 's')
            arguments->socket = optarg;
        else if (name == 'i')
            arguments->image = optarg;
        else if (name == 'r')
            device->faults.random = strtoull(optarg, NULL, 0);
        else if (name == 'h')
            return usage(stdout);
        else if ((name != 'f' || faults_add(&device->faults, optarg) < 0) &&
                 (name != 'c' || identity_set(&device->identity, optarg) < 0) &&
                 (name != 'w' || identity_withhold(&device->identity, optarg) < 0))
            return usage(stderr);
    }
    return arguments->socket && arguments->image && optind == argc ? 0 : usage(stderr);
}

int main(int argc, char *argv[])
{
    static struct device device;
    struct arguments arguments = {0};
    identity_default(&device.identity);
    ring_init(&device.ring, &device.memory);
    int status = parse_arguments(argc, argv, &arguments, &device);
    if (status == 0 && store_open(&device.store, arguments.image) < 0)
        status = failed(arguments.image);
    identity_size(&device.identity, device.store.sectors);
    if (status == 0) {
        int signals = watch_signals();
        int listener = listen_at(arguments.socket);
        if (signals < 0 || listener < 0)
            status = failed(arguments.socket);
        else {
            status = run(&device, signals, listener);
            (void)unlink(arguments.socket);
        }
        (void)close(signals);
        (void)close(listener);
    }
    store_close(&device.store);
    faults_free(&device.faults);
    return status;
}
