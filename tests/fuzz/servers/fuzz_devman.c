/*
 * devman under a device tree that nobody vouches for, registers that read as anything, requests from
 * anyone, and resets in any order: it must find only what it can use, and end every reset.
 */
#include "../input.h"
#include "../require.h"
#include "devman_inside.h"
#include <libanole/anole.h>
#include <libfdt.h>
#include <proto/rs.h>
#include <stdio.h>
#include <string.h>
#include <tests/host/fake_kernel.h>

#define STEPS 200u
#define BLOB_BYTES 8192u
#define NODES 80u
#define REGISTER_BYTES 65536u

static struct input input;
static _Alignas(8) uint8_t blob[BLOB_BYTES];
static uint8_t registers[REGISTER_BYTES];

/* ---- the machine ---- */

static void property_put(const char *name, unsigned most)
{
    uint8_t value[32];
    unsigned len = input_below(&input, most + 1);
    for (unsigned i = 0; i < len; i++) {
        value[i] = input_byte(&input);
    }
    (void)fdt_property(blob, name, value, (int)len); /* a full blob is cut there */
}

static void node_put(unsigned number)
{
    static const char *const compatible[] = {"virtio,mmio", "ns16550a", "google,goldfish-rtc"};
    char name[16];
    snprintf(name, sizeof(name), "node@%x", number);
    (void)fdt_begin_node(blob, name);
    if (input_below(&input, 8) != 0) {
        const char *value = compatible[input_below(&input, 3)];
        (void)fdt_property(blob, "compatible", value, (int)strlen(value) + 1);
    } else {
        property_put("compatible", 32);
    }
    if (input_below(&input, 4) != 0) {
        const fdt32_t reg[] = {0, cpu_to_fdt32(0x10000000 + number * 4096), 0,
                               cpu_to_fdt32(input_below(&input, 8192))};
        (void)fdt_property(blob, "reg", reg, sizeof(reg));
    } else {
        property_put("reg", 32);
    }
    if (input_below(&input, 2)) {
        property_put("interrupts", 8);
    }
    if (input_below(&input, 8) == 0) {
        property_put("status", 8);
    }
    (void)fdt_end_node(blob);
}

static void tree_make(void)
{
    unsigned nodes = input_below(&input, NODES);
    (void)fdt_create(blob, sizeof(blob));
    (void)fdt_finish_reservemap(blob);
    (void)fdt_begin_node(blob, "");
    if (input_below(&input, 4) != 0) {
        (void)fdt_property_u32(blob, "#address-cells", 2);
        (void)fdt_property_u32(blob, "#size-cells", 2);
    } else {
        property_put("#address-cells", 8);
        property_put("#size-cells", 8);
    }
    for (unsigned i = 0; i < nodes; i++) {
        node_put(i);
    }
    (void)fdt_end_node(blob);
    (void)fdt_finish(blob);
}

static void tree_take(void)
{
    size_t len = input.len < sizeof(blob) ? input.len : sizeof(blob);
    memcpy(blob, input.data, len);
}

static void registers_change(void)
{
    for (unsigned i = 0; i < 64; i++) {
        unsigned at = input_below(&input, 512);
        registers[at] = input_byte(&input);
    }
}

static void registers_of_virtio(void)
{
    static const uint8_t head[] = {'v', 'i', 'r', 't', 2, 0, 0, 0, 2, 0, 0, 0};
    memset(registers, 0, sizeof(registers));
    memcpy(registers, head, sizeof(head));
}

static int machine_call(uint32_t call, struct message *message)
{
    switch (call) {
    case KCALL_DEVICE_MAP:
        if (message->word[0] % PAGE_SIZE != 0 || message->word[1] > REGISTER_BYTES) {
            return -ANOLE_EINVAL;
        }
        message->word[0] = (uintptr_t)registers;
        return 0;
    case KCALL_QUARANTINE_END:
        return input_below(&input, 2) ? 0 : -ANOLE_ENOENT;
    default:
        return -ANOLE_ENOSYS;
    }
}

static int rs_call(uint32_t type, struct message *message)
{
    switch (type) {
    case RS_DEVICE:
        REQUIRE(message->word[0] == inside_grant());
        message->word[0] = input_byte(&input);
        message->word[1] = input_byte(&input);
        return input_below(&input, 8) == 7 ? -ANOLE_EEXIST : 0;
    case RS_RESET_FETCH:
        if (input.len == 0 || input_below(&input, 3) == 0) {
            return -ANOLE_EAGAIN;
        }
        message->word[0] = input_below(&input, 4) ? input_below(&input, DEVICES)
                                                  : input_word(&input);
        message->word[1] = input_word(&input);
        return 0;
    case RS_RESET_DONE:
        return input_below(&input, 8) == 7 ? -ANOLE_EINVAL : 0;
    default:
        return 0;
    }
}

/* ---- what happens, and what must be true ---- */

static void list(void)
{
    struct ipc_delivery request = {
        .message = {.type = DEVMAN_LIST,
                    .word = {input_byte(&input),
                             input_below(&input, 2) ? input_word(&input) : input_byte(&input)}}};
    int status = inside_list(&request);
    REQUIRE(status <= 0);
    REQUIRE(status != 0 || (request.message.word[1] <= request.message.word[0] &&
                            request.message.word[0] <= DEVICES));
}

static void devices_check(void)
{
    for (unsigned i = 0; i < inside_device_count(); i++) {
        const struct device *device = inside_device(i);
        REQUIRE(device->told.description.number == i);
        REQUIRE(!device->present || (device->registers && device->told.compatible[0] != '\0'));
        REQUIRE(memchr(device->node, '\0', sizeof(device->node)));
        REQUIRE(device->state != DEVICE_RESETTING || device->present);
        REQUIRE(device->state != DEVICE_RESETTING || inside_deadline() != DEADLINE_NEVER);
    }
}

static void resets_end(void)
{
    fake.now += 2 * (uint64_t)RESET_BOUND_US / 1000 * FAKE_TICKS_PER_MS;
    inside_timeout();
    for (unsigned i = 0; i < inside_device_count(); i++) {
        REQUIRE(inside_device(i)->state != DEVICE_RESETTING);
    }
}

static void step(void)
{
    switch (input_below(&input, 6)) {
    case 0:
        fake.now += input_below(&input, 60000) * (uint64_t)FAKE_TICKS_PER_MS / 100;
        inside_timeout();
        break;
    case 1:
        registers_change();
        break;
    case 2:
        resets_end();
        break;
    case 3:
        inside_work();
        break;
    default:
        list();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    input = (struct input){data, len};
    fake_reset();
    fake.kcall = machine_call;
    fake.call = rs_call;
    memset(blob, 0, sizeof(blob));
    registers_of_virtio();
    if (input_below(&input, 4) == 3) {
        tree_take();
    } else {
        tree_make();
    }
    if (input_below(&input, 4) == 3) {
        registers_change();
    }
    if (!inside_start(blob, sizeof(blob))) {
        return 0;
    }
    devices_check();
    for (unsigned i = 0; i < STEPS && input.len > 0; i++) {
        step();
        devices_check();
    }
    resets_end();
    return 0;
}
