# How libraries, programs and host tests are built from what the module.mk files say.

# Quiet unless V=1: $(call say,CC,file) before the command.
ifeq ($(V),1)
say =
Q :=
else
say = @printf '  %-7s %s\n' $(1) $(2);
Q := @
endif

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes
INCLUDES := -Iinclude -Ilib
LIBFDT_DIR := $(BUILD)/deps/libfdt
# Third-party headers are none of our warnings' business.
DEPS_INCLUDES := -isystem $(LIBFDT_DIR)

# The ISA at compile time has CSR and fence.i instructions; linking must say rv64imac, or the wrong
# multilib is taken.
RISCV_ISA := -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany
RISCV_LINK := -march=rv64imac -mabi=lp64 -mcmodel=medany
COMMON_CFLAGS := -std=gnu17 -O2 -g -fno-omit-frame-pointer -ffunction-sections -fdata-sections \
    -fno-common $(RISCV_ISA) -MMD -MP

# picolibc's multilib for linking; local-exec is what its specs ask for, too.
PICOLIBC_LIB := $(PICOLIBC)/lib/rv64imac/lp64
USER_CFLAGS := $(COMMON_CFLAGS) -ftls-model=local-exec -isystem lib/libanole/include \
    -isystem $(PICOLIBC)/include \
    $(INCLUDES) $(DEPS_INCLUDES)
USER_LDFLAGS := $(RISCV_LINK) -nostdlib -nostartfiles -static -T lib/libanole/user.ld \
    -Wl,-u,_start,--gc-sections,--build-id=none,-z,max-page-size=4096,--fatal-warnings \
    -Wl,--wrap=__bufio_put,--wrap=__bufio_flush # lib/libanole/stdio.c

# gcc takes every variable of a function that calls setjmp, as cmocka's macros do, for clobbered.
HOST_CFLAGS := -std=gnu17 -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined -MMD -MP -D_GNU_SOURCE $(INCLUDES) -I. $(DEPS_INCLUDES)
HOST_LDFLAGS := -fsanitize=address,undefined

# Sources below build/deps are third-party: no warnings of ours.
warnings_for = $(if $(filter $(BUILD)/deps/%,$(1)),-w,$(WARNINGS))

# Objects of $(2), a list of sources, below directory $(1). The suffix stays in the name: trap.c and
# trap.S may stand side by side.
objects = $(patsubst %,$(1)/%.o,$(patsubst $(BUILD)/%,%,$(2)))

define compile_user
$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(USER_CFLAGS) $(call warnings_for,$<) \
    -ffile-prefix-map=$(CURDIR)/= $(EXTRA_CFLAGS) -c -o $@ $<
endef

$(BUILD)/obj/%.c.o: %.c tools/rules.mk
	$(compile_user)
$(BUILD)/obj/%.S.o: %.S tools/rules.mk
	$(compile_user)
$(BUILD)/obj/deps/%.c.o: $(BUILD)/deps/%.c tools/rules.mk
	$(compile_user)

# Programs have what their parents hand on, files among it; services, which nobody hands anything, stay small.
inheriting = $(if $(filter servers/% drivers/%,$(1)),,-Wl$(,)-u$(,)inheritance_take)
, := ,

ALL_OBJS :=

define library_rules
$(1)_OBJS := $$(call objects,$$(BUILD)/obj,$$($(1)_SRCS))
ALL_OBJS += $$($(1)_OBJS)
$$($(1)_OBJS): EXTRA_CFLAGS := $$($(1)_CFLAGS)
$$($(1)_OBJS): $$($(1)_DEPS)
$$(BUILD)/lib/$(1).a: $$($(1)_OBJS)
	$$(call say,AR,$$@)mkdir -p $$(@D) && rm -f $$@ && $$(AR) rcsD $$@ $$^
endef

define program_rules
$(1)_OBJS := $$(call objects,$$(BUILD)/obj,$$($(1)_SRCS))
ALL_OBJS += $$($(1)_OBJS)
$(1)_ARCHIVES := $$(patsubst %,$$(BUILD)/lib/%.a,$$($(1)_LIBS) libmem)
$$($(1)_OBJS): EXTRA_CFLAGS := $$($(1)_CFLAGS)
$$($(1)_OBJS): $$($(1)_DEPS)
$$(BUILD)/bin/$(1): $$($(1)_OBJS) $$($(1)_ARCHIVES) lib/libanole/user.ld
	$$(call say,LD,$$@)mkdir -p $$(@D) && $$(CC) $$(USER_LDFLAGS) $$(call inheriting,$$($(1)_SRCS)) \
	    -Wl,-Map=$$@.map -o $$@ $$($(1)_OBJS) -L$$(PICOLIBC_LIB) \
	    -Wl,--start-group $$($(1)_ARCHIVES) -lc -lgcc -Wl,--end-group
endef

# A program built for floating point: it and its libraries are compiled once more for the D extension's
# calling convention, by which the boot image and so the kernel know it.
FLOAT_ISA := -march=rv64imafdc_zicsr_zifencei -mabi=lp64d -mcmodel=medany
FLOAT_LINK := -march=rv64imafdc -mabi=lp64d -mcmodel=medany
FLOAT_CFLAGS := $(subst $(RISCV_ISA),$(FLOAT_ISA),$(USER_CFLAGS))
FLOAT_LDFLAGS := $(subst $(RISCV_LINK),$(FLOAT_LINK),$(USER_LDFLAGS))

define compile_float
$(call say,CCFLOAT,$<)mkdir -p $(@D) && $(CC) $(FLOAT_CFLAGS) $(call warnings_for,$<) \
    -ffile-prefix-map=$(CURDIR)/= -c -o $@ $<
endef

$(BUILD)/float/%.c.o: %.c
	$(compile_float)
$(BUILD)/float/%.S.o: %.S
	$(compile_float)

define float_program_rules
$(1)_OBJS := $$(call objects,$$(BUILD)/float,$$($(1)_SRCS) \
    $$(foreach lib,$$($(1)_LIBS),$$($$(lib)_SRCS)))
ALL_OBJS += $$($(1)_OBJS)
$$(BUILD)/bin/$(1): $$($(1)_OBJS) lib/libanole/user.ld
	$$(call say,LD,$$@)mkdir -p $$(@D) && $$(CC) $$(FLOAT_LDFLAGS) $$(call inheriting,$$($(1)_SRCS)) \
	    -Wl,-Map=$$@.map -o $$@ \
	    $$($(1)_OBJS) -L$$(PICOLIBC)/lib/rv64imafdc/lp64d \
	    -Wl,--start-group -lc -lgcc -Wl,--end-group
endef

# Host tests (and programs) compile their sources for themselves: most have flags of their own. Those with
# the same flags share their objects, in a directory that has the flags for its name.
EMPTY :=
flags_name = $(or $(subst /,+,$(subst =,~,$(subst $(EMPTY) $(EMPTY),$(,),$(strip $(1))))),plain)

define host_object_rules
$$(BUILD)/host/obj/$(1)/%.c.o: %.c
	$$(call say,HOSTCC,$$<)mkdir -p $$(@D) && $$(HOST_CC) $$(HOST_CFLAGS) \
	    $$(call warnings_for,$$<) -Wno-clobbered $$(EXTRA_CFLAGS) -c -o $$@ $$<
$$(BUILD)/host/obj/$(1)/deps/%.c.o: $$(BUILD)/deps/%.c
	$$(call say,HOSTCC,$$<)mkdir -p $$(@D) && $$(HOST_CC) $$(HOST_CFLAGS) -w \
	    $$(EXTRA_CFLAGS) -c -o $$@ $$<
endef

define host_test_rules
$(1)_OBJS := $$(call objects,$$(BUILD)/host/obj/$$(call flags_name,$$($(1)_CFLAGS)),$$($(1)_SRCS))
HOST_OBJS += $$($(1)_OBJS)
$$($(1)_OBJS): EXTRA_CFLAGS := $$($(1)_CFLAGS)
$$($(1)_OBJS): $$($(1)_DEPS)
$$(BUILD)/host/$(1): $$($(1)_OBJS)
	$$(call say,HOSTLD,$$@)$$(HOST_CC) $$(HOST_LDFLAGS) $$($(1)_CFLAGS) -o $$@ $$^ \
	    $$(if $$(filter $(1),$$(HOST_TESTS)),-lcmocka) $$($(1)_LDLIBS)
endef
HOST_OBJS :=

# A fuzzer: libFuzzer's main, and sources that are compiled for it alone, as for a host test. What
# $(1)_UNTRACED names isn't under test: libFuzzer doesn't look at which way it goes.
FUZZ_CFLAGS := $(HOST_CFLAGS) -fsanitize=fuzzer-no-link
FUZZ_LDFLAGS := -fsanitize=fuzzer,address,undefined

define fuzzer_rules
$(1)_OBJS := $$(call objects,$$(BUILD)/fuzz/obj/$(1),$$($(1)_SRCS))
HOST_OBJS += $$($(1)_OBJS)
$$($(1)_OBJS): EXTRA_CFLAGS := $$($(1)_CFLAGS)
$$($(1)_OBJS): $$($(1)_DEPS)
$$(call objects,$$(BUILD)/fuzz/obj/$(1),$$($(1)_UNTRACED)): EXTRA_CFLAGS += \
    -fno-sanitize=fuzzer-no-link
$$(BUILD)/fuzz/obj/$(1)/%.c.o: %.c tools/rules.mk
	$$(call say,FUZZCC,$$<)mkdir -p $$(@D) && $$(FUZZ_CC) $$(FUZZ_CFLAGS) \
	    $$(call warnings_for,$$<) -Wno-sign-conversion $$(EXTRA_CFLAGS) -c -o $$@ $$<
$$(BUILD)/fuzz/obj/$(1)/deps/%.c.o: $$(BUILD)/deps/%.c tools/rules.mk
	$$(call say,FUZZCC,$$<)mkdir -p $$(@D) && $$(FUZZ_CC) $$(FUZZ_CFLAGS) -w \
	    $$(EXTRA_CFLAGS) -c -o $$@ $$<
$$(BUILD)/fuzz/$(1): $$($(1)_OBJS)
	$$(call say,FUZZLD,$$@)$$(FUZZ_CC) $$(FUZZ_LDFLAGS) $$($(1)_CFLAGS) -o $$@ $$^ $$($(1)_LDLIBS)
endef

# libfdt, out of the fetched source of the device-tree compiler.
LIBFDT_SRCS := $(addprefix $(LIBFDT_DIR)/,fdt.c fdt_ro.c fdt_wip.c fdt_sw.c fdt_rw.c \
    fdt_strerror.c fdt_empty_tree.c fdt_addresses.c fdt_check.c)
LIBS += libfdt
libfdt_SRCS := $(LIBFDT_SRCS)

$(foreach lib,$(LIBS),$(eval $(call library_rules,$(lib))))
$(foreach program,$(PROGRAMS),$(eval $(call program_rules,$(program))))
$(foreach program,$(FLOAT_PROGRAMS),$(eval $(call float_program_rules,$(program))))
$(foreach name,$(sort $(foreach test,$(HOST_TESTS) $(HOST_PROGRAMS),$(call flags_name,$($(test)_CFLAGS)))),\
    $(eval $(call host_object_rules,$(name))))
$(foreach test,$(HOST_TESTS) $(HOST_PROGRAMS),$(eval $(call host_test_rules,$(test))))
$(foreach fuzzer,$(FUZZERS),$(eval $(call fuzzer_rules,$(fuzzer))))
