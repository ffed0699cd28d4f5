# Tests of the kernel's pure parts.
HOST_TESTS += test_endpoint test_fence test_random
test_random_SRCS := tests/host/kernel/test_random.c
test_random_CFLAGS := -Ikernel
test_endpoint_SRCS := tests/host/kernel/test_endpoint.c kernel/endpoint.c
test_endpoint_CFLAGS := -Ikernel
test_fence_SRCS := tests/host/kernel/test_fence.c
test_fence_CFLAGS := -Ikernel

# The machine-independent kernel itself, over a thin machine layer of the host's. kernel_inside.c has
# within it those files of the kernel that it looks into.
HOST_KERNEL_INSIDE := $(addprefix kernel/, frame.c irq.c kprintf.c region.c thread.c timer.c)
HOST_KERNEL_SRCS := $(addprefix tests/host/kernel/, host_machine.c host_memory.c host_process.c \
    kernel_inside.c) \
    $(filter-out kernel/main.c kernel/first.c $(HOST_KERNEL_INSIDE),$(wildcard kernel/*.c))
HOST_KERNEL_INVARIANTS := $(addprefix tests/host/kernel/, invariants.c invariants_irq.c \
    invariants_memory.c)
HOST_KERNEL_CFLAGS := -Itests/host/kernel -Ikernel -fno-builtin-printf
HOST_TESTS += test_handles test_ipc test_log
test_log_SRCS := tests/host/kernel/test_log.c $(HOST_KERNEL_SRCS)
test_log_CFLAGS := $(HOST_KERNEL_CFLAGS)
test_ipc_SRCS := tests/host/kernel/test_ipc.c $(HOST_KERNEL_SRCS)
test_ipc_CFLAGS := $(HOST_KERNEL_CFLAGS)
test_handles_SRCS := tests/host/kernel/test_handles.c $(HOST_KERNEL_SRCS)
test_handles_CFLAGS := $(HOST_KERNEL_CFLAGS)
HOST_TESTS += test_processes
test_processes_SRCS := tests/host/kernel/test_processes.c $(HOST_KERNEL_SRCS)
test_processes_CFLAGS := $(HOST_KERNEL_CFLAGS)
HOST_TESTS += test_deaths
test_deaths_SRCS := tests/host/kernel/test_deaths.c $(HOST_KERNEL_INVARIANTS) $(HOST_KERNEL_SRCS)
test_deaths_CFLAGS := $(HOST_KERNEL_CFLAGS)
HOST_TESTS += test_irq
test_irq_SRCS := tests/host/kernel/test_irq.c $(HOST_KERNEL_INVARIANTS) $(HOST_KERNEL_SRCS)
test_irq_CFLAGS := $(HOST_KERNEL_CFLAGS)
HOST_TESTS += test_sched
test_sched_SRCS := tests/host/kernel/test_sched.c $(HOST_KERNEL_SRCS)
test_sched_CFLAGS := $(HOST_KERNEL_CFLAGS)
