# The machine-independent kernel under random calls from several harts.
FUZZERS += fuzz_kernel
fuzz_kernel_SRCS := $(addprefix tests/fuzz/kernel/, fuzz_kernel.c arguments.c world.c) \
    $(HOST_KERNEL_INVARIANTS) $(HOST_KERNEL_SRCS)
fuzz_kernel_UNTRACED := $(filter-out tests/host/kernel/kernel_inside.c, \
    $(filter tests/%,$(fuzz_kernel_SRCS)))
fuzz_kernel_CFLAGS := $(HOST_KERNEL_CFLAGS)
fuzz_kernel_RUNS := 4000
