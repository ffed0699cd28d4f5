/*
 * Channels of clients, driver side.
 */
#include <libdrv/attachment.h>

#include <libanole/anole.h>
#include <libanole/fault.h>

#define PROT (PROT_READ_BIT | PROT_WRITE_BIT)

/* Maps the region that was offered, and makes our side's view of it. */
static int map(struct attachment *attachment, endpoint_t process, handle_t offer, uint64_t entries)
{
    if (entries < CHANNEL_ENTRIES_MIN || entries > CHANNEL_ENTRIES_MAX)
        return -ANOLE_EINVAL;
    size_t need = channel_size((uint32_t)entries);
    size_t len;
    unsigned prot;
    int rc = kcall_region_info(process, offer, &len, &prot);
    if (rc < 0)
        return rc;
    if (len < need || (prot & PROT) != PROT)
        return -ANOLE_EINVAL;
    attachment->len_bytes = (need + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);
    rc = kcall_region_map(process, offer, 0, attachment->len_bytes, PROT, &attachment->memory);
    if (rc < 0)
        return rc;
    rc = channel_init(&attachment->channel, CHANNEL_SERVER, attachment->memory,
                      attachment->len_bytes, (uint32_t)entries);
    if (rc < 0)
        (void)kcall_unmap(attachment->memory, attachment->len_bytes);
    return rc;
}

int attachment_open(struct attachment *attachment, endpoint_t process, handle_t offer,
                    uint64_t entries, unsigned bit)
{
    int rc = map(attachment, process, offer, entries);
    if (rc < 0)
        return rc;
    rc = kcall_doorbell(process, bit, &attachment->own_doorbell);
    if (rc < 0)
        (void)kcall_unmap(attachment->memory, attachment->len_bytes);
    return rc;
}

void attachment_close(struct attachment *attachment)
{
    (void)kcall_close(attachment->own_doorbell);
    (void)kcall_unmap(attachment->memory, attachment->len_bytes);
}

int attachment_budget(struct attachment *attachment, unsigned waiting)
{
    int room = channel_room(&attachment->channel);
    if (room < 0)
        return room;
    return room > (int)waiting ? room - (int)waiting : 0;
}

_Noreturn static void flood_bells(const struct attachment *attachment)
{
    while (true)
        (void)ipc_notify(attachment->maker, attachment->doorbell);
}

int attachment_publish(struct attachment *attachment)
{
    int rc = channel_publish(&attachment->channel);
    if (fault_here(FAULT_FLOOD_BELLS))
        flood_bells(attachment);
    if (rc > 0)
        (void)ipc_notify(attachment->maker, attachment->doorbell); /* its death is told by watch */
    return rc < 0 ? rc : 0;
}
