/*
 * Processes and kernel calls for tests on the build machine.
 */
#include "hart.h"
#include "host_machine.h"
#include "kcall.h"
#include "vm.h"
#include <assert.h>
#include <string.h>

struct process *host_process(const char *name, struct process *creator, uint32_t max_frames)
{
    struct process_create request = {
        .priority = PRIORITY_PROGRAM,
        .max_threads = 4,
        .max_frames = max_frames,
        .max_handles = 512,
        .kcalls = ~(uint64_t)0,
        .give_kcalls = ~(uint64_t)0,
    };
    struct area_request data = {.address = HOST_DATA,
                                .pages = 4,
                                .kind = AREA_ANONYMOUS,
                                .prot = PROT_READ_BIT | PROT_WRITE_BIT};
    uint64_t progress = 0, address;
    struct process *process;

    strncpy(request.name, name, PROCESS_NAME_LEN - 1);
    memset(request.callable, 0xff, sizeof(request.callable));
    memset(request.give_callable, 0xff, sizeof(request.give_callable));
    memset(request.give_ids, 0xff, sizeof(request.give_ids));
    if (process_create(&request, creator ? creator->endpoint : ENDPOINT_KERNEL, &process))
        return NULL;
    if (vm_map_info_page(process) || vm_map_step(process, &data, &progress, &address))
        return NULL;
    process->state = PROCESS_RUNNING;
    thread_start(&process->main, 0x10000, HOST_DATA + PAGE_SIZE, 0);
    return process;
}

void host_run(unsigned hart, struct thread *thread)
{
    host_try_run(hart, thread);
    assert(harts[hart]->current == thread);
}

int host_kcall(struct thread *thread, uint32_t call, const uint64_t *arguments, unsigned count,
               uint64_t *result)
{
    host_run(0, thread);
    thread->regs[REG_T0] = SYS_IPC_CALL;
    thread->regs[REG_A0] = ENDPOINT_KERNEL | (uint64_t)call << 32;
    for (unsigned i = 0; i < MESSAGE_WORDS; i++)
        thread->regs[REG_A1 + i] = i < count ? arguments[i] : 0;
    host_system_call(0);
    for (unsigned i = 0; result && i < MESSAGE_WORDS; i++)
        result[i] = thread->regs[REG_A1 + i];
    return (int)(int64_t)thread->regs[REG_T0];
}
