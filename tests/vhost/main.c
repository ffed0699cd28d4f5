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
#include "device.h"
#include "serve.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
    device_init(&device);
    int status = parse_arguments(argc, argv, &arguments, &device);
    if (status == 0 && store_open(&device.store, arguments.image) < 0) {
        fprintf(stderr, "vhost_blk: %s: %s\n", arguments.image, strerror(errno));
        status = STATUS_FAILED;
    }
    if (status == 0) {
        const struct served served = {arguments.socket, &device.backend};
        device_ready(&device);
        status = serve("vhost_blk", &served, 1);
        printf("%" PRIu64 " requests, %" PRIu64 " late, %" PRIu64 " resets, %" PRIu64
               " sectors lost\n",
               device.requests, device.late, device.resets, device.lost);
    }
    store_close(&device.store);
    faults_free(&device.faults);
    return status;
}
