/*
 * From the resource table and devman's description to a transport, see attach.h.
 */
#include <libanole/anole.h>
#include <libvirtio/attach.h>
#include <libvirtio/mmio_regs.h>
#include <stdatomic.h>
#include <stdlib.h>

_Noreturn void virtio_give_up(const char *name, const char *why, uint64_t detail)
{
    log_printf(LOG_ERROR, "%s: giving the device up for a reset: %s", name, why);
    kcall_exit(DEATH_DEVICE_RESET, detail);
}

/* Not the device's fault: what the system gave is too little. */
static _Noreturn void fail(const char *name, const char *step, int error)
{
    log_printf(LOG_ERROR, "%s: %s: %s", name, step, anole_error_text(error));
    exit(1);
}

/* ---- where the registers are ---- */

static int map_mmio(struct virtio_attached *attached)
{
    void *window;
    size_t len;
    int rc = device_window_map(&window, &len);
    if (rc < 0)
        fail(attached->name, "its register window", rc);
    attached->transport = &attached->mmio.transport;
    rc = virtio_mmio_probe(&attached->mmio, &attached->platform, (uintptr_t)window, len);
    if (rc == -ANOLE_EINVAL || rc == -ANOLE_ENOSYS)
        log_printf(LOG_ERROR, "%s: can't drive it: magic %#x (want %#x), version %u (want 1 or 2)",
                   attached->name, attached->mmio.magic, MMIO_MAGIC, attached->mmio.version);
    return rc;
}

static int map_pci(struct virtio_attached *attached, const struct device_description *described)
{
    struct virtio_window windows[DEVICE_WINDOWS] = {{0}};
    for (unsigned i = 0; i < described->windows && i < DEVICE_WINDOWS; i++) {
        void *address;
        int rc = kcall_window_map(i, &address, &windows[i].len_bytes);
        if (rc < 0)
            fail(attached->name, "its register windows", rc);
        windows[i].base = (uintptr_t)address;
    }
    attached->transport = &attached->pci.transport;
    int rc = virtio_pci_probe(&attached->pci, &attached->platform, described, windows);
    if (rc == -ANOLE_EINVAL)
        log_printf(LOG_ERROR, "%s: can't drive it: its registers aren't where they can be",
                   attached->name);
    return rc;
}

/* ---- interrupts ---- */

static int bind(struct virtio_attached *attached, unsigned vector, unsigned bit)
{
    uint64_t mask = (uint64_t)1 << vector;
    if ((atomic_fetch_or_explicit(&attached->vectors_used, mask, memory_order_relaxed) & mask) != 0)
        return 0;
    return kcall_irq_bind(startup_page()->described.windows, vector, bit);
}

int virtio_attach_queue_to(struct virtio_attached *attached, unsigned queue, unsigned bit)
{
    uint16_t vector = virtio_vector_of(attached->transport, queue);
    return vector == 0 ? 0 : bind(attached, vector, bit);
}

int virtio_attach_queue(struct virtio_attached *attached, unsigned queue)
{
    return virtio_attach_queue_to(attached, queue, attached->bit + 1);
}

unsigned virtio_attached_causes(const struct virtio_attached *attached, uint64_t bits)
{
    return virtio_interrupt_causes(attached->transport, (bits & NOTIFY_BIT(attached->bit)) != 0,
                                   (bits & NOTIFY_BIT(attached->bit + 1)) != 0);
}

/* ---- the whole ---- */

void virtio_attach(struct virtio_attached *attached, const char *name, uint32_t device_id,
                   unsigned bit)
{
    const struct device_description *described = &startup_page()->described;
    bool pci = described->transport == DEVICE_VIRTIO_PCI;
    *attached = (struct virtio_attached){.name = name, .bit = bit};
    virtio_platform_anole(&attached->platform, NOTIFY_BIT(bit));
    int rc = pci ? map_pci(attached, described) : map_mmio(attached);
    if (rc == 0 && attached->transport->device_id != device_id) {
        log_printf(LOG_ERROR, "%s: can't drive it: device id %u (want %u)", name,
                   attached->transport->device_id, device_id);
        rc = -ANOLE_ENODEV;
    }
    if (rc < 0)
        kcall_exit(DEATH_UNUSABLE, (uint64_t)-rc);
    rc = bind(attached, 0, bit);
    if (rc < 0)
        fail(name, "its interrupt", rc);
    /* Configuration changes that come during a wait are left for the service loop. */
    if (attached->transport->vectors > 1)
        virtio_platform_anole(&attached->platform, NOTIFY_BIT(bit + 1));
    if (attached->transport->legacy)
        log_printf(LOG_INFO, "%s: a legacy device", name);
}

_Noreturn void virtio_open_failed(const char *name, const struct virtio_device *device,
                                  const char *step, int error)
{
    struct feature_bit missing = device->missing_feature;
    const char *feature = feature_name(device->transport->device_id, missing);
    if (error == -ANOLE_ETIMEDOUT)
        virtio_give_up(name, "it doesn't come out of reset", (uint64_t)-error);
    if ((device->status & VIRTIO_STATUS_DRIVER_OK) != 0)
        virtio_give_up(name, "it needs a reset", (uint64_t)-error);
    if (error == -ANOLE_ENOMEM)
        fail(name, step, error);
    if (missing.number < VIRTIO_FEATURES)
        log_printf(LOG_ERROR, "%s: can't drive it: it lacks feature %s (%u)", name,
                   feature != NULL ? feature : "?", missing.number);
    else
        log_printf(LOG_ERROR, "%s: can't drive it: %s: %s", name, step, anole_error_text(error));
    kcall_exit(DEATH_UNUSABLE, (uint64_t)-error);
}
