# Anole. `make help` lists what there is. Plain GNU make, not recursive: each directory's module.mk
# names its sources (LIBS, PROGRAMS, HOST_TESTS, FUZZERS), the rules stand here and in tools/*.mk once.
#
#   LIBS += libfoo            libfoo_SRCS := lib/libfoo/a.c lib/libfoo/b.S
#                             libfoo_CFLAGS := ...    libfoo_DEPS := headers that the compiler hides
#   PROGRAMS += foo           foo_SRCS := drivers/foo/main.c    foo_LIBS := libfoo libanole
#   FLOAT_PROGRAMS += foo     the same, built for floating point
#   HOST_PROGRAMS += foo      of this machine, that tests use; the rest like HOST_TESTS
#   HOST_TESTS += test_foo    test_foo_SRCS := ...    test_foo_CFLAGS := ...    test_foo_LDLIBS := ...
#   FUZZERS += fuzz_foo       fuzz_foo_SRCS := ...    fuzz_foo_CFLAGS := ...    fuzz_foo_RUNS := 20000
#   KERNEL_SRCS += kernel/main.c kernel/riscv/entry.S

BUILD := build
CROSS := riscv64-unknown-elf-
CC := $(CROSS)gcc
AR := $(CROSS)ar
OBJCOPY := $(CROSS)objcopy
HOST_CC := gcc
FUZZ_CC := clang
# Where picolibc is; its headers and one library for rv64imac/lp64 are used.
PICOLIBC := /usr/lib/picolibc/riscv64-unknown-elf

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
# `make clean all` does one after the other.
ifneq ($(filter clean distclean,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif
# GNU make 4.3 hides -j from makefiles while it reads them. On the command line it wins over what
# stands here; in the environment it would not.
ifeq ($(shell echo "$$MAKEFLAGS" | grep -E '(^|-)[A-Za-z]*j'),)
MAKEFLAGS += -j$(shell nproc)
endif

# What needs no set-up works without it.
NO_SETUP_GOALS := setup clean distclean help
ifneq ($(filter-out $(NO_SETUP_GOALS),$(or $(MAKECMDGOALS),all)),)
include tools/setup.mk
endif

LIBS :=
PROGRAMS :=
FLOAT_PROGRAMS :=
HOST_TESTS :=
HOST_PROGRAMS :=
FUZZERS :=
KERNEL_SRCS :=
include $(wildcard kernel/module.mk lib/*/module.mk lib/*/*/module.mk drivers/*/module.mk servers/*/module.mk \
    commands/module.mk tests/guest/module.mk tests/bench/module.mk)
include $(wildcard tests/host/*.mk tests/vhost/module.mk)
include $(wildcard tests/fuzz/*.mk)

# What names sources and programs: lists made of them depend on these.
MODULE_FILES := Makefile $(filter-out $(BUILD)/%,$(filter %.mk,$(MAKEFILE_LIST)))

include tools/rules.mk
include tools/image.mk
include tools/check.mk

.PHONY: all run debug clean distclean help setup
all: $(BUILD)/anole.bin $(BUILD)/demo.img $(BUILD)/compile_commands.json

run: all
	@tools/run

debug: all
	@tools/run --gdb

setup:
	@mkdir -p $(BUILD) && tools/setup $(BUILD) && touch $(BUILD)/setup.stamp

# What set-up fetched and unpacked stays, so that a clean tree builds without a network.
clean:
	@if [ -d $(BUILD) ]; then find $(BUILD) -mindepth 1 -maxdepth 1 ! -name cache ! -name deps \
	    ! -name setup.stamp -exec rm -rf {} +; fi

distclean:
	@rm -rf $(BUILD)

help:
	@echo 'make [all]      build everything below $(BUILD)/'
	@echo 'make run        ... and give an interactive console; Ctrl-a x leaves'
	@echo 'make test       run all tests: unit, then system; the last line is the sum'
	@echo 'make unit       tests that run on this machine alone'
	@echo 'make system     tests that boot the whole system in QEMU'
	@echo 'make fuzz       each fuzzer for FUZZ_SECONDS (60)'
	@echo 'make bench      benchmarks: numbers, no verdict'
	@echo 'make lint       clang-format, clang-tidy, cppcheck, shellcheck'
	@echo 'make format     let clang-format write'
	@echo 'make debug      run, stopped at the first instruction, gdb port 1234'
	@echo 'make setup      install missing packages, fetch third-party sources'
	@echo 'make clean      drop what was built; distclean: what was fetched, too'
	@echo 'V=1 shows the commands.'
