PROGRAMS += vfs
vfs_SRCS := $(addprefix servers/vfs/,main.c servers.c mounts.c tell.c walk.c request.c paths.c \
    names.c mount.c)
vfs_LIBS := libcoro libpeer libchan libanole
