# Tests of the kernel's pure parts.
HOST_TESTS += test_endpoint test_fence
test_endpoint_SRCS := tests/host/kernel/test_endpoint.c kernel/endpoint.c
test_endpoint_CFLAGS := -Ikernel
test_fence_SRCS := tests/host/kernel/test_fence.c
test_fence_CFLAGS := -Ikernel

# The machine-independent kernel itself, over a thin machine layer of the host's.
HOST_KERNEL_SRCS := tests/host/kernel/host_machine.c $(filter-out kernel/main.c kernel/first.c, \
    $(wildcard kernel/*.c))
HOST_KERNEL_CFLAGS := -Itests/host/kernel -Ikernel -fno-builtin-printf
HOST_TESTS += test_handles test_ipc
test_ipc_SRCS := tests/host/kernel/test_ipc.c $(HOST_KERNEL_SRCS)
test_ipc_CFLAGS := $(HOST_KERNEL_CFLAGS)
test_handles_SRCS := tests/host/kernel/test_handles.c $(HOST_KERNEL_SRCS)
test_handles_CFLAGS := $(HOST_KERNEL_CFLAGS)
