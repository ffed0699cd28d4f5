/*
 * A PCI bus on the build machine, with devman's scan over it: the functions of fake_pci_config.h, their
 * registers in memory, and the test as kernel and as RS.
 */
#ifndef TESTS_PCI_BUS_H
#define TESTS_PCI_BUS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_kernel.h"
#include "fake_pci_config.h"
#include <anole/error.h>
#include <servers/devman/devman.h>

#define BUS_DEVICES 8u
#define BUS_FIRST_MSI 200u
#define COMMAND_BITS (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)
/* The address of a device's function 0. */
#define BEHIND(number, device) ((pci_address)((number) << 8 | (device) << 3))

struct pci_bus {
    struct pci_host host;
    struct device devices[BUS_DEVICES]; /* as the last scan found them */
    unsigned count;
    unsigned msi_room;      /* the kernel has that many left; 0: it has none at all */
    int map_error;          /* what mapping registers ends with ... */
    int config_error;       /* ... and the configuration space of a bus */
    uint32_t said[4];       /* requests to RS, in order */
    uint64_t said_words[4]; /* their second words */
    unsigned said_count;
};
extern struct pci_bus bus;

/* An empty one; nobody has said anything. */
int bus_setup(void **state);
#define BUS(test) cmocka_unit_test_setup(test, bus_setup)

void bus_scan(bool first);
/* The command register of a function, and that it can do nothing. */
uint16_t bus_command(unsigned address);
void bus_assert_quiet(unsigned address);

#endif
