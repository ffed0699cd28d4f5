# The ext2 server, all but its loop and its cache, on images that mke2fs makes.
EXT2_TEST_UNTRACED := $(addprefix tests/host/,ext2/fake_cache.c ext2/image.c ext2/unused.c \
    coro_host.c) \
    $(addprefix lib/libcoro/,coro.c sync.c)
EXT2_TEST_SRCS := $(EXT2_TEST_UNTRACED) $(ext2_FILES_SRCS) $(libext2fs_SRCS)
# libext2fs reads and writes fields of any alignment.
EXT2_TEST_CFLAGS := $(EXT2FS_INCLUDES) -fno-sanitize=alignment

HOST_TESTS += test_ext2
test_ext2_SRCS := tests/host/ext2/test_ext2.c $(EXT2_TEST_SRCS)
test_ext2_CFLAGS := $(EXT2_TEST_CFLAGS)

HOST_TESTS += test_ext2_random
test_ext2_random_SRCS := tests/host/ext2/test_ext2_random.c $(EXT2_TEST_SRCS)
test_ext2_random_CFLAGS := $(EXT2_TEST_CFLAGS)

HOST_TESTS += test_ext2_deaths
test_ext2_deaths_SRCS := tests/host/ext2/test_ext2_deaths.c $(EXT2_TEST_SRCS)
test_ext2_deaths_CFLAGS := $(EXT2_TEST_CFLAGS)
