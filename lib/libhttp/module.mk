# HTTP/1.1's syntax, both sides of it: no sockets here.
LIBS += libhttp
libhttp_SRCS := $(addprefix lib/libhttp/,body.c path.c request.c response.c status.c text.c url.c)
