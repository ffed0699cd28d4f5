# What the client sides of protocols share: the way to a service, and to its next instance.
LIBS += libpeer
libpeer_SRCS := lib/libpeer/peer.c
