/*
 * lsdev: the devices that devman knows; with -v everything about each of them.
 */
#include "detail.h"

#include "../common/arguments.h"
#include "../common/table.h"

#include <libanole/anole.h>
#include <librs/rs_client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVMAN_TIMEOUT_US 5000000ul
#define NOTIFY_NAME 0     /* own bit: devman's name was published */
#define DEVICES_MAX 4096u /* more than any machine has: devman answers nonsense */

/* Fetches up to room devices; *there: how many there are. */
static int fetch(endpoint_t devman, struct device_info *devices, unsigned room, unsigned *there)
{
    struct message message = {.word = {0, room * sizeof(*devices)}};
    int status = kcall_grant(devman, devices, room * sizeof(*devices), GRANT_WRITE,
                             &message.word[0]);

    if (status != 0)
        return status;
    handle_t grant = message.word[0];
    status = anole_call(devman, DEVMAN_LIST, &message, deadline_in_us(DEVMAN_TIMEOUT_US));
    int revoked = kcall_revoke(grant, -1);
    if (status != 0 || revoked != 0)
        return status != 0 ? status : revoked;
    if (message.word[0] > DEVICES_MAX || message.word[1] > room ||
        (message.word[1] < room && message.word[1] < message.word[0]))
        return -ANOLE_EPROTO;
    *there = (unsigned)message.word[0];
    return 0;
}

/* All devices; *devices is from malloc. */
static int read_devices(struct device_info **devices, unsigned *count)
{
    endpoint_t devman;
    unsigned room = 32;
    int status = name_wait("devman", &devman, NOTIFY_NAME, deadline_in_us(DEVMAN_TIMEOUT_US));

    while (status == 0) {
        *devices = calloc(room, sizeof(**devices));
        if (*devices == NULL)
            return -ANOLE_ENOMEM;
        status = fetch(devman, *devices, room, count);
        if (status == 0 && *count <= room)
            return 0;
        room = *count;
        free(*devices);
    }
    return status;
}

static void add_row(struct table *table, const struct device_info *device)
{
    const struct rs_device_told *told = &device->told;

    table_cell(table, "%u", told->description.number);
    table_cell(table, "%.31s", device->node);
    table_cell(table, "%.31s", told->compatible);
    if (told->description.windows > 0) {
        table_cell(table, "0x%lx", (unsigned long)told->windows[0].base);
        table_cell(table, "0x%lx", (unsigned long)told->windows[0].len_bytes);
    } else {
        table_cell(table, "-");
        table_cell(table, "-");
    }
    table_cell(table, "%u", told->interrupt);
    table_cell(table, "%s", device_state_text(device->state));
    table_cell(table, "%u", device->resets);
}

static int print_table(const struct device_info *devices, unsigned count)
{
    static const struct table_column columns[] = {
        {"NUMBER", true}, {"NODE", false}, {"COMPATIBLE", false}, {"BASE", true},
        {"LEN", true},    {"IRQ", true},   {"STATE", false},      {"RESETS", true},
    };
    struct table table;

    table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (unsigned i = 0; i < count; i++)
        add_row(&table, &devices[i]);
    return table_print(&table);
}

/* RS names a driver's device by its label. */
static const struct rs_service_info *driver_of(const struct device_info *device,
                                               const struct rs_service_info *services,
                                               unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (strncmp(services[i].device, device->told.label, sizeof(services[i].device)) == 0)
            return &services[i];
    }
    return NULL;
}

static int print_details(const struct device_info *devices, unsigned count)
{
    struct rs_service_info *services;
    unsigned service_count;
    int status = rs_list(&services, &service_count);

    if (status != 0) {
        fprintf(stderr, "lsdev: RS gives no list of services: %s\n", anole_error_text(status));
        return 1;
    }
    for (unsigned i = 0; i < count; i++)
        print_detail(&devices[i], driver_of(&devices[i], services, service_count));
    free(services);
    return 0;
}

int main(int argc, char *argv[])
{
    struct device_info *devices;
    unsigned count = 0;
    bool verbose = argc == 2 && strcmp(argv[1], "-v") == 0;

    if (argc != 1 && !verbose)
        return print_usage("lsdev [-v]");

    int status = read_devices(&devices, &count);
    if (status != 0) {
        fprintf(stderr, "lsdev: devman gives no list: %s\n", anole_error_text(status));
        return 1;
    }
    status = verbose ? print_details(devices, count) : print_table(devices, count);
    free(devices);
    return status;
}
