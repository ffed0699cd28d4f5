PROGRAMS += devman
devman_SRCS := servers/devman/main.c servers/devman/tree.c servers/devman/kinds.c \
    servers/devman/reset.c
devman_LIBS := libfdt libanole
