# The device's side: for whoever plays a device, the host tests now. Nothing of this kernel in it.
LIBS += libvirtiodev
libvirtiodev_SRCS := $(addprefix lib/libvirtio/device/, queue.c split.c packed.c vdev.c mmio.c \
    mmio_legacy.c pci.c blk.c blk_request.c)
