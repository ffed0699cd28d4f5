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
    device_count = 0;
    if (devices_find(blob, len)) {
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

/* ---- grants: one at a time ---- */

static handle_t granted = HANDLE_NONE;

handle_t inside_grant(void)
{
    return granted;
}

int kcall_grant(endpoint_t peer, const void *address, size_t len, unsigned access, handle_t *grant)
{
    (void)peer;
    if (granted != HANDLE_NONE || len != sizeof(struct rs_device_told) || access != GRANT_READ ||
        ((const struct rs_device_told *)address)->reserved != 0) {
        abort();
    }
    granted = 7;
    *grant = granted;
    return 0;
}

int kcall_revoke(handle_t grant, int notify_bit)
{
    if (grant != granted || notify_bit != -1) {
        abort();
    }
    granted = HANDLE_NONE;
    return 0;
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
