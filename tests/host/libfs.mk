# File servers: libfs and what stands on it, and vfs, over a fake kernel.
LIBFS_WORLD_SRCS := tests/host/libfs_world.c tests/host/coro_host.c \
    $(addprefix tests/host/virtio/, fake_kernel.c fake_memory.c) \
    $(addprefix lib/libfs/, walk.c paths.c names.c mounts.c data.c) \
    $(addprefix lib/libcoro/, coro.c sync.c) lib/libchan/channel.c lib/libanole/error.c
LIBFS_WORLD_CFLAGS := -include tests/host/fake_pages.h -Itests/host

LIBFS_MEM_SRCS := tests/host/libfs_mem.c $(addprefix servers/memfs/, mem.c node.c names.c)

HOST_TESTS += test_libfs_files
test_libfs_files_SRCS := tests/host/test_libfs_files.c $(LIBFS_WORLD_SRCS) $(LIBFS_MEM_SRCS)
test_libfs_files_CFLAGS := $(LIBFS_WORLD_CFLAGS)

HOST_TESTS += test_libfs_paths
test_libfs_paths_SRCS := tests/host/test_libfs_paths.c $(LIBFS_WORLD_SRCS) $(LIBFS_MEM_SRCS)
test_libfs_paths_CFLAGS := $(LIBFS_WORLD_CFLAGS)

HOST_TESTS += test_libfs_survival
test_libfs_survival_SRCS := $(addprefix tests/host/, test_libfs_survival.c slow_fs.c) $(LIBFS_WORLD_SRCS)
test_libfs_survival_CFLAGS := $(LIBFS_WORLD_CFLAGS)

# Disks as files of memfs's "dev".
HOST_TESTS += test_dev_disk
test_dev_disk_SRCS := tests/host/test_dev_disk.c tests/host/fake_disk.c tests/host/coro_host.c \
    $(addprefix servers/memfs/, disk.c disk_io.c) $(addprefix lib/libcoro/, coro.c sync.c)

VFS_WORLD_SRCS := $(addprefix tests/host/, vfs_world.c coro_host.c) \
    $(addprefix tests/host/virtio/, fake_kernel.c fake_memory.c) \
    $(addprefix servers/vfs/, tell.c walk.c paths.c names.c mount.c) \
    $(addprefix lib/libcoro/, coro.c sync.c) lib/libchan/channel.c lib/libanole/error.c

HOST_TESTS += test_vfs
test_vfs_SRCS := tests/host/test_vfs.c $(VFS_WORLD_SRCS)
test_vfs_CFLAGS := -include tests/host/fake_pages.h -Itests/host

HOST_TESTS += test_vfs_lies
test_vfs_lies_SRCS := tests/host/test_vfs_lies.c $(VFS_WORLD_SRCS)
test_vfs_lies_CFLAGS := -include tests/host/fake_pages.h -Itests/host
