/*
 * lsdev: the devices that devman knows.
 */
#include "common/arguments.h"
#include "common/table.h"

#include <libanole/anole.h>
#include <proto/devman.h>
#include <stdio.h>
#include <stdlib.h>

#define DEVMAN_TIMEOUT_US 5000000ul
#define NOTIFY_NAME 0     /* own bit: devman's name was published */
#define DEVICES_MAX 4096u /* more than any machine has: devman answers nonsense */

static const char *state_text(uint32_t state)
{
    switch (state) {
    case DEVICE_READY:
        return "ready";
    case DEVICE_FAILED:
        return "failed";
    case DEVICE_RESETTING:
        return "resetting";
    default:
        return "?";
    }
}

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
    table_cell(table, "0x%lx", (unsigned long)told->windows[0].base);
    table_cell(table, "0x%lx", (unsigned long)told->windows[0].len_bytes);
    table_cell(table, "%u", told->interrupt);
    table_cell(table, "%s", state_text(device->state));
    table_cell(table, "%u", device->resets);
}

int main(int argc, char *argv[])
{
    static const struct table_column columns[] = {
        {"NUMBER", true}, {"NODE", false}, {"COMPATIBLE", false}, {"BASE", true},
        {"LEN", true},    {"IRQ", true},   {"STATE", false},      {"RESETS", true},
    };
    struct device_info *devices;
    struct table table;
    unsigned count = 0;

    (void)argv;
    if (argc != 1)
        return print_usage("lsdev");

    int status = read_devices(&devices, &count);
    if (status != 0) {
        fprintf(stderr, "lsdev: devman gives no list: %s\n", anole_error_text(status));
        return 1;
    }
    table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (unsigned i = 0; i < count; i++)
        add_row(&table, &devices[i]);
    free(devices);
    return table_print(&table);
}
