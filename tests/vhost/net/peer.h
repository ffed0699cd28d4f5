/*
 * Who is on the wire: the peer of tests/wire/wire.py, in whose language (EtherType 0x88b5, or the data of
 * TCP and UDP) frames ask for answers; and, since this one sees virtio-net's headers:
 *
 *    E  echo, as a network does it: checksums completed, segments cut
 *    L  echo as it is: a partial checksum stays one, a long segment stays long
 *    H  `count` frames of `length` bytes, numbered from 0, with the header in the 12 bytes behind the
 *       request; number 1: with the header's num_buffers, too, else with the right one
 *    D  the device disconnects; QEMU connects again
 */
#ifndef VHOST_NET_PEER_H
#define VHOST_NET_PEER_H

#include "port.h"

/* For port_init(): the peer gets the frame. */
void peer_sent(struct port *port, struct frame *frame, unsigned pair);

#endif
