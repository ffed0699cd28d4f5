/*
 * The frame of a small driver, see driver.h.
 */
#include <libanole/anole.h>
#include <libvirtio/attach.h>
#include <libvirtio/barrier.h>
#include <libvirtio/driver.h>
#include <libvirtio/info.h>
#include <proto/rs.h>
#include <stdio.h>
#include <stdlib.h>

/* While the device has something, it is looked at that often even if it doesn't interrupt. */
#define POLL_US 100000u

struct virtio_counters virtio_driver_counters;

static const struct virtio_driver *driver;
static struct virtio_attached attached;
static struct virtio_device device;
static uint64_t poll_ticks = DEADLINE_NEVER;
static uint64_t progress_ticks; /* when the device last gave a buffer back, or got the first one */

/* Gives the device up for a reset: the process ends here. */
_Noreturn static void give_up(const char *why)
{
    virtio_give_up(driver->name, why, 0);
}

static unsigned in_flight(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
        count += device.queues[i] != NULL ? device.queues[i]->shown : 0;
    return count;
}

/* ---- for drivers ---- */

int virtio_driver_queue(struct virtq *queue, uint16_t index, uint16_t size_limit,
                        struct virtq_chain *chains)
{
    int rc = virtio_device_queue(&device, queue, index, size_limit, chains);
    return rc < 0 ? rc : virtio_attach_queue(&attached, index);
}

int virtio_driver_memory(size_t len_bytes, struct dma_memory *memory)
{
    return attached.platform.dma_alloc(&attached.platform, len_bytes, memory);
}

int virtio_driver_submit(struct virtq *queue, const struct virtq_segment *segments,
                         unsigned readable, unsigned writable, uint16_t token)
{
    if (in_flight() == 0)
        progress_ticks = ticks_now();
    virtq_set_time(queue, virtio_clock_ms());
    int rc = virtq_add(queue, segments, readable, writable, NULL, token);
    if (rc == 0)
        rc = virtq_kick(queue);
    if (rc == -ANOLE_EPROTO)
        give_up("it broke its ring");
    virtio_driver_counters.kicks += rc == 1;
    virtio_driver_counters.kicks_suppressed += rc == 0;
    return rc < 0 ? rc : 0;
}

/* ---- looking at the device ---- */

static void look_at(struct virtq *queue)
{
    struct virtq_used used;
    int rc;
    do {
        while ((rc = virtq_take(queue, &used)) > 0) {
            progress_ticks = ticks_now();
            driver->used(queue, &used);
        }
        if (rc == 0)
            rc = virtq_arm(queue, 1);
    } while (rc > 0);
    if (rc < 0)
        give_up("it broke its ring");
}

static void look(void)
{
    for (unsigned i = 0; i < VIRTIO_QUEUES; i++)
        if (device.queues[i] != NULL)
            look_at(device.queues[i]);
}

static void check(void)
{
    if (virtio_device_needs_reset(&device))
        give_up("it needs a reset");
}

static void notified(uint64_t bits)
{
    unsigned causes = virtio_attached_causes(&attached, bits);
    /* The acknowledgement comes before the look at the rings: what is used later interrupts anew. */
    io_mb();
    virtio_driver_counters.interrupts++;
    virtio_driver_counters.spurious_interrupts += causes == 0;
    if ((causes & VIRTIO_INTERRUPT_CONFIG) != 0) {
        check();
        if (driver->config_changed != NULL)
            driver->config_changed(&device);
    }
    look();
}

/* ---- time ---- */

static uint64_t driver_due(void)
{
    return driver->due != NULL ? driver->due() : DEADLINE_NEVER;
}

static uint64_t deadline(void)
{
    if (in_flight() == 0)
        poll_ticks = DEADLINE_NEVER;
    else if (poll_ticks == DEADLINE_NEVER)
        poll_ticks = deadline_in_us(POLL_US);
    uint64_t due = driver_due();
    return due < poll_ticks ? due : poll_ticks;
}

static void timeout(void)
{
    uint64_t now = ticks_now();
    if (driver_due() <= now)
        driver->act();
    if (poll_ticks > now)
        return;
    poll_ticks = DEADLINE_NEVER;
    check();
    look();
    if (in_flight() > 0 && now - progress_ticks >= ticks_from_us(driver->patience_us))
        give_up("it doesn't answer");
}

static void stop(void)
{
    (void)attached.transport->ops->reset(attached.transport); /* devman does it again */
}

/* ---- start ---- */

static void bring_up(void)
{
    virtio_attach(&attached, driver->name, driver->device_id, VIRTIO_DRIVER_BIT);
    int rc = virtio_device_open(&device, attached.transport, driver->rules, driver->rule_count);
    if (rc < 0)
        virtio_open_failed(driver->name, &device, "negotiation", rc);
    rc = driver->probe(&device);
    if (rc < 0) {
        virtio_device_fail(&device);
        virtio_open_failed(driver->name, &device, "probe", rc);
    }
    rc = virtio_device_start(&device);
    if (rc < 0)
        virtio_open_failed(driver->name, &device, "start", rc);
}

static void publish(void)
{
    char name[RS_NAME_LEN];
    unsigned unit = startup_page()->unit;
    if (unit == 0)
        snprintf(name, sizeof(name), "%s", driver->serves);
    else
        snprintf(name, sizeof(name), "%s%u", driver->serves, unit);
    service_ready();
    int rc = service_publish(name);
    if (rc < 0) {
        log_printf(LOG_ERROR, "%s: RS refuses the name %s: %s", driver->name, name,
                   anole_error_text(rc));
        exit(1);
    }
}

static void count(struct virtio_counters *counters)
{
    *counters = virtio_driver_counters;
}

_Noreturn void virtio_driver_run(const struct virtio_driver *of)
{
    static struct service service = {
        .notified = notified,
        .stop = stop,
        .deadline = deadline,
        .timeout = timeout,
    };
    driver = of;
    service.name = driver->name;
    service.entries = driver->entries;
    service.entry_count = driver->entry_count;
    bring_up();
    virtio_info_serve(&attached, &device, count);
    driver->started();
    publish();
    service_run(&service);
}
