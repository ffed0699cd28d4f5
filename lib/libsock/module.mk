# The functions of <sys/socket.h> and <netdb.h>, for programs that say -Ilib/libsock/include.
LIBS += libsock
libsock_SRCS := $(addprefix lib/libsock/,client.c socket.c options.c poll.c names.c text.c)
SOCK_INCLUDES := -Ilib/libsock/include
libsock_CFLAGS := $(SOCK_INCLUDES)
