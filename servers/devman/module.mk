PROGRAMS += devman
devman_PCI_SRCS := $(addprefix servers/devman/, pci_bars.c pci_bridge.c pci_capability.c \
    pci_describe.c pci_host.c pci_scan.c pci_virtio.c)
devman_SRCS := $(addprefix servers/devman/, main.c tree.c kinds.c map.c reset.c pci_config.c) \
    $(devman_PCI_SRCS)
devman_LIBS := libfdt libanole
