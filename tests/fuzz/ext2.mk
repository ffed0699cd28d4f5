# The ext2 server on images that were tampered with.
FUZZERS += fuzz_ext2
fuzz_ext2_UNTRACED := tests/fuzz/ext2/fuzz_ext2.c $(EXT2_TEST_UNTRACED)
fuzz_ext2_SRCS := $(fuzz_ext2_UNTRACED) $(ext2_FILES_SRCS) $(libext2fs_SRCS)
fuzz_ext2_CFLAGS := $(EXT2_TEST_CFLAGS)
fuzz_ext2_RUNS := 2000
