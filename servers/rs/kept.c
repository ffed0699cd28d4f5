/*
 * What a service's instances leave for their successors: four words, and a region of the size that
 * system.dts says.
 *
 * RS creates the region, and pays for it, when an instance first asks; it is the same memory for each
 * of them until the service is stopped. So it outlives every death, and a service that was given up
 * finds it when an operator starts it again. RS never maps it: whatever is in there is its user's
 * matter, who can't trust what a broken predecessor wrote.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <string.h>

/* w0-3. */
int request_keep(struct message *message, const struct rs_caller *caller)
{
    memcpy(caller->service->kept, message->word, sizeof(caller->service->kept));
    return 0;
}

/* -> w0-3. */
int request_kept(struct message *message, const struct rs_caller *caller)
{
    memcpy(message->word, caller->service->kept, sizeof(caller->service->kept));
    return 0;
}

static void close_handle(handle_t *handle)
{
    if (*handle != HANDLE_NONE) {
        (void)kcall_close(*handle); /* an offer is gone already if its peer is */
        *handle = HANDLE_NONE;
    }
}

/* What is still mapped by an instance, or pinned by a driver that works for a dead one, stays with
 * them; the memory comes back when they let go. */
void kept_region_free(struct rs_service *service)
{
    close_handle(&service->kept_offer);
    close_handle(&service->kept_region);
    service->kept_by = ENDPOINT_NONE;
    service->kept_before = 0;
}

/* Makes the region if there is none, and an offer to that instance. */
static int region_offer(struct rs_service *service, endpoint_t process)
{
    handle_t offer;
    int error = 0;

    if (service->kept_region == HANDLE_NONE) {
        error = kcall_region_create(service->config->kept_bytes, 0, &service->kept_region);
        if (error) {
            service->kept_region = HANDLE_NONE;
            return error;
        }
    }
    error = kcall_region_offer(service->kept_region, process, PROT_READ_BIT | PROT_WRITE_BIT,
                               &offer);
    if (error) {
        return error;
    }
    close_handle(&service->kept_offer);
    service->kept_before += service->kept_by != ENDPOINT_NONE ? 1 : 0;
    service->kept_by = process;
    service->kept_offer = offer;
    return 0;
}

/* -> w0 offer, w1 bytes, w2 how many instances had it before. */
int request_kept_region(struct message *message, const struct rs_caller *caller)
{
    struct rs_service *service = caller->service;

    if (service->config->kept_bytes == 0) {
        return -ANOLE_ENOENT;
    }
    if (service->kept_by != caller->process) {
        int error = region_offer(service, caller->process);
        if (error) {
            return error;
        }
    }
    message->word[0] = service->kept_offer;
    message->word[1] = service->config->kept_bytes;
    message->word[2] = service->kept_before;
    return 0;
}
