LIBS += libvirtio
libvirtio_SRCS := lib/libvirtio/feature.c lib/libvirtio/mmio.c lib/libvirtio/device.c \
	lib/libvirtio/virtq.c lib/libvirtio/split.c lib/libvirtio/platform_anole.c
