# The network server, with lwIP, between a wire and clients that do anything.
FUZZERS += fuzz_inet
fuzz_inet_UNTRACED := $(addprefix tests/fuzz/inet/, fuzz_inet.c packets.c requests.c) $(INET_FIXTURE)
fuzz_inet_SRCS := $(fuzz_inet_UNTRACED) $(INET_HOST_SRCS)
fuzz_inet_CFLAGS := $(INET_HOST_CFLAGS)
fuzz_inet_RUNS := 3000
fuzz_inet_DEPS := $(LWIP_PORT)
