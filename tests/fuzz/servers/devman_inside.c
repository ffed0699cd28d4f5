/*
 * devman's main.c is compiled as part of this one.
 */
int devman_main(void);
#define main devman_main
#include <servers/devman/main.c>
#undef main

#include "devman_inside.h"
#include <stdlib.h>

bool inside_start(const void *region, size_t len)
{
    const void *blob = tree_locate(region, &len);
    memset(devices, 0, sizeof(devices));
    int count = blob ? tree_find(blob, len, devices, DEVICES) : -ANOLE_EINVAL;
    device_count = count > 0 ? (unsigned)count : 0;
    if (count < 0) {
        return false;
    }
    devices_tell();
    return true;
}

unsigned inside_device_count(void)
{
    return device_count;
}

const struct device *inside_device(unsigned number)
{
    return &devices[number];
}

int inside_list(struct ipc_delivery *request)
{
    return request_list(request);
}

void inside_work(void)
{
    notified(NOTIFY_BIT(NOTIFY_WORK));
}

uint64_t inside_deadline(void)
{
    return deadline();
}

void inside_timeout(void)
{
    timeout();
}

/* ---- what only devman's main() calls ---- */

int kcall_region_info(endpoint_t maker, handle_t handle, size_t *len, unsigned *prot)
{
    (void)maker, (void)handle, (void)len, (void)prot;
    abort();
}

int kcall_region_map(endpoint_t maker, handle_t handle, size_t offset, size_t len, unsigned prot,
                     void **address)
{
    (void)maker, (void)handle, (void)offset, (void)len, (void)prot, (void)address;
    abort();
}

int kcall_unmap(void *address, size_t len)
{
    (void)address, (void)len;
    return 0;
}
