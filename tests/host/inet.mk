# The network server, with lwIP, over a fake kernel and fake drivers. lwIP reads fields where they lie.
INET_FIXTURE := $(addprefix tests/host/inet/, inet_fixture.c inet_peer.c)
INET_HOST_SRCS := $(INET_SERVER) $(liblwip_SRCS)
INET_HOST_CFLAGS := $(LWIP_INCLUDES) -include tests/host/fake_pages.h

HOST_TESTS += test_inet
test_inet_SRCS := tests/host/inet/test_inet.c $(INET_FIXTURE) $(INET_HOST_SRCS)
test_inet_CFLAGS := $(INET_HOST_CFLAGS)
test_inet_DEPS := $(LWIP_PORT)
