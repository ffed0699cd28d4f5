# RS, devman, pm and their libraries, as far as they need no machine.
HOST_LIBFDT := $(addprefix $(BUILD)/deps/libfdt/, fdt.c fdt_ro.c fdt_rw.c fdt_wip.c \
    fdt_sw.c fdt_addresses.c)
HOST_LIBCONFIG := $(addprefix lib/libconfig/, read.c lookup.c words.c)

# libfdt reads a broken blob's misaligned words as they are; its own alignment is not our matter.
LIBFDT_SANITIZE := -fno-sanitize=alignment

HOST_TESTS += test_rs_policy
test_rs_policy_SRCS := tests/host/test_rs_policy.c servers/rs/policy.c

HOST_TESTS += test_rs_liveness
test_rs_liveness_SRCS := tests/host/test_rs_liveness.c servers/rs/liveness.c

# All of RS but its loop, over a fake of the kernel. The startup and info pages are at addresses that
# the address sanitizer keeps for itself, so the header in front puts them elsewhere.
RS_TEST_SRCS := $(addprefix tests/host/, rs_boot.c rs_fake.c rs_system.c fake_kernel.c) \
    $(filter-out servers/rs/main.c,$(rs_SRCS)) $(HOST_LIBCONFIG) $(HOST_LIBFDT) \
    lib/libanole/error.c lib/libanole/recent.c
RS_TEST_CFLAGS := -include tests/host/fake_pages.h

HOST_TESTS += test_rs_start
test_rs_start_SRCS := tests/host/test_rs_start.c $(RS_TEST_SRCS)
test_rs_start_CFLAGS := $(RS_TEST_CFLAGS)

HOST_TESTS += test_rs_devices
test_rs_devices_SRCS := tests/host/test_rs_devices.c $(RS_TEST_SRCS)
test_rs_devices_CFLAGS := $(RS_TEST_CFLAGS)

HOST_TESTS += test_rs_orders
test_rs_orders_SRCS := tests/host/test_rs_orders.c $(RS_TEST_SRCS)
test_rs_orders_CFLAGS := $(RS_TEST_CFLAGS)

HOST_TESTS += test_rs_kept
test_rs_kept_SRCS := tests/host/test_rs_kept.c $(RS_TEST_SRCS)
test_rs_kept_CFLAGS := $(RS_TEST_CFLAGS)

HOST_TESTS += test_rs_names
test_rs_names_SRCS := tests/host/test_rs_names.c $(RS_TEST_SRCS)
test_rs_names_CFLAGS := $(RS_TEST_CFLAGS)

HOST_TESTS += test_rs_programs
test_rs_programs_SRCS := tests/host/test_rs_programs.c $(RS_TEST_SRCS)
test_rs_programs_CFLAGS := $(RS_TEST_CFLAGS)

HOST_TESTS += test_rs_spare
test_rs_spare_SRCS := tests/host/test_rs_spare.c $(RS_TEST_SRCS)
test_rs_spare_CFLAGS := $(RS_TEST_CFLAGS)

HOST_TESTS += test_rs_status
test_rs_status_SRCS := tests/host/test_rs_status.c $(RS_TEST_SRCS)
test_rs_status_CFLAGS := $(RS_TEST_CFLAGS)

HOST_TESTS += test_rs_watch
test_rs_watch_SRCS := tests/host/test_rs_watch.c $(RS_TEST_SRCS)
test_rs_watch_CFLAGS := $(RS_TEST_CFLAGS)

HOST_TESTS += test_config
test_config_SRCS := tests/host/test_config.c $(HOST_LIBCONFIG) $(HOST_LIBFDT)
test_config_CFLAGS := $(LIBFDT_SANITIZE)

HOST_TESTS += test_load
test_load_SRCS := tests/host/test_load.c $(addprefix lib/libload/,startup.c image.c elf.c)

HOST_TESTS += test_pm_table
test_pm_table_SRCS := tests/host/test_pm_table.c servers/pm/table.c

# All of pm but its loop, likewise.
PM_TEST_SRCS := tests/host/pm_boot.c tests/host/fake_kernel.c \
    $(filter-out servers/pm/main.c,$(pm_SRCS)) $(HOST_LIBCONFIG) $(HOST_LIBFDT) \
    lib/libanole/error.c lib/libload/elf.c
HOST_TESTS += test_pm_requests
test_pm_requests_SRCS := tests/host/test_pm_requests.c $(PM_TEST_SRCS)
test_pm_requests_CFLAGS := $(RS_TEST_CFLAGS)

HOST_TESTS += test_devman_tree
test_devman_tree_SRCS := tests/host/test_devman_tree.c servers/devman/tree.c $(HOST_LIBFDT)
test_devman_tree_CFLAGS := $(LIBFDT_SANITIZE)

HOST_TESTS += test_devman_pci
test_devman_pci_SRCS := $(addprefix tests/host/, test_devman_pci.c fake_pci_config.c) \
    $(addprefix servers/devman/, pci_bars.c pci_capability.c pci_describe.c)

DEVMAN_BUS_SRCS := $(addprefix tests/host/, pci_bus.c fake_pci_config.c fake_kernel.c) \
    $(filter-out %/pci_host.c,$(devman_PCI_SRCS)) \
    $(addprefix servers/devman/, kinds.c map.c reset.c) lib/libanole/error.c
HOST_TESTS += test_devman_scan test_devman_bridges test_devman_reset
test_devman_scan_SRCS := tests/host/test_devman_scan.c $(DEVMAN_BUS_SRCS)
test_devman_scan_CFLAGS := $(RS_TEST_CFLAGS)
test_devman_bridges_SRCS := tests/host/test_devman_bridges.c $(DEVMAN_BUS_SRCS)
test_devman_bridges_CFLAGS := $(RS_TEST_CFLAGS)
test_devman_reset_SRCS := tests/host/test_devman_reset.c $(DEVMAN_BUS_SRCS)
test_devman_reset_CFLAGS := $(RS_TEST_CFLAGS)

HOST_TESTS += test_devman_pci_host
test_devman_pci_host_SRCS := tests/host/test_devman_pci_host.c servers/devman/pci_host.c \
    $(HOST_LIBFDT)
test_devman_pci_host_CFLAGS := $(LIBFDT_SANITIZE)
