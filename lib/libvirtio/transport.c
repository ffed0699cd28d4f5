/*
 * What transports have in common.
 */
#include <anole/error.h>
#include <libvirtio/transport.h>
#include <string.h>

#define RESET_TIMEOUT_US 1000000u
#define RESET_POLL_US 100u

int virtio_reset_wait(struct virtio_transport *transport,
                      bool (*done)(struct virtio_transport *transport))
{
    struct virtio_platform *platform = transport->platform;
    uint64_t deadline = platform->now_us(platform) + RESET_TIMEOUT_US;
    while (!done(transport)) {
        uint64_t now = platform->now_us(platform);
        if (now >= deadline)
            return -ANOLE_ETIMEDOUT;
        platform->wait(platform, now + RESET_POLL_US);
    }
    return 0;
}

uint64_t virtio_field_read(struct virtio_platform *platform, uintptr_t address, unsigned width)
{
    switch (width) {
    case 1:
        return platform->read8(platform, address);
    case 2:
        return platform->read16(platform, address);
    case 4:
        return platform->read32(platform, address);
    default: {
        uint64_t low = platform->read32(platform, address);
        return (uint64_t)platform->read32(platform, address + 4) << 32 | low;
    }
    }
}

unsigned virtio_registers_read(struct virtio_platform *platform, uintptr_t base,
                               const struct virtio_register *which, unsigned count,
                               struct virtio_register_info *registers, unsigned max)
{
    unsigned i;
    for (i = 0; i < count && i < max; i++) {
        registers[i] = (struct virtio_register_info){0};
        strncpy(registers[i].name, which[i].name, sizeof(registers[i].name) - 1);
        registers[i].value = (uint32_t)virtio_field_read(platform, base + which[i].offset,
                                                         which[i].width);
    }
    return i;
}

void virtio_field_write(struct virtio_platform *platform, uintptr_t address, unsigned width,
                        uint32_t value)
{
    if (width == 1)
        platform->write8(platform, address, (uint8_t)value);
    else if (width == 2)
        platform->write16(platform, address, (uint16_t)value);
    else
        platform->write32(platform, address, value);
}
