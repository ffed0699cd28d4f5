# The kernel, the boot image that is linked behind it, and the demo disk.

KERNEL_CFLAGS := $(COMMON_CFLAGS) -ffreestanding -fno-stack-protector -isystem $(PICOLIBC)/include \
    -Iinclude -Ikernel -Ikernel/riscv $(DEPS_INCLUDES)
KERNEL_LDFLAGS := $(RISCV_LINK) -nostdlib -nostartfiles -static -T kernel/riscv/kernel.ld \
    -Wl,--gc-sections,--build-id=none,-z,max-page-size=4096,-Map=$(BUILD)/anole.map

# Of picolibc the kernel takes string functions, of libfdt the reading half.
KERNEL_LIBFDT_SRCS := $(addprefix $(LIBFDT_DIR)/,fdt.c fdt_ro.c fdt_addresses.c fdt_strerror.c)
KERNEL_OBJS := $(call objects,$(BUILD)/kernel,$(KERNEL_SRCS) $(KERNEL_LIBFDT_SRCS))

define compile_kernel
$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(KERNEL_CFLAGS) $(call warnings_for,$<) \
    -ffile-prefix-map=$(CURDIR)/= -c -o $@ $<
endef

$(BUILD)/kernel/%.c.o: %.c tools/rules.mk tools/image.mk
	$(compile_kernel)
$(BUILD)/kernel/%.S.o: %.S tools/rules.mk tools/image.mk
	$(compile_kernel)
$(BUILD)/kernel/deps/%.c.o: $(BUILD)/deps/%.c tools/rules.mk tools/image.mk
	$(compile_kernel)

# What goes into the boot image: every program, the checked system description, the start script.
BOOT_PROGRAMS := $(patsubst %,$(BUILD)/bin/%,$(PROGRAMS) $(FLOAT_PROGRAMS))
START_SCRIPT := $(wildcard etc/rc)
BOOT_FILES := $(foreach file,$(START_SCRIPT),$(file)=$(file))

$(BUILD)/system.dtb: etc/system.dts tools/check-system include/anole/kcall.h \
    include/anole/process.h $(MODULE_FILES)
	$(call say,DTC,$<)mkdir -p $(@D) && tools/check-system --programs "$(PROGRAMS) $(FLOAT_PROGRAMS)" $< && \
	    dtc -q -I dts -O dtb -o $@ $<

# The directory's time changes when the script is removed.
$(BUILD)/boot.img: tools/mkimage $(BOOT_PROGRAMS) $(BUILD)/system.dtb etc $(START_SCRIPT) \
    $(MODULE_FILES)
	$(call say,IMAGE,$@)tools/mkimage -o $@ $(BOOT_PROGRAMS) system.dtb=$(BUILD)/system.dtb \
	    $(BOOT_FILES)

$(BUILD)/kernel/bootimage.o: tools/bootimage.S $(BUILD)/boot.img
	$(call say,AS,$<)mkdir -p $(@D) && $(CC) $(RISCV_ISA) -DBOOT_IMAGE='"$(BUILD)/boot.img"' \
	    -c -o $@ $<

$(BUILD)/anole.elf: $(KERNEL_OBJS) $(BUILD)/kernel/bootimage.o $(BUILD)/lib/libmem.a \
    kernel/riscv/kernel.ld
	$(call say,LD,$@)$(CC) $(KERNEL_LDFLAGS) -o $@ $(KERNEL_OBJS) $(BUILD)/kernel/bootimage.o \
	    $(BUILD)/lib/libmem.a -L$(PICOLIBC_LIB) -lc -lgcc

$(BUILD)/anole.bin: $(BUILD)/anole.elf
	$(call say,BIN,$@)$(OBJCOPY) -O binary $< $@

$(BUILD)/demo.img: tools/mkdemo
	$(call say,DISK,$@)mkdir -p $(@D) && tools/mkdemo $@

-include $(sort $(patsubst %.o,%.d,$(ALL_OBJS) $(KERNEL_OBJS) $(HOST_OBJS)))
