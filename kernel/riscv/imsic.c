/*
 * Incoming MSI controllers, one a hart (RISC-V AIA specification 1.0, chapter 3). Each hart can change
 * only its own: what another hart wants to hear is asked of it, and what it is to hear no more it finds
 * out when it hears it.
 */
#include "hart.h"
#include "irq.h"
#include "machine.h"
#include "msi.h"
#include "riscv/aplic.h"
#include "riscv/mmio.h"
#include "riscv/tree.h"

/* CSRs by number: binutils knows the names only with the extension in -march. */
#define CSR_SISELECT "0x150"
#define CSR_SIREG "0x151"
#define CSR_STOPEI "0x15c"
#define SELECT_EIDELIVERY 0x70u
#define SELECT_EITHRESHOLD 0x72u
#define SELECT_EIE 0xc0u /* + 2 * (identity / 64): the odd ones are for 32 bits */
#define TOPEI_IDENTITY_SHIFT 16

#define WORDS (MSI_IDENTITIES / 64 + 1)

static uint32_t places[MAX_HARTS];       /* of harts among all IMSICs */
static uint64_t asked[MAX_HARTS][WORDS]; /* identities that a hart is to enable */

static void select_register(uint64_t number)
{
    __asm__ volatile("csrw " CSR_SISELECT ", %0" ::"r"(number));
}

static void register_write(uint64_t number, uint64_t value)
{
    select_register(number);
    __asm__ volatile("csrw " CSR_SIREG ", %0" ::"r"(value) : "memory");
}

static void enable_bits(unsigned word, uint64_t bits)
{
    select_register(SELECT_EIE + 2 * word);
    __asm__ volatile("csrs " CSR_SIREG ", %0" ::"r"(bits) : "memory");
}

static void disable_bits(unsigned word, uint64_t bits)
{
    select_register(SELECT_EIE + 2 * word);
    __asm__ volatile("csrc " CSR_SIREG ", %0" ::"r"(bits) : "memory");
}

/*
 * A message of identity 0 means nothing. But QEMU up to 9.2 may take a hart's interrupt back when a
 * message comes in just while the hart changes its IMSIC, and looks again at any message.
 */
static void look_again(void)
{
    mmio_write(machine.msi_pages[this_hart()->index], 0, 0);
}

static void imsic_init_hart(void)
{
    if (this_hart()->index == 0)
        aplic_init();
    for (unsigned word = 0; word <= machine.msi_identities / 64; word++)
        register_write(SELECT_EIE + 2 * word, 0);
    enable_bits(0, 1u << MSI_IDENTITY_HARTS);
    register_write(SELECT_EITHRESHOLD, 0);
    register_write(SELECT_EIDELIVERY, 1);
}

/* The claim is the completion. */
static uint32_t claim(void)
{
    uint64_t top;

    __asm__ volatile("csrrw %0, " CSR_STOPEI ", zero" : "=r"(top)::"memory");
    return (uint32_t)(top >> TOPEI_IDENTITY_SHIFT);
}

static void enable_asked(void)
{
    uint64_t *words = asked[this_hart()->index];

    for (unsigned word = 0; word < WORDS; word++) {
        if (words[word] == 0)
            continue;
        enable_bits(word, words[word]);
        words[word] = 0;
    }
}

static void imsic_serve(void)
{
    unsigned hart = this_hart()->index;
    uint32_t identity;

    for (unsigned i = 0; i < STEP_ITEMS && (identity = claim()) != 0; i++) {
        if (identity == MSI_IDENTITY_HARTS)
            enable_asked();
        else
            irq_claimed(msi_number(hart, identity));
    }
    look_again();
}

static void imsic_interrupt_harts(uint64_t index_mask)
{
    for (unsigned hart = 0; hart < hart_count; hart++)
        if (index_mask >> hart & 1)
            mmio_write(machine.msi_pages[hart], 0, MSI_IDENTITY_HARTS);
}

static bool imsic_complete(uint32_t number, unsigned hart)
{
    (void)hart;
    return aplic_complete(number); /* of an MSI there is nothing to complete */
}

static void listen(unsigned hart, uint32_t identity)
{
    uint64_t bit = (uint64_t)1 << identity % 64;

    if (hart == this_hart()->index) {
        enable_bits(identity / 64, bit);
        look_again();
    } else {
        asked[hart][identity / 64] |= bit;
        hart_interrupt((uint64_t)1 << hart);
    }
}

static int imsic_enable(uint32_t number, unsigned hart)
{
    int identity;

    if (number > machine.irq_count) {
        listen(hart, msi_of(number)->identity);
        return 0;
    }
    identity = msi_take_for_line(number);
    if (identity < 0)
        return identity;
    listen(hart, (uint32_t)identity);
    aplic_enable(number, places[hart], (uint32_t)identity);
    return 0;
}

static void imsic_disable(uint32_t number, unsigned hart)
{
    uint32_t identity;

    if (number <= machine.irq_count) {
        aplic_disable(number);
        return;
    }
    identity = msi_of(number)->identity;
    asked[hart][identity / 64] &= ~((uint64_t)1 << identity % 64);
    if (hart == this_hart()->index) {
        disable_bits(identity / 64, (uint64_t)1 << identity % 64);
        look_again();
    }
}

static const struct irq_chip imsic_chip = {
    .init_hart = imsic_init_hart,
    .serve = imsic_serve,
    .complete = imsic_complete,
    .enable = imsic_enable,
    .disable = imsic_disable,
    .interrupt_harts = imsic_interrupt_harts,
};

/* The node of the supervisors' IMSICs; the other ones are the firmware's. */
static int find_node(const void *fdt)
{
    int node = fdt_node_offset_by_compatible(fdt, -1, "riscv,imsics");
    uint32_t hart, interrupt;

    while (node >= 0 && !(tree_hart_interrupt(fdt, node, 0, &hart, &interrupt) &&
                          interrupt == INTERRUPT_SUPERVISOR_EXTERNAL))
        node = fdt_node_offset_by_compatible(fdt, node, "riscv,imsics");
    return node;
}

/* Where each hart's pages are: one for the supervisor, then those of its guests. */
static bool find_pages(const void *fdt, int node)
{
    uint64_t stride = PAGE_SIZE << tree_cell(fdt, node, "riscv,guest-index-bits", 0), base, len;
    uint32_t hart, interrupt, found = 0;

    if (!tree_reg(fdt, node, 0, &base, &len))
        return false;
    for (uint32_t place = 0; tree_hart_interrupt(fdt, node, place, &hart, &interrupt); place++) {
        if (hart == MAX_HARTS || place >= len / stride)
            continue;
        places[hart] = place;
        machine.msi_pages[hart] = paddr(base + place * stride);
        found++;
    }
    return found == machine.hart_count;
}

bool imsic_find(const void *fdt)
{
    int node = find_node(fdt);
    uint64_t identities;

    tree_reserve(fdt, "riscv,imsics", false);
    if (node < 0 || !find_pages(fdt, node) || !aplic_find(fdt, node))
        return false;
    identities = tree_cell(fdt, node, "riscv,num-ids", 0);
    machine.msi_identities = (uint32_t)min_u64(identities, MSI_IDENTITIES);
    irq_chip = &imsic_chip;
    return true;
}
