PROGRAMS += virtio_blk
virtio_blk_SRCS := $(addprefix drivers/virtio_blk/, main.c disk.c config.c request.c interrupt.c)
virtio_blk_LIBS := libblkdrv libdrv libvirtio libchan libanole
