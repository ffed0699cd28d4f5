KERNEL_SRCS := $(wildcard kernel/*.c) $(wildcard kernel/riscv/*.c) $(wildcard kernel/riscv/*.S)
