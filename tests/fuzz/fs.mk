# A file server between vfs and programs that say anything.
FUZZERS += fuzz_libfs
fuzz_libfs_UNTRACED := tests/fuzz/fs/fuzz_libfs.c tests/host/coro_host.c \
    $(addprefix tests/host/virtio/, fake_kernel.c fake_memory.c)
fuzz_libfs_SRCS := $(fuzz_libfs_UNTRACED) tests/host/libfs_world.c \
    $(addprefix servers/memfs/, mem.c node.c names.c) \
    $(filter-out $(fuzz_libfs_UNTRACED) tests/host/libfs_world.c,$(LIBFS_WORLD_SRCS))
fuzz_libfs_CFLAGS := $(LIBFS_WORLD_CFLAGS)
fuzz_libfs_LDLIBS := -lcmocka
fuzz_libfs_RUNS := 3000
