# Servers under requests from anyone, over the fake kernel of the host tests.
SERVER_FUZZ_CFLAGS := $(RS_TEST_CFLAGS) -I.

FUZZERS += fuzz_rs
fuzz_rs_UNTRACED := $(addprefix tests/fuzz/servers/, fuzz_rs.c stubs.c) \
    tests/host/fake_kernel.c tests/host/rs_system.c
fuzz_rs_SRCS := $(fuzz_rs_UNTRACED) tests/fuzz/servers/rs_inside.c \
    $(filter-out $(addprefix servers/rs/, main.c complaint.c log.c record.c shutdown.c watch.c), \
    $(rs_SRCS)) $(HOST_LIBCONFIG) $(HOST_LIBFDT) lib/libanole/error.c lib/libanole/recent.c
fuzz_rs_CFLAGS := $(SERVER_FUZZ_CFLAGS)
fuzz_rs_RUNS := 4000

FUZZERS += fuzz_pm
fuzz_pm_UNTRACED := tests/fuzz/servers/fuzz_pm.c tests/host/fake_kernel.c tests/host/pm_boot.c
fuzz_pm_SRCS := $(fuzz_pm_UNTRACED) $(filter-out tests/host/%,$(PM_TEST_SRCS))
fuzz_pm_CFLAGS := $(SERVER_FUZZ_CFLAGS)
fuzz_pm_RUNS := 4000

FUZZERS += fuzz_devman
fuzz_devman_UNTRACED := $(addprefix tests/fuzz/servers/, fuzz_devman.c stubs.c) \
    tests/host/fake_kernel.c
fuzz_devman_SRCS := $(fuzz_devman_UNTRACED) tests/fuzz/servers/devman_inside.c \
    $(filter-out servers/devman/main.c,$(devman_SRCS)) $(HOST_LIBFDT) lib/libanole/error.c
fuzz_devman_CFLAGS := $(SERVER_FUZZ_CFLAGS) $(LIBFDT_SANITIZE)
fuzz_devman_RUNS := 1500

# devman on a PCI bus, with RS's check of what it tells.
FUZZERS += fuzz_pci
fuzz_pci_UNTRACED := tests/fuzz/servers/fuzz_pci.c \
    $(addprefix tests/host/, fake_pci_config.c fake_kernel.c)
fuzz_pci_SRCS := $(fuzz_pci_UNTRACED) $(filter-out %/pci_host.c,$(devman_PCI_SRCS)) \
    $(addprefix servers/devman/, kinds.c map.c reset.c) servers/rs/told.c lib/libanole/error.c
fuzz_pci_CFLAGS := $(SERVER_FUZZ_CFLAGS)
fuzz_pci_RUNS := 4000
