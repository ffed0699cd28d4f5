LIBS += librs
librs_SRCS := \
    lib/librs/observe.c \
    lib/librs/phases.c \
    lib/librs/query.c \
    lib/librs/strike.c \
    lib/librs/text.c
