# Registers and descriptions of PCI devices that say anything.
FUZZERS += fuzz_virtio_pci
fuzz_virtio_pci_UNTRACED := tests/fuzz/virtio/fuzz_virtio_pci.c
fuzz_virtio_pci_SRCS := $(fuzz_virtio_pci_UNTRACED) $(VIRTIO_DEVICE)
fuzz_virtio_pci_RUNS := 30000
