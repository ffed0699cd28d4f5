PROGRAMS += memfs
memfs_SRCS := $(addprefix servers/memfs/,main.c mem.c node.c pages.c names.c \
    tree.c boot.c dev.c proc.c)
memfs_LIBS := libfs libcoro librs libload libpeer libchan libanole
