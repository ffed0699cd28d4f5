/*
 * virtio dump NAME: what a virtio driver and its device think of each other. NAME is the service's, or
 * one that it publishes.
 */
#include "common/arguments.h"
#include "common/table.h"
#include "common/virtio.h"

#include <anole/device.h>
#include <libanole/anole.h>
#include <libvirtio/transport.h>
#include <stdio.h>
#include <string.h>

static void print_status(const char *title, uint8_t status)
{
    static const struct {
        uint8_t bit;
        const char *name;
    } bits[] = {
        {VIRTIO_STATUS_ACKNOWLEDGE, "ACKNOWLEDGE"}, {VIRTIO_STATUS_DRIVER, "DRIVER"},
        {VIRTIO_STATUS_FEATURES_OK, "FEATURES_OK"}, {VIRTIO_STATUS_DRIVER_OK, "DRIVER_OK"},
        {VIRTIO_STATUS_NEEDS_RESET, "NEEDS_RESET"}, {VIRTIO_STATUS_FAILED, "FAILED"},
    };
    printf("%-15s0x%02x", title, status);
    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
        if ((status & bits[i].bit) != 0)
            printf(" %s", bits[i].name);
    printf("\n");
}

static void print_features(const char *title, const struct virtio_info *info, uint64_t mask)
{
    printf("%-15s0x%016lx", title, (unsigned long)mask);
    virtio_print_features(info->device_id, mask);
    printf("\n");
}

static void print_device(const struct virtio_info *info)
{
    printf("%-15s%s: %s (%u) on %s%s\n", "device", info->label, virtio_kind_text(info->device_id),
           info->device_id, info->transport == DEVICE_VIRTIO_PCI ? "PCI" : "MMIO",
           info->legacy != 0 ? ", legacy" : "");
    if (info->vectors > 0)
        printf("%-15s%u\n", "vectors", info->vectors);
    else
        printf("%-15snone, a line for everything\n", "vectors");
    print_status("driver status", info->driver_status);
    print_status("device status", info->device_status);
    print_features("accepted", info, info->accepted);
    print_features("not accepted", info, info->offered & ~info->accepted);
    printf("%-15s", "registers");
    for (unsigned i = 0; i < info->registers; i++)
        printf("%s%s 0x%x", i > 0 ? ", " : "", info->reg[i].name, info->reg[i].value);
    printf("\n");
}

static void print_counters(const struct virtio_counters *counters)
{
    static const char *const sizes[VIRTIO_SIZES] = {"512 B",  "4 KiB",   "16 KiB",
                                                    "64 KiB", "256 KiB", "more"};
    printf("%-15s%lu, %lu failed, %lu bytes;", "operations", (unsigned long)counters->operations,
           (unsigned long)counters->errors, (unsigned long)counters->bytes);
    for (unsigned i = 0; i < VIRTIO_SIZES; i++)
        printf(" %s %s: %lu%s", i + 1 < VIRTIO_SIZES ? "up to" : "of", sizes[i],
               (unsigned long)counters->sizes[i], i + 1 < VIRTIO_SIZES ? "," : "\n");
    printf("%-15s%lu, %lu not wanted by the device\n", "kicks", (unsigned long)counters->kicks,
           (unsigned long)counters->kicks_suppressed);
    printf("%-15s%lu, %lu spurious\n", "interrupts", (unsigned long)counters->interrupts,
           (unsigned long)counters->spurious_interrupts);
    printf("%-15s%lu\n", "resets", (unsigned long)counters->resets);
}

static int print_queues(endpoint_t driver, const struct virtio_info *info)
{
    static const struct table_column columns[] = {
        {"QUEUE", true},      {"RING", false},     {"SIZE", true},          {"VECTOR", true},
        {"IN-FLIGHT", true},  {"OLDEST-MS", true}, {"ADDED", true},         {"FREE", true},
        {"AVAILABLE", false}, {"USED", false},     {"DRIVER-EVENT", false}, {"DEVICE-EVENT", false},
    };
    struct table table;
    table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (unsigned i = 0; i < info->queues; i++) {
        struct virtio_queue_info queue;
        int status = virtio_query_queue(driver, i, &queue);
        if (status != 0)
            return status;
        table_cell(&table, "%u", queue.index);
        table_cell(&table, "%s%s", queue.packed != 0 ? "packed" : "split",
                   queue.broken != 0 ? ", broken" : "");
        table_cell(&table, "%u", queue.size);
        if (info->vectors > 0)
            table_cell(&table, "%u", queue.vector);
        else
            table_cell(&table, "-");
        table_cell(&table, "%u", queue.in_flight);
        table_cell(&table, "%u", queue.oldest_ms);
        table_cell(&table, "%u", queue.added);
        table_cell(&table, "%u", queue.free_slots);
        table_cell(&table, "0x%04x", queue.available);
        table_cell(&table, "0x%04x", queue.used);
        table_cell(&table, "0x%08x", queue.driver_event);
        table_cell(&table, "0x%08x", queue.device_event);
    }
    return table_print(&table) == 0 ? 0 : -ANOLE_ENOMEM;
}

static int dump(const char *name)
{
    endpoint_t driver;
    struct virtio_info info;
    int status = name_lookup(name, &driver);
    if (status == 0)
        status = virtio_query(driver, &info);
    if (status == 0) {
        print_device(&info);
        print_counters(&info.counters);
        status = print_queues(driver, &info);
    }
    if (status == 0)
        return 0;
    fprintf(stderr, "virtio: %s: %s\n", name,
            status == -ANOLE_EPERM || status == -ANOLE_ENOSYS ? "no virtio driver"
                                                              : anole_error_text(status));
    return 1;
}

int main(int argc, char *argv[])
{
    if (argc != 3 || strcmp(argv[1], "dump") != 0)
        return print_usage("virtio dump NAME    of a service, or as it is found by clients");
    return dump(argv[2]);
}
