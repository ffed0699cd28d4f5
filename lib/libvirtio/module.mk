LIBS += libvirtio
libvirtio_SRCS := $(addprefix lib/libvirtio/, feature.c feature_name.c transport.c mmio.c pci.c \
    device.c virtq.c split.c packed.c platform_anole.c attach.c info.c driver.c)
