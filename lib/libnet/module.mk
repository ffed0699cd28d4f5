# libnetdrv is the driver's side.
LIBS += libnetdrv
libnetdrv_SRCS := $(addprefix lib/libnet/, server.c session.c message.c job.c transmit.c receive.c \
	filter.c information.c)
