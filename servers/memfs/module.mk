PROGRAMS += memfs
memfs_SRCS := $(addprefix servers/memfs/,main.c mem.c node.c pages.c names.c)
memfs_LIBS := libfs libcoro libpeer libchan libanole
