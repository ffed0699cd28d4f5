# The loader of RS and PM.
LIBS += libload
libload_SRCS := lib/libload/image.c lib/libload/startup.c lib/libload/load.c lib/libload/elf.c
