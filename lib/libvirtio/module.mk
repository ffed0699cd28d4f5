LIBS += libvirtio
libvirtio_SRCS := $(addprefix lib/libvirtio/, feature.c feature_name.c mmio.c device.c virtq.c \
    split.c platform_anole.c)
