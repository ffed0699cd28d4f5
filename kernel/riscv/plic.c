/*
 * The platform-level interrupt controller (RISC-V PLIC specification 1.0.0).
 */
#include "hart.h"
#include "irq.h"
#include "machine.h"
#include "mmu.h"

#define PLIC_PRIORITY 0x0u
#define PLIC_ENABLE 0x2000u
#define PLIC_ENABLE_STRIDE 0x80u
#define PLIC_CONTEXT 0x200000u
#define PLIC_CONTEXT_STRIDE 0x1000u
#define PLIC_THRESHOLD 0u
#define PLIC_CLAIM 4u

static uint32_t plic_read(uint64_t offset)
{
    uint32_t value = *(volatile uint32_t *)direct(paddr(machine.plic.raw + offset));
    __asm__ volatile("fence i, ir" ::: "memory");
    return value;
}

static void plic_write(uint64_t offset, uint32_t value)
{
    __asm__ volatile("fence ow, o" ::: "memory");
    *(volatile uint32_t *)direct(paddr(machine.plic.raw + offset)) = value;
}

static uint64_t context_offset(uint32_t context)
{
    return PLIC_CONTEXT + (uint64_t)context * PLIC_CONTEXT_STRIDE;
}

static uint64_t enable_offset(uint32_t line, uint32_t context)
{
    return PLIC_ENABLE + (uint64_t)context * PLIC_ENABLE_STRIDE + line / 32 * 4;
}

void plic_init_hart(void)
{
    uint32_t context = this_hart()->plic_context;

    if (machine.plic.raw == 0)
        return;
    for (uint32_t line = 0; line <= machine.irq_count; line += 32)
        plic_write(enable_offset(line, context), 0);
    plic_write(context_offset(context) + PLIC_THRESHOLD, 0);
}

uint32_t plic_claim(void)
{
    return plic_read(context_offset(this_hart()->plic_context) + PLIC_CLAIM);
}

void plic_complete(uint32_t line, uint32_t context)
{
    plic_write(context_offset(context) + PLIC_CLAIM, line);
}

void plic_enable(uint32_t line, uint32_t context)
{
    uint64_t offset = enable_offset(line, context);

    plic_write(PLIC_PRIORITY + line * 4, 1);
    plic_write(offset, plic_read(offset) | 1u << line % 32);
}

void plic_disable(uint32_t line, uint32_t context)
{
    uint64_t offset = enable_offset(line, context);

    plic_write(offset, plic_read(offset) & ~(1u << line % 32));
}
