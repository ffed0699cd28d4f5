# libvirtio, the driver side of libblk, and the virtio block driver, over fakes of device and kernel.
VIRTIO_RING := $(addprefix lib/libvirtio/, virtq.c split.c packed.c)
VIRTIO_DEVICE := $(VIRTIO_RING) $(addprefix lib/libvirtio/, feature.c feature_name.c transport.c \
    device.c mmio.c pci.c)
VIRTIO_RING_MODEL := $(addprefix tests/host/virtio/, fake_memory.c ring_model.c)
VIRTIO_DEVICE_MODEL := $(VIRTIO_RING_MODEL) tests/host/virtio/fake_mmio.c

VIRTQ_FIXTURE := $(addprefix tests/host/virtio/, virtq_fixture.c packed_model.c) \
    $(VIRTIO_RING_MODEL) $(VIRTIO_RING)

HOST_TESTS += test_virtq test_virtq_life test_virtq_hostile
test_virtq_SRCS := tests/host/virtio/test_virtq.c $(VIRTQ_FIXTURE)
test_virtq_hostile_SRCS := tests/host/virtio/test_virtq_hostile.c $(VIRTQ_FIXTURE)
test_virtq_life_SRCS := tests/host/virtio/test_virtq_life.c $(VIRTQ_FIXTURE)

HOST_TESTS += test_virtio_device
test_virtio_device_SRCS := tests/host/virtio/test_virtio_device.c $(VIRTIO_DEVICE_MODEL) \
    $(VIRTIO_DEVICE)

HOST_TESTS += test_virtio_pci
test_virtio_pci_SRCS := tests/host/virtio/test_virtio_pci.c tests/host/virtio/fake_pci.c \
    $(VIRTIO_DEVICE_MODEL) $(VIRTIO_DEVICE)

# The frame of small drivers and a driver on it, as a whole process.
HOST_TESTS += test_virtio_driver
test_virtio_driver_SRCS := tests/host/virtio/test_virtio_driver.c \
    $(addprefix tests/host/virtio/, driver_world.c fake_kernel.c) $(VIRTIO_DEVICE_MODEL) \
    $(VIRTIO_DEVICE) lib/libvirtio/attach.c lib/libvirtio/info.c lib/libanole/error.c
test_virtio_driver_CFLAGS := -include tests/host/fake_pages.h

HOST_TESTS += test_partition
test_partition_SRCS := tests/host/virtio/test_partition.c lib/libblk/partition.c lib/libblk/gpt.c

BLK_DRIVER := $(addprefix lib/libblk/, server.c session.c attach.c message.c information.c \
    dispatch.c submit.c queues.c gather.c partition.c gpt.c) \
    $(libdrv_SRCS) lib/libchan/channel.c lib/libanole/error.c
BLK_DRIVER_FAKES := $(addprefix tests/host/virtio/, fake_kernel.c fake_thread.c fake_memory.c \
    blk_client.c)

BLK_FIXTURE := $(addprefix tests/host/virtio/, blk_fixture.c fake_disk.c)

HOST_TESTS += test_blk_server test_blk_flow
test_blk_server_SRCS := tests/host/virtio/test_blk_server.c $(BLK_FIXTURE) $(BLK_DRIVER_FAKES) \
    $(BLK_DRIVER)
test_blk_flow_SRCS := tests/host/virtio/test_blk_flow.c $(BLK_FIXTURE) $(BLK_DRIVER_FAKES) \
    $(BLK_DRIVER)

HOST_TESTS += test_blk_features
test_blk_features_SRCS := tests/host/virtio/test_blk_features.c $(BLK_FIXTURE) \
    $(BLK_DRIVER_FAKES) $(BLK_DRIVER)

HOST_TESTS += test_blk_queues
test_blk_queues_SRCS := tests/host/virtio/test_blk_queues.c $(BLK_FIXTURE) $(BLK_DRIVER_FAKES) \
    $(BLK_DRIVER)

HOST_TESTS += test_blk_channel
test_blk_channel_SRCS := tests/host/virtio/test_blk_channel.c tests/host/virtio/fake_disk.c \
    $(BLK_DRIVER_FAKES) $(BLK_DRIVER)

DISK_FIXTURE := $(addprefix tests/host/virtio/, disk_fixture.c ring_model.c fake_mmio.c) \
    $(BLK_DRIVER_FAKES) $(BLK_DRIVER) $(VIRTIO_DEVICE) \
    $(addprefix drivers/virtio_blk/, disk.c config.c request.c interrupt.c)
HOST_TESTS += test_virtio_blk test_virtio_blk_start
test_virtio_blk_CFLAGS := -include tests/host/fake_pages.h
test_virtio_blk_SRCS := tests/host/virtio/test_virtio_blk.c $(DISK_FIXTURE)
test_virtio_blk_start_CFLAGS := -include tests/host/fake_pages.h
test_virtio_blk_start_SRCS := tests/host/virtio/test_virtio_blk_start.c $(DISK_FIXTURE)

# The device's side of libvirtio, against the driver's and against drivers that break every rule.
VIRTIO_PEER := $(libvirtiodev_SRCS) $(VIRTIO_DEVICE) \
    $(addprefix tests/host/virtio/, device_rig.c fake_memory.c)

HOST_TESTS += test_vdev_blk
test_vdev_blk_SRCS := tests/host/virtio/test_vdev_blk.c $(VIRTIO_PEER)

HAND_DRIVER := tests/host/virtio/hand_driver.c $(VIRTIO_PEER)
HOST_TESTS += test_vdev_mmio test_vdev_split test_vdev_disk
test_vdev_mmio_SRCS := tests/host/virtio/test_vdev_mmio.c $(HAND_DRIVER)
test_vdev_split_SRCS := tests/host/virtio/test_vdev_split.c $(HAND_DRIVER)
test_vdev_disk_SRCS := tests/host/virtio/test_vdev_disk.c $(HAND_DRIVER)

HOST_TESTS += test_vdev_store
test_vdev_store_SRCS := tests/host/virtio/test_vdev_store.c lib/libvirtio/device/store_file.c

HOST_TESTS += test_vdev_ring
test_vdev_ring_SRCS := tests/host/virtio/test_vdev_ring.c tests/host/virtio/fake_memory.c \
    $(VIRTIO_RING) $(addprefix lib/libvirtio/device/, queue.c split.c packed.c)

HOST_TESTS += test_vdev_packed
test_vdev_packed_SRCS := tests/host/virtio/test_vdev_packed.c tests/host/virtio/fake_memory.c \
    $(addprefix lib/libvirtio/device/, queue.c split.c packed.c)

HOST_TESTS += test_vdev_threads test_vdev_tsan
test_vdev_threads_SRCS := tests/host/virtio/test_vdev_threads.c $(VIRTIO_RING) \
    $(addprefix lib/libvirtio/device/, queue.c split.c packed.c)
test_vdev_threads_LDLIBS := -pthread
test_vdev_tsan_SRCS := $(test_vdev_threads_SRCS)
test_vdev_tsan_CFLAGS := -fno-sanitize=all -fsanitize=thread -DLIBVIRTIO_TSAN \
    -include tests/host/virtio/tsan_barrier.h
test_vdev_tsan_LDLIBS := -pthread

HOST_TESTS += test_vdev_pci
test_vdev_pci_SRCS := tests/host/virtio/test_vdev_pci.c $(VIRTIO_PEER)
