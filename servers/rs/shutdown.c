/*
 * The end: all services are stopped, the last started first, each within its stop-ms; then the
 * machine. Programs go with pm.
 */
#include "rs.h"
#include <libanole/anole.h>

static bool begun;
static uint32_t power;
static uint64_t exit_status;

bool shutdown_begun(void)
{
    return begun;
}

/* The last started of those that still have a process; RS aside. */
static struct rs_service *last_started(void)
{
    struct rs_service *last = NULL;
    for (unsigned i = 0; i < rs.service_count; i++) {
        struct rs_service *service = &rs.services[i];
        if (service->endpoint != ENDPOINT_NONE && !service_is_rs(service) &&
            (!last || service->start_rank > last->start_rank)) {
            last = service;
        }
    }
    return last;
}

void shutdown_step(void)
{
    struct rs_service *service = last_started();
    if (!service) {
        struct message message = {.word = {power, exit_status}};
        int error = kcall(KCALL_POWER, &message);
        panic("the kernel refuses to power off: %s", anole_error_text(error));
    }
    if (service_is_live(service)) {
        service_stop(service);
    }
}

void shutdown_begin(uint32_t how, uint64_t status)
{
    if (begun) {
        return;
    }
    begun = true;
    power = how;
    exit_status = status;
    shutdown_step();
}

/* w0 POWER_*, w1 exit status. */
int request_shutdown(struct message *message, const struct rs_caller *caller)
{
    (void)caller;
    if ((message->word[0] != POWER_OFF && message->word[0] != POWER_REBOOT) ||
        message->word[1] > UINT8_MAX) {
        return -ANOLE_EINVAL;
    }
    if (begun) {
        return -ANOLE_EBUSY;
    }
    shutdown_begin((uint32_t)message->word[0], message->word[1]);
    return 0;
}
