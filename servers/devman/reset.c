/*
 * Resets: begun when RS asks, looked at until the device reads back as reset or its time is over.
 * Several may be under way; nothing here waits. When a device is quiet, the frames that its late
 * driver had mapped for it may be used again.
 */
#include "devman.h"
#include <libanole/anole.h>
#include <libvirtio/barrier.h>
#include <proto/rs.h>

static uint64_t next_poll; /* ticks */

static void tell_rs(const struct device *device, int status)
{
    struct message message = {.word = {device->told.description.number, (uint64_t)(int64_t)status}};
    int error = anole_call(startup_page()->rs, RS_RESET_DONE, &message, DEADLINE_NEVER);
    if (error) {
        log_printf(LOG_WARNING, "%s: RS doesn't want to know about its reset: %s", device->node,
                   anole_error_text(error));
    }
}

static void quarantine_end(const struct device *device)
{
    struct message message = {.word = {device->dead}};
    if (device->dead == ENDPOINT_NONE) {
        return;
    }
    int error = kcall(KCALL_QUARANTINE_END, &message);
    if (error && error != -ANOLE_ENOENT) {
        log_printf(LOG_WARNING, "%s: its late driver's memory stays in quarantine: %s",
                   device->node, anole_error_text(error));
    }
}

static void finish(struct device *device, int status)
{
    device->resets++;
    device->state = status == 0 ? DEVICE_READY : DEVICE_FAILED;
    device->dead = ENDPOINT_NONE;
    tell_rs(device, status);
}

/* From now on it reaches no memory, whatever it thinks. */
static void cut_off(struct device *device)
{
    if (device->kind->cut_off) {
        device->kind->cut_off(device);
    }
}

/* It was seen quiet: first its late driver's memory is free of it, then it may be used anew. */
static void quiet(struct device *device)
{
    cut_off(device);
    io_mb();
    quarantine_end(device);
    finish(device, device->kind->hand_over ? device->kind->hand_over(device) : 0);
}

/* What isn't there any more writes nowhere. */
static void gone(struct device *device)
{
    struct message message = {.word = {device->told.description.number}};
    log_printf(LOG_ERROR, "%s: it is gone", device->node);
    quarantine_end(device);
    device->state = DEVICE_GONE;
    device->dead = ENDPOINT_NONE;
    int error = anole_call(startup_page()->rs, RS_DEVICE_GONE, &message, DEADLINE_NEVER);
    if (error) {
        log_printf(LOG_WARNING, "%s: RS doesn't want to know that: %s", device->node,
                   anole_error_text(error));
    }
}

static void poll(struct device *device)
{
    if (device->kind->is_there && !device->kind->is_there(device)) {
        gone(device);
    } else if (device->kind->is_reset(device)) {
        quiet(device);
    } else if (ticks_now() >= device->reset_deadline) {
        log_printf(LOG_ERROR, "%s: didn't come out of reset within %u ms", device->node,
                   RESET_BOUND_US / 1000);
        cut_off(device);
        finish(device, -ANOLE_EIO);
    }
}

void reset_begin(struct device *device, endpoint_t dead)
{
    device->state = DEVICE_RESETTING;
    device->dead = dead;
    device->reset_deadline = deadline_in_us(RESET_BOUND_US);
    device->kind->reset(device);
    poll(device);
    next_poll = deadline_in_us(RESET_POLL_US);
}

void reset_poll(struct device *devices, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (devices[i].state == DEVICE_RESETTING) {
            poll(&devices[i]);
        }
    }
    next_poll = deadline_in_us(RESET_POLL_US);
}

uint64_t reset_next_poll(const struct device *devices, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (devices[i].state == DEVICE_RESETTING) {
            return next_poll;
        }
    }
    return DEADLINE_NEVER;
}
