# Tests, benchmarks, lint, and the compilation database that clang-tidy and editors read.

.PHONY: test unit system fuzz bench lint lint-format lint-tidy lint-cppcheck lint-shell format
HOST_TEST_BINARIES := $(patsubst %,$(BUILD)/host/%,$(HOST_TESTS))
# What the tests need besides the system.
HOST_PROGRAM_BINARIES := $(patsubst %,$(BUILD)/host/%,$(HOST_PROGRAMS))
FUZZER_BINARIES := $(patsubst %,$(BUILD)/fuzz/%,$(FUZZERS))
# As tests, fuzzers run for a fixed number of inputs: name=number.
FUZZ_RUNS := 10000
FUZZ_SECONDS := 60
UNIT_PARTS := --programs $(HOST_TEST_BINARIES) \
    --fuzzers $(foreach fuzzer,$(FUZZERS),$(fuzzer)=$(or $($(fuzzer)_RUNS),$(FUZZ_RUNS)))

test: all $(HOST_TEST_BINARIES) $(HOST_PROGRAM_BINARIES) $(FUZZER_BINARIES)
	@tools/testrun --build $(BUILD) unit system $(UNIT_PARTS)

unit: $(HOST_TEST_BINARIES) $(HOST_PROGRAM_BINARIES) $(FUZZER_BINARIES)
	@tools/testrun --build $(BUILD) unit $(UNIT_PARTS)

system: all $(HOST_PROGRAM_BINARIES)
	@tools/testrun --build $(BUILD) system

fuzz: $(FUZZER_BINARIES)
	@for fuzzer in $(FUZZERS); do \
	    tests/fuzz/run --build $(BUILD) --seconds $(FUZZ_SECONDS) $$fuzzer || exit 1; done

bench: all
	@tests/bench/run

# ---- compile_commands.json ----

# clang 14 knows zicsr and zifencei only as parts of the base ISA, and not all of gcc's options.
CLANG_ISA := -march=rv64imac -mabi=lp64 -mcmodel=medany
COMMA := ,
json_quote = $(subst ",\",$(subst \,\\,$(1)))
define NEWLINE


endef
# $(1) source, $(2) compiler and flags
database_entry = {"directory":"$(CURDIR)"$(COMMA)"file":"$(1)"$(COMMA)"command":"$(call \
    json_quote,$(strip $(2)) -c $(1))"}$(COMMA)$(NEWLINE)
database_entries = $(foreach source,$(filter-out $(BUILD)/%,$(filter %.c,$(1))),$(call \
    database_entry,$(source),$(2)))
database = $(call database_entries,$(KERNEL_SRCS),$(CC) $(subst $(RISCV_ISA),$(CLANG_ISA), \
        $(KERNEL_CFLAGS)) $(WARNINGS)) \
    $(foreach part,$(LIBS) $(PROGRAMS) $(FLOAT_PROGRAMS),$(call database_entries,$($(part)_SRCS),$(CC) $(subst \
        $(RISCV_ISA),$(CLANG_ISA),$(USER_CFLAGS)) $(WARNINGS) \
        $(filter-out -fno-tree%,$($(part)_CFLAGS)))) \
    $(foreach part,$(HOST_TESTS) $(HOST_PROGRAMS),$(call database_entries, \
        $(filter tests/%,$($(part)_SRCS)), \
        $(HOST_CC) $(HOST_CFLAGS) $(WARNINGS) $($(part)_CFLAGS))) \
    $(foreach part,$(FUZZERS),$(call database_entries,$(filter tests/fuzz/%,$($(part)_SRCS)), \
        $(FUZZ_CC) $(FUZZ_CFLAGS) $(WARNINGS) $($(part)_CFLAGS)))

SOURCE_DIRECTORIES := $(sort $(dir $(wildcard $(KERNEL_SRCS) \
    $(foreach part,$(LIBS) $(PROGRAMS) $(HOST_TESTS) $(HOST_PROGRAMS) $(FUZZERS),$($(part)_SRCS)))))

# A directory is newer when a file came or went: lists made with wildcard are followed.
$(BUILD)/compile_commands.json: $(MODULE_FILES) $(SOURCE_DIRECTORIES)
	$(call say,JSON,$@)mkdir -p $(@D)
	$(file >$@.new,$(database))
	@sed -i -e 's/^ *//' -e '/^$$/d' $@.new && sed -i -e '1s/^/[/' -e '$$s/,$$/]/' $@.new && \
	    mv $@.new $@

# ---- lint ----

C_FILES = $(shell git ls-files -co --exclude-standard '*.c' '*.h')
SHELL_FILES = $(shell git ls-files -co --exclude-standard | xargs grep -lE \
    '^\#!/(usr/)?bin/(env )?(ba)?sh' --)

lint: lint-format lint-tidy lint-cppcheck lint-shell

lint-format:
	$(call say,FORMAT,clang-format)clang-format --dry-run -Werror $(C_FILES)

lint-tidy: $(BUILD)/compile_commands.json
	$(call say,TIDY,clang-tidy)tools/tidy $(BUILD)/compile_commands.json

lint-cppcheck:
	$(call say,CPPCHK,cppcheck)cppcheck --quiet --error-exitcode=1 --inline-suppr \
	    --std=c11 --enable=warning,performance,portability --max-configs=4 -j 2 \
	    --library=tools/cppcheck.cfg \
	    --suppressions-list=tools/cppcheck.txt -Iinclude -Ilib -Ikernel --platform=unix64 \
	    kernel lib drivers servers commands tests

lint-shell:
	$(call say,SHELL,shellcheck)shellcheck $(SHELL_FILES)

format:
	@clang-format -i $(C_FILES)
