/*
 * Threads of a block driver over fake_kernel.h: one runs until it serves or ends, then its starter goes
 * on. Whoever is looked at by a test is the starter's server then, as before.
 */
#include "fake_kernel.h"

#include <libanole/anole.h>
#include <libblk/blkdrv.h>

int thread_start(void (*entry)(void *), void *argument, size_t stack_bytes, uint64_t hart_mask,
                 endpoint_t *endpoint)
{
    const struct service *service = fake_kernel.service;
    struct blk_server *server = blk_server;
    CHECK(stack_bytes >= 16384 && hart_mask != 0);
    if (fake_kernel.fail_thread != 0)
        return fake_kernel.fail_thread;
    *endpoint = FAKE_THREAD + fake_kernel.threads++;
    fake_kernel.hart_mask = hart_mask;
    fake_kernel_run(entry, argument);
    blk_server = server;
    fake_kernel.service = service;
    return 0;
}
