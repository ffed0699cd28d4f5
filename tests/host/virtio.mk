# libvirtio, the driver side of libblk, and the virtio block driver, over fakes of device and kernel.
VIRTIO_RING := lib/libvirtio/virtq.c lib/libvirtio/split.c
VIRTIO_DEVICE := $(VIRTIO_RING) $(addprefix lib/libvirtio/, feature.c feature_name.c transport.c \
    device.c mmio.c pci.c)
VIRTIO_RING_MODEL := $(addprefix tests/host/virtio/, fake_memory.c ring_model.c)
VIRTIO_DEVICE_MODEL := $(VIRTIO_RING_MODEL) tests/host/virtio/fake_mmio.c

HOST_TESTS += test_virtq
test_virtq_SRCS := tests/host/virtio/test_virtq.c $(VIRTIO_RING_MODEL) $(VIRTIO_RING)

HOST_TESTS += test_virtio_device
test_virtio_device_SRCS := tests/host/virtio/test_virtio_device.c $(VIRTIO_DEVICE_MODEL) \
    $(VIRTIO_DEVICE)

HOST_TESTS += test_virtio_pci
test_virtio_pci_SRCS := tests/host/virtio/test_virtio_pci.c tests/host/virtio/fake_pci.c \
    $(VIRTIO_DEVICE_MODEL) $(VIRTIO_DEVICE)

HOST_TESTS += test_partition
test_partition_SRCS := tests/host/virtio/test_partition.c lib/libblk/partition.c lib/libblk/gpt.c

BLK_DRIVER := $(addprefix lib/libblk/, server.c session.c attach.c message.c information.c \
    dispatch.c submit.c queues.c gather.c partition.c gpt.c) lib/libchan/channel.c lib/libanole/error.c
BLK_DRIVER_FAKES := $(addprefix tests/host/virtio/, fake_kernel.c fake_memory.c blk_client.c)

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

HOST_TESTS += test_virtio_blk
test_virtio_blk_CFLAGS := -include tests/host/fake_pages.h
test_virtio_blk_SRCS := tests/host/virtio/test_virtio_blk.c tests/host/virtio/ring_model.c \
    tests/host/virtio/fake_mmio.c $(BLK_DRIVER_FAKES) $(BLK_DRIVER) $(VIRTIO_DEVICE) \
    $(addprefix drivers/virtio_blk/, disk.c config.c request.c interrupt.c)
