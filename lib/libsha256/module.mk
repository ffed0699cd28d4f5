LIBS += libsha256
libsha256_SRCS := lib/libsha256/sha256.c
