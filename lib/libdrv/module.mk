# What the driver sides of all protocols share.
LIBS += libdrv
libdrv_SRCS := lib/libdrv/pool.c lib/libdrv/attachment.c
