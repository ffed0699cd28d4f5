# Set-up: packages and third-party sources. An included file that make can remake is remade before
# anything else, so the rest may take for granted that the tools are there.

$(BUILD)/setup.stamp: tools/setup tools/packages tools/fetch-source
	@mkdir -p $(@D)
	@tools/setup $(BUILD)
	@touch $@

include $(BUILD)/setup.stamp
