/*
 * The load: a client of what the service drives. For a service that drives neither a disk nor a network
 * interface it is one of the first disk there is, which must not notice.
 */
#include "faulttest.h"

#include <stdio.h>
#include <string.h>

#define CANDIDATES 26u
#define TIMEOUT_US 1000000u /* until a driver that is up has published its device's name */

static const struct load *const loads[] = {&load_disk, &load_net};
#define LOADS (sizeof loads / sizeof loads[0])

static const struct load *current; /* NULL: there is no load */
static bool victims, writes;

/* The one of the device that the service drives, or NULL. */
static const struct load *load_of(const struct rs_service_info *info)
{
    for (unsigned i = 0; i < LOADS; i++)
        if (strncmp(info->device, loads[i]->device, strlen(loads[i]->device)) == 0)
            return loads[i];
    return NULL;
}

/* ---- the device's name ---- */

static void make_name(const struct load *load, unsigned index, char name[RS_NAME_LEN])
{
    if (load->lettered)
        snprintf(name, RS_NAME_LEN, "%s%c", load->prefix, (char)('a' + index));
    else
        snprintf(name, RS_NAME_LEN, "%s%u", load->prefix, index);
}

/* The one that the process publishes, or (process ENDPOINT_NONE) the first there is. */
static bool look_for(const struct load *load, endpoint_t process, char name[RS_NAME_LEN])
{
    endpoint_t endpoint;
    for (unsigned i = 0; i < CANDIDATES; i++) {
        make_name(load, i, name);
        if (name_lookup(name, &endpoint) == 0 && (process == ENDPOINT_NONE || endpoint == process))
            return true;
    }
    return false;
}

/* A driver is up before it has published its device's name: that is waited for. */
static bool wait_for(const struct load *load, endpoint_t process, char name[RS_NAME_LEN])
{
    uint64_t until = deadline_in_us(TIMEOUT_US);
    bool found = look_for(load, process, name);
    while (!found && ticks_now() < until) {
        sleep_us(PAUSE_US);
        found = look_for(load, process, name);
    }
    return found;
}

/* ---- what the tests call ---- */

bool load_open(const char *service, bool write)
{
    struct rs_service_info info;
    char name[RS_NAME_LEN];
    if (service_settle(service, &info) != 0)
        return true; /* what is ordered of it will tell */
    const struct load *load = load_of(&info);
    victims = load != NULL && wait_for(load, info.endpoint, name);
    if (!victims) {
        load = &load_disk;
        if (!look_for(load, ENDPOINT_NONE, name)) {
            printf("note no disk: there is no load\n");
            return true;
        }
    }
    writes = write;
    enum load_state state = load->open(name, write);
    current = state == LOAD_OPEN ? load : NULL;
    return state != LOAD_FAILED;
}

bool load_submit(void)
{
    return current == NULL || current->submit();
}

bool load_finish(void)
{
    return current == NULL || current->finish();
}

bool load_round(void)
{
    return load_submit() && load_finish();
}

bool load_is_victims(void)
{
    return current != NULL && victims;
}

bool load_is_alone(void)
{
    return current == NULL || current->alone();
}

bool load_writes(void)
{
    return current != NULL && (writes || current->writes_always);
}

uint64_t load_sessions(void)
{
    return current == NULL ? 0 : current->sessions();
}

bool load_close(void)
{
    bool closed = current == NULL || current->close();
    current = NULL;
    return closed;
}
