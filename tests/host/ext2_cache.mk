# The ext2 server's block cache, over a fake disk.
EXT2_CACHE_SRCS := $(wildcard servers/ext2/cache*.c)
CACHE_TEST_SRCS := $(addprefix tests/host/, cache_fixture.c fake_disk.c coro_host.c) \
    $(EXT2_CACHE_SRCS) lib/libcoro/coro.c lib/libcoro/sync.c

HOST_TESTS += test_ext2_cache
test_ext2_cache_SRCS := tests/host/test_ext2_cache.c $(CACHE_TEST_SRCS)

HOST_TESTS += test_ext2_log
test_ext2_log_SRCS := tests/host/test_ext2_log.c $(CACHE_TEST_SRCS)
test_ext2_log_CFLAGS := -include tests/host/kept_stored.h
