/*
 * PCI configuration space on the build machine: functions whose bytes a test fills in, with the
 * bits that can be written, and devman's way to them (servers/devman/pci.h).
 */
#ifndef TESTS_FAKE_PCI_CONFIG_H
#define TESTS_FAKE_PCI_CONFIG_H

#include <servers/devman/pci.h>

#define FAKE_PCI_BUSES 4u
#define FAKE_PCI_ADDRESSES (FAKE_PCI_BUSES * 256u)

struct fake_function {
    bool there;
    bool gone; /* reads as if it weren't there, whatever was written */
    uint8_t config[PCI_CONFIG_BYTES];
    uint8_t writable[PCI_CONFIG_BYTES];
    unsigned capabilities_end; /* where the next one goes */
    unsigned capability_last;  /* offset of the byte that leads to it */
    unsigned undecoded_writes; /* to BARs, while memory wasn't decoded ... */
    unsigned decoded_writes;   /* ... and while it was: somebody could have been using it */
};
extern struct fake_function fake_pci[FAKE_PCI_ADDRESSES];
extern bool fake_pci_mapped[FAKE_PCI_BUSES]; /* by devman; the first one is from the beginning */

void fake_pci_reset(void);
/* A function of that vendor and device id, with nothing in it. */
struct fake_function *fake_pci_add(pci_address function, uint16_t vendor, uint16_t device);
void fake_pci_put8(struct fake_function *function, unsigned offset, uint8_t value);
void fake_pci_put16(struct fake_function *function, unsigned offset, uint16_t value);
void fake_pci_put32(struct fake_function *function, unsigned offset, uint32_t value);
/* A BAR of a power of two bytes that isn't placed. */
void fake_pci_bar(struct fake_function *function, unsigned index, uint32_t flags,
                  uint64_t len_bytes);
/* Where a BAR is. */
uint64_t fake_pci_bar_at(const struct fake_function *function, unsigned index);
/* Appends a capability of that many bytes, zeroes but for the head. Its offset. */
unsigned fake_pci_capability(struct fake_function *function, uint8_t id, unsigned len_bytes);
/* Appends one of virtio's structures; its offset. */
unsigned fake_pci_virtio(struct fake_function *function, uint8_t type, uint8_t bar, uint32_t offset,
                         uint32_t len_bytes);
unsigned fake_pci_msix(struct fake_function *function, unsigned entries, uint32_t table,
                       uint32_t pending);
/* A disk as QEMU makes one: MSI-X in BAR 1, registers in BAR 4, which has 64 bits; pin INTA. */
struct fake_function *fake_pci_disk(pci_address function);
/* A bridge to another bus; a window for BARs of 64 bits, one for the others. */
struct fake_function *fake_pci_bridge(pci_address function);

#endif
