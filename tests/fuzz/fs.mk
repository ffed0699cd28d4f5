# A file server between vfs and programs that say anything.
FUZZERS += fuzz_libfs
fuzz_libfs_UNTRACED := tests/fuzz/fs/fuzz_libfs.c tests/host/coro_host.c \
    $(addprefix tests/host/virtio/, fake_kernel.c fake_memory.c)
fuzz_libfs_SRCS := $(fuzz_libfs_UNTRACED) \
    $(filter-out $(fuzz_libfs_UNTRACED),$(LIBFS_WORLD_SRCS) $(LIBFS_MEM_SRCS))
fuzz_libfs_CFLAGS := $(LIBFS_WORLD_CFLAGS)
fuzz_libfs_LDLIBS := -lcmocka
fuzz_libfs_RUNS := 3000
