# The block device that tests let misbehave: a program of the build machine, QEMU attaches it.
HOST_PROGRAMS += vhost_blk
vhost_blk_SRCS := $(wildcard tests/vhost/*.c) $(addprefix lib/libvirtio/device/, queue.c split.c \
    packed.c)
