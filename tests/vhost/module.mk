# Devices that are programs of the build machine, for QEMU to attach: a disk that tests let misbehave, and
# a network interface with all that QEMU's own back ends don't offer.
VHOST_COMMON := $(addprefix tests/vhost/, memory.c ring.c serve.c session.c) \
    $(addprefix lib/libvirtio/device/, queue.c split.c packed.c)

HOST_PROGRAMS += vhost_blk vhost_net
vhost_blk_SRCS := $(addprefix tests/vhost/, device.c fault.c identity.c main.c store.c) \
    $(VHOST_COMMON)
vhost_net_SRCS := $(addprefix tests/vhost/net/, frame.c main.c peer.c port.c) $(VHOST_COMMON)
