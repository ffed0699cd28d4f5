LIBS += librs
librs_SRCS := lib/librs/query.c lib/librs/text.c lib/librs/phases.c
