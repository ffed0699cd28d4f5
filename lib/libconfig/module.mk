# Reads the compiled etc/system.dts. Needs libfdt beside it.
LIBS += libconfig
libconfig_SRCS := lib/libconfig/read.c lib/libconfig/lookup.c lib/libconfig/words.c
