/*
 * What a server's main() needs and a fuzzer never calls.
 */
#include <libanole/anole.h>
#include <libanole/service.h>
#include <libload/load.h>
#include <stdlib.h>

int ipc_receive(struct ipc_delivery *delivery, uint64_t notify_mask, uint64_t deadline_ticks,
                uint64_t flags)
{
    (void)delivery, (void)notify_mask, (void)deadline_ticks, (void)flags;
    abort();
}

int ipc_reply_receive(struct ipc_delivery *delivery, uint64_t notify_mask, uint64_t deadline_ticks)
{
    (void)delivery, (void)notify_mask, (void)deadline_ticks;
    abort();
}

int load_image_map(struct load_image *image)
{
    (void)image;
    abort();
}

const struct boot_entry *load_find(const struct load_image *image, const char *name)
{
    (void)image, (void)name;
    abort();
}

const void *load_file(const struct load_image *image, const struct boot_entry *entry)
{
    (void)image, (void)entry;
    abort();
}

void service_ready(void)
{
    abort();
}

_Noreturn void service_run(const struct service *service)
{
    (void)service;
    abort();
}
