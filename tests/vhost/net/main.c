/*
 * vhost_net --socket PATH [--socket PATH] [--pairs N] [--without FEATURE]...
 *
 * A network device for QEMU's vhost-user, for tests: what QEMU's own network back ends offer to nobody,
 * checksums, long segments both ways and several pairs of queues. With one socket a peer is on its wire
 * that answers frames (peer.h), with two the wire is between two machines, each of which gets what it
 * can take. What a driver does wrong is told on standard output; SIGTERM ends it with a summary.
 */
#include "../serve.h"
#include "peer.h"

#include <getopt.h>
#include <libvirtio/feature_bits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    struct feature_bit bit;
} features[] = {
    {"csum", VIRTIO_NET_F_CSUM},
    {"guest-csum", VIRTIO_NET_F_GUEST_CSUM},
    {"host-tso4", VIRTIO_NET_F_HOST_TSO4},
    {"host-tso6", VIRTIO_NET_F_HOST_TSO6},
    {"host-ecn", VIRTIO_NET_F_HOST_ECN},
    {"guest-tso4", VIRTIO_NET_F_GUEST_TSO4},
    {"guest-tso6", VIRTIO_NET_F_GUEST_TSO6},
    {"guest-ecn", VIRTIO_NET_F_GUEST_ECN},
    {"mrg-rxbuf", VIRTIO_NET_F_MRG_RXBUF},
    {"mq", VIRTIO_NET_F_MQ},
    {"indirect", VIRTIO_F_INDIRECT_DESC},
    {"event-idx", VIRTIO_F_EVENT_IDX},
    {"version-1", VIRTIO_F_VERSION_1},
    {"packed", VIRTIO_F_RING_PACKED},
};
#define FEATURES (sizeof features / sizeof features[0])

/* ---- a wire between two machines ---- */

/* Whether a machine takes a segment of that type as it is. */
static bool takes_long(const struct port *port, unsigned gso_type)
{
    bool ecn = (gso_type & HDR_GSO_ECN) != 0;
    unsigned type = gso_type & ~HDR_GSO_ECN;
    return port_has(port,
                    type == HDR_GSO_TCPV4 ? VIRTIO_NET_F_GUEST_TSO4 : VIRTIO_NET_F_GUEST_TSO6) &&
           (!ecn || port_has(port, VIRTIO_NET_F_GUEST_ECN));
}

static void deliver_piece(void *context, struct frame *piece)
{
    port_deliver(context, piece, 0);
}

static void other_sent(struct port *port, struct frame *frame, unsigned pair)
{
    struct port *to = port->other;
    bool partial = (frame->header.flags & HDR_NEEDS_CSUM) != 0;
    bool goes = !partial || port_has(to, VIRTIO_NET_F_GUEST_CSUM);
    if (goes && frame->header.gso_type != 0)
        goes = takes_long(to, frame->header.gso_type);
    if (goes)
        port_deliver(to, frame, pair);
    else
        frame_cut(frame, deliver_piece, to);
}

/* ---- arguments ---- */

static int usage(FILE *out)
{
    fprintf(out, "usage: vhost_net --socket PATH [--socket PATH] [--pairs N] "
                 "[--without FEATURE]...\nfeatures:");
    for (unsigned i = 0; i < FEATURES; i++)
        fprintf(out, " %s", features[i].name);
    fprintf(out, "\n");
    return STATUS_USAGE;
}

struct arguments {
    const char *socket[SERVE_MAX];
    unsigned sockets;
    unsigned long pairs;
    struct feature_set offered;
};

static bool withhold(struct feature_set *offered, const char *name)
{
    for (unsigned i = 0; i < FEATURES; i++) {
        if (strcmp(name, features[i].name) == 0) {
            *offered = feature_without(*offered, features[i].bit);
            return true;
        }
    }
    return false;
}

/* 0, or an exit status. */
static int parse_arguments(int argc, char *argv[], struct arguments *arguments)
{
    static const struct option names[] = {
        {"socket", required_argument, NULL, 's'},
        {"pairs", required_argument, NULL, 'p'},
        {"without", required_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (name == 'h')
            return usage(stdout);
        if (name == 's' && arguments->sockets < SERVE_MAX)
            arguments->socket[arguments->sockets++] = optarg;
        else if (name == 'p')
            arguments->pairs = strtoul(optarg, NULL, 10);
        else if (name != 'w' || !withhold(&arguments->offered, optarg))
            return usage(stderr);
    }
    bool good = arguments->sockets > 0 && arguments->pairs > 0 && arguments->pairs <= PAIRS_MAX;
    return good && optind == argc ? 0 : usage(stderr);
}

int main(int argc, char *argv[])
{
    static struct port ports[SERVE_MAX];
    struct served served[SERVE_MAX];
    struct arguments arguments = {.pairs = 1};
    for (unsigned i = 0; i < FEATURES; i++)
        arguments.offered = feature_with(arguments.offered, features[i].bit);
    int status = parse_arguments(argc, argv, &arguments);
    bool bridge = arguments.sockets == 2;
    for (unsigned i = 0; i < arguments.sockets && status == 0; i++) {
        if (port_init(&ports[i], (unsigned)arguments.pairs, arguments.offered,
                      bridge ? other_sent : peer_sent) < 0)
            status = STATUS_FAILED;
        ports[i].other = bridge ? &ports[1 - i] : NULL;
        served[i] = (struct served){arguments.socket[i], &ports[i].backend};
    }
    if (status == 0)
        status = serve("vhost_net", served, arguments.sockets);
    for (unsigned i = 0; i < arguments.sockets; i++) {
        port_report(&ports[i]);
        port_free(&ports[i]);
    }
    return status;
}
