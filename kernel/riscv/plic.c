/*
 * The platform-level interrupt controller (RISC-V PLIC specification 1.0.0).
 */
#include "hart.h"
#include "irq.h"
#include "machine.h"
#include "riscv/mmio.h"
#include "riscv/tree.h"

#define PLIC_PRIORITY 0x0u
#define PLIC_PENDING 0x1000u
#define PLIC_ENABLE 0x2000u
#define PLIC_ENABLE_STRIDE 0x80u
#define PLIC_CONTEXT 0x200000u
#define PLIC_CONTEXT_STRIDE 0x1000u
#define PLIC_THRESHOLD 0u
#define PLIC_CLAIM 4u

static paddr_t plic;
static uint32_t contexts[MAX_HARTS]; /* of supervisor mode, by hart */

static uint64_t context_offset(unsigned hart)
{
    return PLIC_CONTEXT + (uint64_t)contexts[hart] * PLIC_CONTEXT_STRIDE;
}

static uint64_t enable_offset(uint32_t line, unsigned hart)
{
    return PLIC_ENABLE + (uint64_t)contexts[hart] * PLIC_ENABLE_STRIDE + line / 32 * 4;
}

static void plic_init_hart(void)
{
    unsigned hart = this_hart()->index;

    for (uint32_t line = 0; line <= machine.irq_count; line += 32)
        mmio_write(plic, enable_offset(line, hart), 0);
    mmio_write(plic, context_offset(hart) + PLIC_THRESHOLD, 0);
}

static void plic_serve(void)
{
    uint64_t claim = context_offset(this_hart()->index) + PLIC_CLAIM;
    uint32_t line;

    for (unsigned i = 0; i < STEP_ITEMS && (line = mmio_read(plic, claim)) != 0; i++)
        irq_claimed(line);
}

/* Of a line that is up, the completion makes a new request at once. */
static bool plic_complete(uint32_t line, unsigned hart)
{
    mmio_write(plic, context_offset(hart) + PLIC_CLAIM, line);
    return mmio_read(plic, PLIC_PENDING + line / 32 * 4) >> line % 32 & 1;
}

static int plic_enable(uint32_t line, unsigned hart)
{
    uint64_t offset = enable_offset(line, hart);

    mmio_write(plic, PLIC_PRIORITY + line * 4, 1);
    mmio_write(plic, offset, mmio_read(plic, offset) | 1u << line % 32);
    return 0;
}

static void plic_disable(uint32_t line, unsigned hart)
{
    uint64_t offset = enable_offset(line, hart);

    mmio_write(plic, offset, mmio_read(plic, offset) & ~(1u << line % 32));
}

static const struct irq_chip plic_chip = {
    .init_hart = plic_init_hart,
    .serve = plic_serve,
    .complete = plic_complete,
    .enable = plic_enable,
    .disable = plic_disable,
};

bool plic_find(const void *fdt)
{
    int node = fdt_node_offset_by_compatible(fdt, -1, "riscv,plic0");
    uint32_t hart, interrupt;
    uint64_t base, len;

    tree_reserve(fdt, "riscv,plic0", false);
    if (node < 0 || !tree_reg(fdt, node, 0, &base, &len))
        return false;
    plic = paddr(base);
    machine.irq_count = tree_cell(fdt, node, "riscv,ndev", 0);
    for (unsigned n = 0; tree_hart_interrupt(fdt, node, n, &hart, &interrupt); n++)
        if (interrupt == INTERRUPT_SUPERVISOR_EXTERNAL && hart < MAX_HARTS)
            contexts[hart] = n;
    irq_chip = &plic_chip;
    return true;
}
