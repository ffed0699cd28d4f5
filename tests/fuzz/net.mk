# The network driver between a device and clients that say anything.
FUZZERS += fuzz_net
fuzz_net_UNTRACED := tests/fuzz/net/fuzz_net.c $(NET_MODEL)
fuzz_net_SRCS := $(fuzz_net_UNTRACED) $(NET_DRIVER)
fuzz_net_CFLAGS := -include tests/host/fake_pages.h
fuzz_net_LDLIBS := -lcmocka
fuzz_net_RUNS := 3000
