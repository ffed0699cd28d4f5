/*
 * The advanced platform-level interrupt controller (RISC-V AIA specification 1.0, chapter 4), in MSI
 * delivery mode: a line that goes up is one message to a hart's IMSIC. Lines are high while devices
 * want something, like those of a PLIC.
 */
#include "riscv/aplic.h"
#include "machine.h"
#include "riscv/mmio.h"
#include "riscv/tree.h"

#define APLIC_DOMAINCFG 0x0u
#define DOMAINCFG_MSI (1u << 2)
#define DOMAINCFG_ENABLED (1u << 8)
#define APLIC_SOURCECFG 0x0u /* + 4 * line */
#define SOURCECFG_HIGH_LEVEL 6u
#define APLIC_SETIPNUM 0x1cdcu
#define APLIC_INPUTS 0x1d00u /* in_clrip: reading tells the lines' levels */
#define APLIC_SETIENUM 0x1edcu
#define APLIC_CLRIE 0x1f00u
#define APLIC_CLRIENUM 0x1fdcu
#define APLIC_TARGET 0x3000u /* + 4 * line */
#define TARGET_HART_SHIFT 18

static paddr_t aplic;

bool aplic_find(const void *fdt, int imsic_node)
{
    uint32_t imsic = fdt_get_phandle(fdt, imsic_node);
    int node = fdt_node_offset_by_compatible(fdt, -1, "riscv,aplic");
    uint64_t base, len;

    tree_reserve(fdt, "riscv,aplic", false);
    while (node >= 0 && tree_cell(fdt, node, "msi-parent", 0) != imsic)
        node = fdt_node_offset_by_compatible(fdt, node, "riscv,aplic");
    if (node < 0 || !tree_reg(fdt, node, 0, &base, &len))
        return false;
    aplic = paddr(base);
    machine.irq_count = tree_cell(fdt, node, "riscv,num-sources", 0);
    return true;
}

void aplic_init(void)
{
    for (uint32_t line = 0; line <= machine.irq_count; line += 32)
        mmio_write(aplic, APLIC_CLRIE + line / 32 * 4, UINT32_MAX);
    mmio_write(aplic, APLIC_DOMAINCFG, DOMAINCFG_ENABLED | DOMAINCFG_MSI);
}

void aplic_enable(uint32_t line, uint32_t place, uint32_t identity)
{
    mmio_write(aplic, APLIC_SOURCECFG + line * 4, SOURCECFG_HIGH_LEVEL);
    mmio_write(aplic, APLIC_TARGET + line * 4, place << TARGET_HART_SHIFT | identity);
    mmio_write(aplic, APLIC_SETIENUM, line);
    (void)aplic_complete(line);
}

void aplic_disable(uint32_t line)
{
    mmio_write(aplic, APLIC_CLRIENUM, line);
}

/* A message goes out when a line goes up (AIA 4.9.2), not again while it stays there. */
bool aplic_complete(uint32_t line)
{
    bool up = mmio_read(aplic, APLIC_INPUTS + line / 32 * 4) >> line % 32 & 1;

    if (up)
        mmio_write(aplic, APLIC_SETIPNUM, line);
    return up;
}
