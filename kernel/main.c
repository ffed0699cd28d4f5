/*
 * The kernel's start: from the firmware's hand-over to the first user instruction of rs.
 *
 * Everything runs on the boot hart until harts_start(); after that only under the big lock.
 */
#include "first.h"
#include "frame.h"
#include "hart.h"
#include "irq.h"
#include "kprintf.h"
#include "machine.h"
#include "mmu.h"
#include "random.h"
#include "region.h"
#include "sched.h"
#include "thread.h"
#include "vm.h"

#define MINIMUM_FREE (16ul << 20)

extern char kernel_start[], kernel_end[], boot_image_start[], boot_image_end[];

_Noreturn void kernel_main(uint64_t hart_id, uint64_t device_tree);

static void memory_init(void)
{
    frame_init(machine.ram_start, machine.ram_end.raw - machine.ram_start.raw, machine.ram_start,
               direct_to_paddr(kernel_end));
    frame_reserve_range(machine.device_tree, machine.device_tree_len);
    mmu_init(machine.ram_start, machine.ram_end);
    if (frame_free_count() * PAGE_SIZE < MINIMUM_FREE)
        kernel_panic("too little memory: %lu KiB free after the kernel, at least %lu are needed",
                     frame_free_count() * PAGE_SIZE / 1024, MINIMUM_FREE / 1024);
    vm_info_page_init();
    *vm_info_page() = (struct info_page){
        .abi_version = ANOLE_ABI_VERSION,
        .harts = hart_count,
        .ticks_per_second = ticks_per_second,
        .page_size = PAGE_SIZE,
    };
    region_init_fixed(KERNEL_REGION_BOOT_IMAGE, direct_to_paddr(boot_image_start),
                      (uint64_t)(boot_image_end - boot_image_start));
    region_init_fixed(KERNEL_REGION_DEVICE_TREE, paddr(machine.device_tree.raw & ~(PAGE_SIZE - 1)),
                      (machine.device_tree.raw & (PAGE_SIZE - 1)) + machine.device_tree_len);
}

_Noreturn void kernel_main(uint64_t hart_id, uint64_t device_tree)
{
    hart_boot_init((uint32_t)hart_id);
    machine_read(paddr(device_tree), (uint32_t)hart_id);
    log_set_quiet(machine_argument("quiet", 0) != 0);
    harts_init();
    memory_init();
    kprintf(LOG_INFO, "Anole: %u harts, %lu MiB of memory, %lu MiB free", hart_count,
            (machine.ram_end.raw - machine.ram_start.raw) >> 20,
            frame_free_count() * PAGE_SIZE >> 20);
    timers_init();
    irq_init();
    random_init(machine.seed, sizeof(machine.seed), machine.boot_ticks);
    endpoints_init((uint32_t)machine_argument("generation", 1));
    first_process_start();
    kernel_lock();
    harts_start();
    kernel_exit();
}
