/*
 * Sv39 page tables, ASIDs and fences (privileged architecture 4.4). The rules for fences are those of
 * fence.h; new mappings need none, a spurious fault fences and retries (riscv/trap.c).
 */
#include "mmu.h"
#include "frame.h"
#include "hart.h"
#include "kcall.h"
#include "kprintf.h"
#include "process.h"
#include "riscv/csr.h"
#include "riscv/hart_offsets.h"
#include "riscv/sbi.h"
#include <string.h>

#define PTE_V 1ul
#define PTE_R 2ul
#define PTE_W 4ul
#define PTE_X 8ul
#define PTE_U 16ul
#define PTE_G 32ul
#define PTE_A 64ul
#define PTE_D 128ul
#define PTE_PPN_SHIFT 10
#define ENTRIES 512u
#define MEGAPAGE (2ul << 20)
#define GIGAPAGE (1ul << 30)

_Static_assert(DIRECT_MAP_BASE == DIRECT_MAP_OFFSET, "C and assembly agree");

extern char kernel_start[], kernel_text_end[], kernel_rodata_end[], boot_image_start[],
    kernel_end[];

static uint64_t kernel_root[ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static uint64_t kernel_satp;
static bool have_asids;
/* By slot: what dead spaces left in translation caches (fence.h). */
static uint64_t residue[ENDPOINT_SLOTS];

static uint64_t pte_make(paddr_t frame, uint64_t bits)
{
    return (frame.raw >> 12) << PTE_PPN_SHIFT | bits | PTE_V;
}

static paddr_t pte_frame(uint64_t pte)
{
    return paddr((pte >> PTE_PPN_SHIFT & 0xffffffffffful) << 12);
}

static unsigned level_index(uint64_t address, unsigned level)
{
    return (unsigned)(address >> (12 + 9 * level)) & (ENTRIES - 1);
}

/* ---- the kernel's own tables ---- */

static uint64_t *kernel_table(uint64_t *pte)
{
    if (!(*pte & PTE_V)) {
        paddr_t frame;
        if (!frame_alloc(&frame))
            kernel_panic("no memory for the kernel's page tables");
        *pte = pte_make(frame, 0);
    }
    return direct(pte_frame(*pte));
}

/* Rights of a page of the kernel's image, read-write elsewhere; 0: it isn't mapped. */
static uint64_t kernel_page_rights(uint64_t address)
{
    if (hart_is_guard_page(address))
        return 0;
    if (address >= (uint64_t)kernel_start && address < (uint64_t)kernel_text_end)
        return PTE_R | PTE_X;
    if (address >= (uint64_t)kernel_text_end && address < (uint64_t)kernel_rodata_end)
        return PTE_R;
    if (address >= (uint64_t)boot_image_start && address < (uint64_t)kernel_end)
        return PTE_R;
    return PTE_R | PTE_W;
}

static void kernel_map(uint64_t physical, uint64_t size, uint64_t rights)
{
    uint64_t address = physical + DIRECT_MAP_BASE;
    uint64_t *pte = &kernel_root[level_index(address, 2)];
    uint64_t bits = rights | PTE_A | PTE_D | PTE_G;

    if (rights == 0)
        return;
    if (size != GIGAPAGE)
        pte = &kernel_table(pte)[level_index(address, 1)];
    if (size == PAGE_SIZE)
        pte = &kernel_table(pte)[level_index(address, 0)];
    *pte = pte_make(paddr(physical), bits);
}

void mmu_init(paddr_t ram_start, paddr_t ram_end)
{
    uint64_t image_start = direct_to_paddr(kernel_start).raw & ~(MEGAPAGE - 1);
    uint64_t image_end = (direct_to_paddr(kernel_end).raw + MEGAPAGE - 1) & ~(MEGAPAGE - 1);
    uint64_t address = ram_start.raw & ~(MEGAPAGE - 1);

    for (uint64_t low = 0; low < ram_start.raw; low += GIGAPAGE)
        kernel_map(low, GIGAPAGE, PTE_R | PTE_W);
    while (address < ram_end.raw) {
        if (address >= image_start && address < image_end) {
            for (uint64_t page = address; page < address + MEGAPAGE; page += PAGE_SIZE)
                kernel_map(page, PAGE_SIZE, kernel_page_rights(page + DIRECT_MAP_BASE));
        } else {
            kernel_map(address, MEGAPAGE, PTE_R | PTE_W);
        }
        address += MEGAPAGE;
    }
    kernel_satp = SATP_SV39 | direct_to_paddr(kernel_root).raw >> 12;
    /* The ASID field keeps only the bits that exist. */
    csr_write(satp, kernel_satp | SATP_ASID_MASK << SATP_ASID_SHIFT);
    have_asids = (csr_read(satp) >> SATP_ASID_SHIFT & SATP_ASID_MASK) >= ENDPOINT_SLOTS - 1;
    mmu_load_kernel();
}

void mmu_load_kernel(void)
{
    csr_write(satp, kernel_satp);
    __asm__ volatile("sfence.vma" ::: "memory");
}

/* ---- processes ---- */

static uint64_t *root_of(const struct process *process)
{
    return direct(paddr((process->satp & 0xffffffffffful) << 12));
}

int mmu_space_create(struct process *process)
{
    uint32_t slot = endpoint_slot(process->endpoint);
    paddr_t frame;
    int status = process_frame_alloc(process, &frame);

    if (status)
        return status;
    memcpy((uint64_t *)direct(frame) + ENTRIES / 2, kernel_root + ENTRIES / 2, PAGE_SIZE / 2);
    process->satp = SATP_SV39 | frame.raw >> 12;
    if (have_asids)
        process->satp |= (uint64_t)slot << SATP_ASID_SHIFT;
    space_fence_new(&process->fence, residue[slot]);
    return 0;
}

/* The table below *pte in a user space, NULL if there is none. */
static uint64_t *user_table(uint64_t pte)
{
    return pte & PTE_V ? direct(pte_frame(pte)) : NULL;
}

static int user_table_make(struct process *process, uint64_t *pte, uint64_t **table)
{
    paddr_t frame;
    int status;

    if (!(*pte & PTE_V)) {
        status = process_frame_alloc(process, &frame);
        if (status)
            return status;
        *pte = pte_make(frame, 0);
    }
    *table = direct(pte_frame(*pte));
    return 0;
}

static uint64_t *user_pte(const struct process *process, uint64_t address)
{
    uint64_t *table;

    if (address >= USER_END)
        return NULL;
    table = user_table(root_of(process)[level_index(address, 2)]);
    if (table)
        table = user_table(table[level_index(address, 1)]);
    return table ? &table[level_index(address, 0)] : NULL;
}

int mmu_map(struct process *process, uint64_t address, paddr_t frame, unsigned prot)
{
    uint64_t bits = PTE_U | PTE_A | PTE_D;
    uint64_t *table;
    int status;

    status = user_table_make(process, &root_of(process)[level_index(address, 2)], &table);
    if (!status)
        status = user_table_make(process, &table[level_index(address, 1)], &table);
    if (status)
        return status;
    bits |= prot & PROT_READ_BIT ? PTE_R : 0;
    bits |= prot & PROT_WRITE_BIT ? PTE_W | PTE_R : 0;
    bits |= prot & PROT_EXEC_BIT ? PTE_X : 0;
    table[level_index(address, 0)] = pte_make(frame, bits);
    return 0;
}

bool mmu_unmap(struct process *process, uint64_t address, paddr_t *frame)
{
    uint64_t *pte = user_pte(process, address);

    if (!pte || !(*pte & PTE_V))
        return false;
    *frame = pte_frame(*pte);
    *pte = 0;
    return true;
}

bool mmu_lookup(const struct process *process, uint64_t address, paddr_t *frame, unsigned *prot)
{
    uint64_t *pte = user_pte(process, address);

    if (!pte || !(*pte & PTE_V) || !(*pte & PTE_U))
        return false;
    *frame = pte_frame(*pte);
    *prot = (*pte & PTE_R ? PROT_READ_BIT : 0) | (*pte & PTE_W ? PROT_WRITE_BIT : 0) |
            (*pte & PTE_X ? PROT_EXEC_BIT : 0);
    return true;
}

int mmu_space_free_step(struct process *process)
{
    uint64_t *root = root_of(process);
    unsigned budget = STEP_PAGES;

    for (unsigned i = 0; i < ENTRIES / 2; i++) {
        uint64_t *middle = user_table(root[i]);
        for (unsigned j = 0; middle && j < ENTRIES; j++) {
            if (!(middle[j] & PTE_V))
                continue;
            if (budget-- == 0)
                return KCALL_AGAIN;
            process_frame_free(process, pte_frame(middle[j]));
            middle[j] = 0;
        }
        if (middle) {
            process_frame_free(process, pte_frame(root[i]));
            root[i] = 0;
        }
    }
    residue[endpoint_slot(process->endpoint)] = space_fence_retire(&process->fence);
    process_frame_free(process, direct_to_paddr(root));
    process->satp = 0;
    return 0;
}

/* ---- loading and fencing ---- */

static uint64_t harts_that_loaded(const struct process *process)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < hart_count; i++)
        if (harts[i]->space == process)
            mask |= (uint64_t)1 << i;
    return mask;
}

void mmu_fence(struct process *process)
{
    struct hart *self = this_hart();
    uint64_t asid = process->satp >> SATP_ASID_SHIFT & SATP_ASID_MASK;
    uint64_t now = space_fence_invalidate(&process->fence, harts_that_loaded(process));
    uint64_t remote_ids = 0;

    self->counters.fences++;
    process->counters.fences++;
    if (now & (uint64_t)1 << self->index)
        __asm__ volatile("sfence.vma x0, %0" ::"r"(asid) : "memory");
    for (unsigned i = 0; i < hart_count; i++)
        if (now & (uint64_t)1 << i && harts[i] != self)
            remote_ids |= (uint64_t)1 << harts[i]->hart_id;
    if (remote_ids) {
        self->counters.ipis++;
        sbi_remote_sfence_asid(remote_ids, asid);
    }
}

void mmu_load(struct process *process)
{
    struct hart *self = this_hart();
    bool must_fence;

    if (self->space == process)
        return;
    self->space = process;
    self->drop_space = false;
    self->counters.space_switches++;
    if (!process) {
        csr_write(satp, kernel_satp);
        return;
    }
    process->counters.space_switches++;
    must_fence = space_fence_load(&process->fence, self->index) || !have_asids;
    csr_write(satp, process->satp);
    if (must_fence) {
        self->counters.fences++;
        __asm__ volatile("sfence.vma" ::: "memory");
    }
}

bool mmu_dropped(struct process *process)
{
    struct hart *self = this_hart();
    uint64_t mask, told = 0;

    if (self->space == process)
        mmu_load(NULL);
    mask = harts_that_loaded(process);
    for (unsigned i = 0; i < hart_count; i++) {
        if (!(mask & (uint64_t)1 << i))
            continue;
        if (harts[i]->drop_space)
            told |= (uint64_t)1 << i;
        harts[i]->drop_space = true;
    }
    hart_interrupt(mask & ~told);
    return mask == 0;
}

void mmu_code_changed(void)
{
    for (unsigned i = 0; i < hart_count; i++)
        harts[i]->fence_i = true;
}
