/*
 * A virtio device on PCI (virtio 1.4, 4.1): what its driver is told, its reset, and its hand-over.
 * Bus mastering and interrupts are on only between a hand-over and the next reset.
 */
#include "devman.h"
#include <libanole/anole.h>
#include <libvirtio/barrier.h>
#include <libvirtio/pci_regs.h>

#define MSI_KEY 0x10000u /* keys of MSI_ALLOC: this and the function's address */
#define VECTORS_LEAST 2u /* fewer aren't better than the line */

/* ---- interrupts ---- */

/* As many vectors as driver and device have a use for, or at least some. 0: none. The kernel gives
 * them anew to a devman that is started again. */
static unsigned vectors_get(const struct device *device, uint32_t *first)
{
    unsigned count = device->pci.msix.capability ? device->pci.msix.entries : 0;
    count = count > DEVICE_VECTORS ? DEVICE_VECTORS : count;
    for (; count >= VECTORS_LEAST; count /= 2) {
        struct message message = {.word = {MSI_KEY + device->pci.function, count}};
        int error = kcall(KCALL_MSI_ALLOC, &message);
        if (error == 0) {
            *first = (uint32_t)message.word[0];
            return count;
        }
        if (error == -ANOLE_ENOSYS) {
            return 0;
        }
    }
    return 0;
}

static void interrupts_choose(const struct pci_host *host, struct device *device)
{
    struct rs_device_told *told = &device->told;
    pci_address function = device->pci.function;
    unsigned pin = pci_read8(function, PCI_INTERRUPT_PIN);
    unsigned vectors = vectors_get(device, &told->interrupt);
    if (vectors > 0) {
        told->description.flags = DEVICE_MSIX;
        told->description.interrupts = (uint8_t)vectors;
    } else if (pin >= 1 && pin <= PCI_PINS) {
        told->interrupt = host->lines[function >> 3 & (PCI_DEVICES - 1)][pin - 1];
        told->description.interrupts = told->interrupt ? 1 : 0;
    }
}

static volatile uint32_t *table_entry(const struct device *device, unsigned index)
{
    return (volatile uint32_t *)(void *)(device->pci.table + (size_t)index * MSIX_ENTRY_BYTES);
}

/* Fills in the table: the driver's vectors, and all others masked. */
static int table_program(const struct device *device)
{
    unsigned vectors = device->told.description.interrupts;
    for (unsigned i = 0; i < device->pci.msix.entries; i++) {
        volatile uint32_t *entry = table_entry(device, i);
        entry[MSIX_ENTRY_CONTROL] = MSIX_ENTRY_MASKED;
        if (i >= vectors) {
            continue;
        }
        struct message message = {.word = {device->told.interrupt + i}};
        int error = kcall(KCALL_MSI_INFO, &message);
        if (error) {
            return error;
        }
        entry[MSIX_ENTRY_ADDRESS_LOW] = (uint32_t)message.word[0];
        entry[MSIX_ENTRY_ADDRESS_HIGH] = (uint32_t)(message.word[0] >> 32);
        entry[MSIX_ENTRY_DATA] = (uint32_t)message.word[1];
        entry[MSIX_ENTRY_CONTROL] = 0;
        io_mb();
        if (entry[MSIX_ENTRY_ADDRESS_LOW] != (uint32_t)message.word[0] ||
            entry[MSIX_ENTRY_ADDRESS_HIGH] != (uint32_t)(message.word[0] >> 32) ||
            entry[MSIX_ENTRY_DATA] != (uint32_t)message.word[1]) {
            return -ANOLE_EIO;
        }
    }
    return 0;
}

static void msix_control(const struct device *device, uint32_t bits)
{
    if (device->pci.msix.capability) {
        pci_write16(device->pci.function, device->pci.msix.capability + MSIX_CONTROL,
                    (uint16_t)bits);
    }
}

/* The table is written while the whole function is masked (PCI 3.0, 6.8.3.2). */
static int msix_enable(const struct device *device)
{
    unsigned control = device->pci.msix.capability + MSIX_CONTROL;
    msix_control(device, MSIX_CONTROL_ENABLE | MSIX_CONTROL_MASK);
    int error = table_program(device);
    if (error) {
        return error;
    }
    msix_control(device, MSIX_CONTROL_ENABLE);
    uint32_t state = pci_read16(device->pci.function, control);
    return (state & (MSIX_CONTROL_ENABLE | MSIX_CONTROL_MASK)) == MSIX_CONTROL_ENABLE ? 0
                                                                                      : -ANOLE_EIO;
}

/* ---- what there is of it ---- */

/* Maps the registers that devman itself uses. */
static const char *registers_take(struct device *device, const struct pci_capabilities *found)
{
    const struct pci_region *common = &found->parts[DEVICE_PART_COMMON];
    uint64_t at = device->pci.bars[common->bar].base + common->offset;
    device->registers = registers_map(device->node, at, PCI_DEVICE_STATUS + 1);
    if (!device->registers) {
        return "its common configuration can't be mapped";
    }
    if (device->told.description.flags & DEVICE_MSIX) {
        const struct pci_region *table = &device->pci.msix.table;
        device->pci.table = registers_map(
            device->node, device->pci.bars[table->bar].base + table->offset, table->len_bytes);
        if (!device->pci.table) {
            return "its MSI-X table can't be mapped";
        }
    }
    return NULL;
}

const char *pci_virtio_take(const struct pci_host *host, struct device *device)
{
    struct pci_capabilities found;
    const char *error = pci_capabilities_read(device->pci.function, device->pci.bars, &found);
    if (!error) {
        device->pci.msix = found.msix;
        error = pci_describe(device->pci.bars, &found, &device->told);
    }
    if (!error) {
        interrupts_choose(host, device);
        error = registers_take(device, &found);
    }
    return error;
}

/* ---- its kind ---- */

static bool is_there(const struct device *device)
{
    return pci_read32(device->pci.function, PCI_VENDOR_ID) == device->pci.ids;
}

static void command_change(const struct device *device, uint32_t off, uint32_t on)
{
    uint32_t command = pci_read16(device->pci.function, PCI_COMMAND);
    pci_write16(device->pci.function, PCI_COMMAND, (uint16_t)((command & ~off) | on));
}

static volatile uint8_t *status_register(const struct device *device)
{
    return device->registers + PCI_DEVICE_STATUS;
}

static void reset(struct device *device)
{
    command_change(device, 0, PCI_COMMAND_INTX_OFF);
    msix_control(device, 0);
    *status_register(device) = 0;
}

/* Not before the reset: QEMU 7.2 looks for ever at a packed ring with buffers in it when the device
 * may no longer master the bus, and by that stands still itself. */
static void cut_off(struct device *device)
{
    command_change(device, PCI_COMMAND_MASTER, 0);
}

/* 4.1.4.3.2: a driver waits for the status to read 0 before it initializes the device again. */
static bool is_reset(const struct device *device)
{
    return *status_register(device) == 0;
}

static int hand_over(struct device *device)
{
    int error = 0;
    if (device->told.description.flags & DEVICE_MSIX) {
        error = msix_enable(device);
    }
    if (error) {
        log_printf(LOG_ERROR, "%s: its MSI-X table can't be set up: %s", device->node,
                   anole_error_text(error));
        msix_control(device, 0);
        return error;
    }
    command_change(device, device->told.description.flags & DEVICE_MSIX ? 0 : PCI_COMMAND_INTX_OFF,
                   PCI_COMMAND_MASTER);
    return 0;
}

const struct device_kind pci_virtio_kind = {
    .reset = reset,
    .is_reset = is_reset,
    .is_there = is_there,
    .cut_off = cut_off,
    .hand_over = hand_over,
};
