PROGRAMS += virtio_net
virtio_net_SRCS := $(addprefix drivers/virtio_net/, main.c nic.c ring.c control.c)
virtio_net_LIBS := libnetdrv libdrv libvirtio libchan libanole
