# libnet is the client's side, libnetdrv the driver's.
LIBS += libnet libnetdrv
libnet_SRCS := $(wildcard lib/libnet/client*.c)
libnetdrv_SRCS := $(addprefix lib/libnet/, server.c session.c message.c job.c transmit.c receive.c \
	filter.c information.c)
