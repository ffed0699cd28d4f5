# The functions get other names here, so that the test can compare them with the host's own. ASan
# would object to memcpy's whole-word reads at the edges of a misaligned source.
HOST_TESTS += test_mem
test_mem_SRCS := tests/host/test_mem.c lib/libmem/copy.c lib/libmem/set.c lib/libmem/compare.c
test_mem_CFLAGS := -fno-builtin -fno-sanitize=address -Dmemcpy=anole_memcpy \
    -Dmemmove=anole_memmove -Dmemset=anole_memset -Dmemcmp=anole_memcmp
