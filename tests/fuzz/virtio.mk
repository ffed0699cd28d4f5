# Both ends of virtio under a peer that does anything.
FUZZERS += fuzz_vdev
fuzz_vdev_UNTRACED := tests/fuzz/virtio/fuzz_vdev.c
fuzz_vdev_SRCS := $(fuzz_vdev_UNTRACED) $(libvirtiodev_SRCS)
fuzz_vdev_RUNS := 20000

FUZZERS += fuzz_virtio_blk
fuzz_virtio_blk_UNTRACED := $(addprefix tests/fuzz/virtio/, fuzz_virtio_blk.c used.c) \
    $(libvirtiodev_SRCS)
fuzz_virtio_blk_SRCS := $(fuzz_virtio_blk_UNTRACED) $(VIRTIO_DEVICE) lib/libanole/error.c \
    $(addprefix drivers/virtio_blk/, disk.c config.c request.c interrupt.c)
fuzz_virtio_blk_CFLAGS := -include tests/host/fake_pages.h
fuzz_virtio_blk_RUNS := 20000

FUZZERS += fuzz_virtq
fuzz_virtq_UNTRACED := $(addprefix tests/fuzz/virtio/, fuzz_virtq.c used.c)
fuzz_virtq_SRCS := $(fuzz_virtq_UNTRACED) $(VIRTIO_RING)
fuzz_virtq_RUNS := 30000
