LIBS += libchan
libchan_SRCS := lib/libchan/channel.c
