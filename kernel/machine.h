/*
 * What the machine-independent kernel asks of the machine: found in the device tree at boot.
 */
#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#include "config.h"
#include "types.h"

struct machine {
    paddr_t ram_start, ram_end;
    paddr_t device_tree;
    uint64_t device_tree_len;
    paddr_t test_device;          /* power-off with a status; 0: none */
    uint32_t irq_count;           /* lines are 1..irq_count */
    uint32_t msi_identities;      /* 1.. of each hart; 0: no message-signalled interrupts */
    paddr_t msi_pages[MAX_HARTS]; /* where a device writes an identity, by hart */
    bool has_stimecmp;
    uint64_t boot_ticks;
    uint32_t hart_ids[MAX_HARTS];
    uint32_t hart_count;
    uint32_t boot_hart_id;
    uint8_t seed[64];
    char arguments[BOOT_ARGUMENTS_MAX]; /* /chosen/bootargs */
};

extern struct machine machine;

/* Reads the device tree; panics if the machine lacks what the kernel can't do without. */
void machine_read(paddr_t device_tree, uint32_t boot_hart_id);
/* The number after "key=" among the boot arguments before " -- ", or the default. */
uint64_t machine_argument(const char *key, uint64_t otherwise);
/* True if devman may map this range: not RAM, no interrupt controller, ... (riscv/tree.c) */
bool machine_is_device_range(uint64_t base, uint64_t len);
/* The same for a driver: devman's range, but no part of PCI configuration space. */
bool machine_is_driver_range(uint64_t base, uint64_t len);
void machine_putchar(char c);
void machine_backtrace(void);
_Noreturn void machine_power(unsigned operation, unsigned status);

#endif
