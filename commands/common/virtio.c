/*
 * Asking virtio drivers about their devices, see virtio.h.
 */
#include "virtio.h"

#include <libanole/anole.h>
#include <libvirtio/device.h>
#include <stdio.h>

#define TIMEOUT_US 2000000ul

/* A request whose word 0 is a grant of the buffer that the answer comes in. */
static int query(endpoint_t driver, uint32_t type, uint64_t which, void *buffer, size_t len)
{
    struct message message = {.word = {0, which}};
    int status = kcall_grant(driver, buffer, len, GRANT_WRITE, &message.word[0]);
    if (status != 0)
        return status;
    handle_t grant = message.word[0];
    status = anole_call(driver, type, &message, deadline_in_us(TIMEOUT_US));
    int revoked = kcall_revoke(grant, -1);
    return status != 0 ? status : revoked;
}

int virtio_query(endpoint_t driver, struct virtio_info *info)
{
    int status = query(driver, VIRTIO_INFO, 0, info, sizeof(*info));
    if (status != 0)
        return status;
    info->label[sizeof(info->label) - 1] = '\0';
    if (info->registers > VIRTIO_REGISTERS || info->queues > VIRTIO_QUEUES)
        return -ANOLE_EPROTO;
    for (unsigned i = 0; i < info->registers; i++)
        info->reg[i].name[sizeof(info->reg[i].name) - 1] = '\0';
    return 0;
}

int virtio_query_queue(endpoint_t driver, unsigned which, struct virtio_queue_info *queue)
{
    return query(driver, VIRTIO_QUEUE, which, queue, sizeof(*queue));
}

void virtio_print_features(uint32_t device_id, uint64_t mask)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        const char *name = feature_name(device_id, FEATURE_BIT((uint8_t)bit));
        if ((mask >> bit & 1) == 0)
            continue;
        if (name != NULL)
            printf(" %s", name);
        else
            printf(" bit %u", bit);
    }
}

const char *virtio_kind_text(uint32_t device_id)
{
    switch (device_id) {
    case VIRTIO_ID_NET:
        return "network device";
    case VIRTIO_ID_BLOCK:
        return "block device";
    case VIRTIO_ID_CONSOLE:
        return "console device";
    case VIRTIO_ID_RNG:
        return "entropy device";
    default:
        return "?";
    }
}
