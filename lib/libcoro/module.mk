# Coroutines for services with one thread.
LIBS += libcoro
libcoro_SRCS := $(addprefix lib/libcoro/,coro.c sync.c context.c switch.S)
