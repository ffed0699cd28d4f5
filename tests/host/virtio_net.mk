# virtio_net and libnet's server over a model of the device.
NET_DRIVER := $(libnetdrv_SRCS) $(libdrv_SRCS) lib/libchan/channel.c lib/libanole/error.c \
    $(addprefix drivers/virtio_net/, nic.c ring.c control.c) \
    $(addprefix lib/libvirtio/, virtq.c split.c packed.c feature.c feature_name.c transport.c \
    device.c mmio.c)
NET_MODEL := $(addprefix tests/host/virtio/, net_fixture.c nic_model.c fake_kernel.c \
    fake_memory.c) $(filter-out %/blk.c %/blk_request.c,$(libvirtiodev_SRCS))

HOST_TESTS += test_virtio_net
test_virtio_net_CFLAGS := -include tests/host/fake_pages.h
test_virtio_net_SRCS := tests/host/virtio/test_virtio_net.c $(NET_MODEL) $(NET_DRIVER)

HOST_TESTS += test_virtio_net_device
test_virtio_net_device_CFLAGS := -include tests/host/fake_pages.h
test_virtio_net_device_SRCS := tests/host/virtio/test_virtio_net_device.c $(NET_MODEL) $(NET_DRIVER)

HOST_TESTS += test_net_client
test_net_client_SRCS := tests/host/test_net_client.c lib/libnet/client.c lib/libnet/client_path.c \
    lib/libchan/channel.c lib/libanole/error.c

HOST_TESTS += test_virtio_net_pairs
test_virtio_net_pairs_CFLAGS := -include tests/host/fake_pages.h
test_virtio_net_pairs_SRCS := tests/host/virtio/test_virtio_net_pairs.c $(NET_MODEL) $(NET_DRIVER)
