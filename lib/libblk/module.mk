# libblk is the client's side, libblkdrv the driver's.
LIBS += libblk libblkdrv
libblk_SRCS := $(wildcard lib/libblk/client*.c)
libblkdrv_SRCS := $(addprefix lib/libblk/, server.c session.c attach.c message.c information.c \
	dispatch.c submit.c queues.c gather.c partition.c gpt.c)
