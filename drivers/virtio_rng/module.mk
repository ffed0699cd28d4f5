PROGRAMS += virtio_rng
virtio_rng_SRCS := drivers/virtio_rng/main.c
virtio_rng_LIBS := libvirtio libanole
