/*
 * The device of nic_model.h.
 */
#include "nic_model.h"

#include "fake_memory.h"

#include <anole/error.h>
#include <libvirtio/feature_bits.h>
#include <string.h>

#define RX(pair) ((uint16_t)(2u * (pair)))
#define TX(pair) ((uint16_t)(2u * (pair) + 1u))
#define SEGMENTS 8u /* of a receive buffer */

/* Receive buffers that were taken and not used: a frame was too long for all of them. */
static struct taken {
    struct vdev_chain chain[NIC_MODEL_QUEUE];
    struct vdev_segment space[NIC_MODEL_QUEUE][SEGMENTS];
    unsigned count;
} taken_by[NIC_MODEL_PAIRS];
static struct nic_model_frame sent_frames[NIC_MODEL_SENT]; /* there is one model at a time */

static struct nic_model *of_host(struct vdev_host *host)
{
    return (struct nic_model *)(void *)((char *)host - offsetof(struct nic_model, host));
}

static void *translate(struct vdev_host *host, uint64_t address, uint64_t len_bytes, bool writable)
{
    (void)host;
    return fake_memory_find(address, len_bytes, writable ? FAKE_WRITE : FAKE_READ);
}

static void notified(struct vdev_host *host, struct vdev *device, uint16_t queue)
{
    struct nic_model *model = of_host(host);
    (void)device;
    model->notified |= (uint64_t)1 << queue;
    /* virtio 1.4, 5.1.6.5.6.1: nothing is sent by a queue that isn't used. */
    if (!model->hostile && queue % 2 != 0)
        CHECK(queue < 2 * model->pairs);
}

static void stopping(struct vdev_host *host, struct vdev *device, uint16_t queue)
{
    (void)device;
    of_host(host)->notified &= ~((uint64_t)1 << queue);
    if (queue == RX(0)) {
        of_host(host)->resets++;
        of_host(host)->pairs = 1;
    }
    if (queue % 2 == 0 && queue / 2 < NIC_MODEL_PAIRS)
        taken_by[queue / 2].count = 0;
}

static void driver_error(struct vdev_host *host, struct vdev *device, const char *what)
{
    (void)device;
    if (!of_host(host)->hostile)
        fail_msg("the driver: %s", what);
}

static void line_changed(struct vdev_mmio *mmio)
{
    struct nic_model *model = (struct nic_model *)(void *)((char *)mmio -
                                                           offsetof(struct nic_model, mmio));
    model->interrupts += vdev_mmio_line(mmio);
}

/* ---- the device type ---- */

static bool accepts(struct vdev *device, struct feature_set features)
{
    unsigned pairs = feature_has(features, VIRTIO_NET_F_MQ) ? NIC_MODEL_PAIRS : 1;
    device->queues_usable = (uint16_t)(2 * pairs + feature_has(features, VIRTIO_NET_F_CTRL_VQ));
    /* virtio 1.4, 5.1.3.1 */
    if (feature_has(features, VIRTIO_NET_F_GUEST_TSO4))
        CHECK(feature_has(features, VIRTIO_NET_F_GUEST_CSUM));
    if (feature_has(features, VIRTIO_NET_F_HOST_TSO4))
        CHECK(feature_has(features, VIRTIO_NET_F_CSUM));
    return true;
}

static bool config_write(struct vdev *device, uint32_t offset, unsigned width, uint32_t value)
{
    (void)device;
    fail_msg("%u of %u bytes written to configuration %u", value, width, offset); /* NET-CFG-01 */
    return false;
}

static const struct vdev_type type = {.id = 1, .accepts = accepts, .config_write = config_write};

/* ---- frames ---- */

static struct vdev_segment segments[NIC_MODEL_QUEUE];

static bool take(struct nic_model *model, uint16_t queue, struct vdev_chain *chain)
{
    *chain = (struct vdev_chain){.segments = segments, .capacity = NIC_MODEL_QUEUE};
    return vdev_take(&model->device, queue, chain) > 0;
}

/* Bytes of a chain from `skip` on, between it and `bytes`. */
static size_t copy(const struct vdev_chain *chain, size_t skip, unsigned char *bytes, size_t len,
                   bool write)
{
    size_t done = 0;
    for (unsigned i = 0; i < chain->readable + chain->writable && done < len; i++) {
        size_t part = chain->segments[i].len_bytes;
        if (skip >= part) {
            skip -= part;
            continue;
        }
        part = part - skip < len - done ? part - skip : len - done;
        if (write)
            memcpy(chain->segments[i].data + skip, bytes + done, part);
        else
            memcpy(bytes + done, chain->segments[i].data + skip, part);
        done += part;
        skip = 0;
    }
    return done;
}

static void send(struct nic_model *model, unsigned pair)
{
    struct vdev_chain chain;
    while (!model->hold_sends && take(model, TX(pair), &chain)) {
        struct nic_model_frame *frame = &model->sent[model->sent_count++ % NIC_MODEL_SENT];
        model->sent_by[pair]++;
        CHECK(chain.writable == 0 && chain.readable_bytes >= NIC_MODEL_HEADER);
        (void)copy(&chain, 0, frame->header, NIC_MODEL_HEADER, false);
        frame->len = copy(&chain, NIC_MODEL_HEADER, frame->bytes, NIC_MODEL_FRAME, false);
        CHECK(frame->header[10] == 0 && frame->header[11] == 0); /* NET-TX-02 */
        vdev_queue_use(&model->queues[TX(pair)], &chain, 0);
        vdev_publish(&model->device, TX(pair));
    }
}

bool nic_model_deliver(struct nic_model *model, const unsigned char header[NIC_MODEL_HEADER],
                       const void *frame, size_t len)
{
    static unsigned char bytes[NIC_MODEL_FRAME + NIC_MODEL_HEADER];
    size_t whole = len + NIC_MODEL_HEADER, done = 0, room = 0;
    uint16_t queue = RX(model->by_pair);
    struct taken *taken = &taken_by[model->by_pair];
    unsigned count = 0;
    memcpy(bytes, header, NIC_MODEL_HEADER);
    memcpy(bytes + NIC_MODEL_HEADER, frame, len);
    for (; room < whole; room += taken->chain[count++].writable_bytes) {
        if (count < taken->count)
            continue;
        struct vdev_chain *next = &taken->chain[count];
        *next = (struct vdev_chain){.segments = taken->space[count], .capacity = SEGMENTS};
        if (taken->count == NIC_MODEL_QUEUE || vdev_take(&model->device, queue, next) <= 0)
            return false;
        CHECK(next->readable == 0);
        taken->count++;
    }
    unsigned buffers = model->num_buffers >= 0 ? (unsigned)model->num_buffers : count;
    bytes[10] = (unsigned char)buffers;
    bytes[11] = (unsigned char)(buffers >> 8);
    for (unsigned i = 0; i < count; i++) {
        size_t part = copy(&taken->chain[i], 0, bytes + done, whole - done, true);
        done += part;
        uint32_t told = (uint32_t)(i + 1 == count ? part - (size_t)model->shorten : part);
        vdev_queue_use(&model->queues[queue], &taken->chain[i], told);
    }
    taken->count -= count;
    for (unsigned i = 0; i < taken->count; i++) {
        memcpy(taken->space[i], taken->space[i + count], sizeof(taken->space[i]));
        taken->chain[i] = taken->chain[i + count];
        taken->chain[i].segments = taken->space[i];
    }
    vdev_publish(&model->device, queue);
    return true;
}

bool nic_model_receive(struct nic_model *model, const void *frame, size_t len)
{
    static const unsigned char empty[NIC_MODEL_HEADER];
    return nic_model_deliver(model, empty, frame, len);
}

/* ---- commands (virtio 1.4, 5.1.6.5) ---- */

static bool table(const unsigned char *data, size_t len, size_t *at, unsigned *count,
                  unsigned char (*entries)[6])
{
    uint32_t entry_count;
    if (len - *at < 4)
        return false;
    memcpy(&entry_count, data + *at, 4);
    *at += 4;
    if (entry_count > NIC_MODEL_TABLE || len - *at < entry_count * 6ul)
        return false;
    memcpy(entries, data + *at, entry_count * 6ul);
    *at += entry_count * 6ul;
    *count = entry_count;
    return true;
}

static bool obey(struct nic_model *model, unsigned command, const unsigned char *data, size_t len)
{
    size_t at = 0;
    uint16_t vlan = 0;
    switch (command) {
    case 0x000:
    case 0x001:
        CHECK(len == 1 && data[0] <= 1);
        *(command == 0 ? &model->promiscuous : &model->all_multicast) = data[0] != 0;
        return true;
    case 0x100:
        return table(data, len, &at, &model->unicast_count, model->unicast) &&
               table(data, len, &at, &model->multicast_count, model->multicast) && at == len;
    case 0x101:
        CHECK(len == 6 && (data[0] & 1) == 0);
        memcpy(model->config, data, 6);
        return true;
    case 0x200:
    case 0x201:
        CHECK(len == 2);
        memcpy(&vlan, data, 2);
        CHECK(vlan < 4096);
        model->vlans[vlan] = command == 0x200;
        return true;
    case 0x300:
        CHECK(len == 0);
        model->announced++;
        model->config[6] &= (unsigned char)~2u;
        return true;
    case 0x400:
        CHECK(len == 2 && data[0] >= 1 && data[0] <= NIC_MODEL_PAIRS && data[1] == 0);
        model->pairs = data[0];
        return true;
    default:
        fail_msg("command %#x", command);
        return false;
    }
}

static void control(struct nic_model *model, uint16_t queue)
{
    unsigned char data[1024] = {0};
    struct vdev_chain chain;
    while (!model->silent && take(model, queue, &chain)) {
        CHECK(chain.writable == 1 && chain.writable_bytes == 1 && chain.readable_bytes >= 2);
        size_t len = copy(&chain, 0, data, chain.readable_bytes, false);
        model->commands++;
        bool done = !model->refuses &&
                    obey(model, (unsigned)data[0] << 8 | data[1], data + 2, len - 2);
        *chain.segments[chain.readable].data = done ? 0 : 1;
        vdev_queue_use(&model->queues[queue], &chain, 1);
        vdev_publish(&model->device, queue);
    }
}

static void send_all(struct nic_model *model, unsigned pair)
{
    struct vdev_queue *queue = &model->queues[TX(pair)];
    do
        send(model, pair);
    while (!model->hold_sends && vdev_queue_runs(queue) && !vdev_queue_sleep(queue));
}

void nic_model_work(struct nic_model *model)
{
    uint16_t usable = model->device.queues_usable;
    if (!vdev_runs(&model->device))
        return;
    model->notified = 0;
    for (unsigned pair = 0; pair < usable / 2u && pair < model->pairs; pair++)
        send_all(model, pair);
    if (usable % 2 != 0)
        control(model, (uint16_t)(usable - 1));
}

/* ---- what the driver stands on ---- */

static uint64_t access_read(struct virtio_platform *platform, uintptr_t address, unsigned width)
{
    CHECK(address >= NIC_MODEL_BASE && address - NIC_MODEL_BASE < NIC_MODEL_WINDOW);
    return vdev_mmio_read(&((struct nic_model *)platform)->mmio, address - NIC_MODEL_BASE, width);
}

static void access_write(struct virtio_platform *platform, uintptr_t address, unsigned width,
                         uint64_t value)
{
    CHECK(address >= NIC_MODEL_BASE && address - NIC_MODEL_BASE < NIC_MODEL_WINDOW);
    vdev_mmio_write(&((struct nic_model *)platform)->mmio, address - NIC_MODEL_BASE, width, value);
}

static uint8_t read8(struct virtio_platform *platform, uintptr_t address)
{
    return (uint8_t)access_read(platform, address, 1);
}

static uint16_t read16(struct virtio_platform *platform, uintptr_t address)
{
    return (uint16_t)access_read(platform, address, 2);
}

static uint32_t read32(struct virtio_platform *platform, uintptr_t address)
{
    return (uint32_t)access_read(platform, address, 4);
}

static void write8(struct virtio_platform *platform, uintptr_t address, uint8_t value)
{
    access_write(platform, address, 1, value);
}

static void write16(struct virtio_platform *platform, uintptr_t address, uint16_t value)
{
    access_write(platform, address, 2, value);
}

static void write32(struct virtio_platform *platform, uintptr_t address, uint32_t value)
{
    access_write(platform, address, 4, value);
}

static int dma_alloc(struct virtio_platform *platform, size_t len_bytes, struct dma_memory *memory)
{
    (void)platform;
    memory->address = fake_memory_alloc(len_bytes, &memory->device_address);
    memory->len_bytes = len_bytes;
    return 0;
}

static uint64_t now_us(struct virtio_platform *platform)
{
    return ((struct nic_model *)platform)->now_us;
}

static void wait(struct virtio_platform *platform, uint64_t deadline_us)
{
    struct nic_model *model = (struct nic_model *)platform;
    nic_model_work(model);
    if (!vdev_mmio_line(&model->mmio) && model->now_us < deadline_us)
        model->now_us = deadline_us;
}

void nic_model_init(struct nic_model *model, uint64_t offered)
{
    for (unsigned i = 0; i < NIC_MODEL_PAIRS; i++)
        taken_by[i].count = 0;
    *model = (struct nic_model){
        .platform = {read8, read16, read32, write8, write16, write32, dma_alloc, now_us, wait},
        .host = {translate, notified, stopping, driver_error},
        .device = {.type = &type,
                   .host = &model->host,
                   .offered = feature_with((struct feature_set){offered}, VIRTIO_F_VERSION_1),
                   .config = model->config,
                   .config_len = sizeof(model->config),
                   .queues = model->queues,
                   .queue_count = NIC_MODEL_QUEUES},
        .config = {2, 0, 0, 0, 0, 1, 1, 0, NIC_MODEL_PAIRS, 0, 0xdc, 5, 0xe8, 3, 0, 0, 1},
        .num_buffers = -1,
        .pairs = 1,
        .promiscuous = true, /* as QEMU's are after a reset */
        .sent = sent_frames,
        .now_us = 1000,
    };
    for (unsigned i = 0; i < NIC_MODEL_QUEUES; i++)
        vdev_queue_init(&model->queues[i], &model->host, NIC_MODEL_QUEUE, model->in_use[i]);
    vdev_status_write(&model->device, 0);
    vdev_mmio_init(&model->mmio, &model->device, 0x656c6f6e, line_changed);
}

void nic_model_free(struct nic_model *model)
{
    model->sent = NULL;
    fake_memory_reset();
}

void nic_model_link(struct nic_model *model, unsigned status)
{
    model->config[6] = (unsigned char)status;
    vdev_config_changed(&model->device);
}
