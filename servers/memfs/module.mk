PROGRAMS += memfs
memfs_SRCS := $(addprefix servers/memfs/,main.c mem.c node.c pages.c names.c \
    tree.c boot.c dev.c disk.c disk_ask.c disk_io.c proc.c)
memfs_LIBS := libfs libcoro libblk librs libload libpeer libchan libanole
