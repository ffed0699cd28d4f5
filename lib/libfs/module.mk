# What all file servers share.
LIBS += libfs
libfs_SRCS := $(addprefix lib/libfs/,server.c channel.c request.c table.c walk.c paths.c names.c \
    mounts.c data.c)
