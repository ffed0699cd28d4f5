/*
 * The device manager: finds the machine's devices, tells RS, and resets devices for RS, before the
 * first hand-over as well as after a driver's death. RS rings it; it fetches what to do.
 *
 * It owns no state that matters: started again, it finds the same devices under the same numbers,
 * learns from RS what became of them, and touches none that isn't RS's wish to reset. PCI
 * configuration space is its alone; what it has set up there, it finds there.
 */
#include "devman.h"
#include <libanole/anole.h>
#include <libanole/service.h>
#include <proto/rs.h>
#include <string.h>

static struct device devices[DEVICES];
static unsigned device_count;

/* ---- at the start ---- */

static void device_probe(struct device *device)
{
    const char *node = device->node;
    device->registers = registers_map(node, device->told.windows[0].base,
                                      device->told.windows[0].len_bytes);
    if (!device->registers) {
        return;
    }
    device->present = device->kind->identify(device);
    if (!device->present) {
        (void)kcall_unmap(device->registers, device->told.windows[0].len_bytes);
        device->registers = NULL;
    }
}

/* RS copies what it is told out of a grant. */
static int device_tell(struct device *device, struct message *message)
{
    endpoint_t rs = startup_page()->rs;
    *message = (struct message){0};
    int error = kcall_grant(rs, &device->told, sizeof(device->told), GRANT_READ, &message->word[0]);
    if (error) {
        return error;
    }
    handle_t grant = message->word[0];
    error = anole_call(rs, RS_DEVICE, message, DEADLINE_NEVER);
    int revoked = kcall_revoke(grant, -1);
    return error ? error : revoked;
}

/* Tells RS about a device, and learns what RS knows about it from a former devman. */
static void device_announce(struct device *device)
{
    struct message message;
    int error = device_tell(device, &message);
    if (error) {
        log_printf(LOG_ERROR, "%s: RS refuses it: %s", device->node, anole_error_text(error));
        device->present = false;
        device->state = DEVICE_REFUSED;
        return;
    }
    device->state = message.word[0] == DEVICE_FAILED ? DEVICE_FAILED : DEVICE_READY;
    device->resets = (uint32_t)message.word[1];
    log_printf(LOG_INFO, "%s: %s, interrupt %u of %u", device->node, device->told.compatible,
               (unsigned)device->told.interrupt, device->told.description.interrupts);
}

/* The functions of the PCI bus, if there is one, behind the devices of the tree. */
static void pci_find(const void *tree)
{
    static struct pci_host host;
    if (!pci_host_find(tree, &host)) {
        return;
    }
    uint8_t *config = registers_map("pci", host.config_base, PCI_BUS_BYTES);
    if (config) {
        pci_config_use(config, host.bus, 0);
        device_count += pci_scan(&host, startup_page()->instance == 0, &devices[device_count],
                                 DEVICES - device_count);
    }
}

/* All devices that a tree leads to. 0, or -EINVAL: it is none. */
static int devices_find(const void *tree, size_t len)
{
    int count = tree ? tree_find(tree, len, devices, DEVICES) : -ANOLE_EINVAL;
    if (count < 0) {
        return count;
    }
    device_count = (unsigned)count;
    for (unsigned i = 0; i < device_count; i++) {
        device_probe(&devices[i]);
    }
    pci_find(tree);
    if (device_count == DEVICES) {
        log_printf(LOG_WARNING, "of more than %u devices, the rest isn't used", DEVICES);
    }
    return 0;
}

static void tree_read(void)
{
    size_t len;
    unsigned prot;
    void *region;
    int error = kcall_region_info(ENDPOINT_KERNEL, KERNEL_REGION_DEVICE_TREE, &len, &prot);
    if (!error) {
        error = kcall_region_map(ENDPOINT_KERNEL, KERNEL_REGION_DEVICE_TREE, 0, len, PROT_READ_BIT,
                                 &region);
    }
    if (error) {
        panic("can't map the device tree: %s", anole_error_text(error));
    }
    const void *tree = tree_locate(region, &len);
    error = devices_find(tree, len);
    if (error) {
        panic("the device tree is none: %s", anole_error_text(error));
    }
}

static void devices_tell(void)
{
    struct message done = {0};
    for (unsigned i = 0; i < device_count; i++) {
        if (devices[i].present) {
            device_announce(&devices[i]);
        }
    }
    int error = anole_call(startup_page()->rs, RS_DEVICES_DONE, &done, DEADLINE_NEVER);
    if (error) {
        panic("RS refuses the end of the device list: %s", anole_error_text(error));
    }
}

/* ---- work for RS ---- */

static struct device *device_find(uint64_t number)
{
    for (unsigned i = 0; i < device_count; i++) {
        if (devices[i].present && devices[i].told.description.number == number) {
            return &devices[i];
        }
    }
    return NULL;
}

static void work_fetch(void)
{
    for (;;) {
        struct message message = {0};
        if (anole_call(startup_page()->rs, RS_RESET_FETCH, &message, DEADLINE_NEVER)) {
            return;
        }
        uint64_t number = message.word[0];
        struct device *device = device_find(number);
        if (device) {
            reset_begin(device, (endpoint_t)message.word[1]);
            continue;
        }
        message = (struct message){.word = {number, (uint64_t)(int64_t)-ANOLE_ENODEV}};
        if (anole_call(startup_page()->rs, RS_RESET_DONE, &message, DEADLINE_NEVER)) {
            return;
        }
    }
}

static void notified(uint64_t bits)
{
    if (bits & NOTIFY_BIT(NOTIFY_WORK)) {
        work_fetch();
    }
}

static uint64_t deadline(void)
{
    return reset_next_poll(devices, device_count);
}

static void timeout(void)
{
    reset_poll(devices, device_count);
}

/* ---- requests ---- */

/* w0 grant, w1 bytes -> w0 how many there are, w1 copied. */
static int request_list(struct ipc_delivery *request)
{
    static struct device_info infos[DEVICES];
    struct message *message = &request->message;
    size_t count = 0;
    for (unsigned i = 0; i < device_count; i++) {
        const struct device *device = &devices[i];
        if (!device->present && device->state != DEVICE_REFUSED) {
            continue;
        }
        struct device_info *info = &infos[count++];
        *info = (struct device_info){
            .told = device->told,
            .state = device->state,
            .resets = device->resets,
            .pci_vendor = (uint16_t)device->pci.ids,
            .pci_device = (uint16_t)(device->pci.ids >> 16),
        };
        memcpy(info->node, device->node, sizeof(info->node));
    }
    size_t room = message->word[1] / sizeof(infos[0]);
    size_t copied = room < count ? room : count;
    int error = 0;
    if (copied > 0) {
        error = kcall_copy(message->endpoint, message->word[0], 0, infos, copied * sizeof(infos[0]),
                           COPY_TO_GRANT);
    }
    message->word[0] = count;
    message->word[1] = copied;
    return error;
}

static const struct service_entry entries[] = {
    {DEVMAN_LIST, request_list},
};

static const struct service service = {
    .name = "devman",
    .entries = entries,
    .entry_count = sizeof(entries) / sizeof(entries[0]),
    .notified = notified,
    .deadline = deadline,
    .timeout = timeout,
};

int main(void)
{
    tree_read();
    devices_tell();
    service_ready();
    work_fetch();
    service_run(&service);
}
