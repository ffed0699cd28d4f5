/*
 * Who wants what. The device is told the union of all sessions' wishes; with several receivers each
 * frame is judged for each of them. Filters of devices are inexact, and so is this: a session gets at
 * least what it asked for.
 */
#include "netdrv.h"

#include <libanole/anole.h>
#include <string.h>

#define TYPE_OFFSET 12u
#define TAG_OFFSET 14u
#define VLAN_TYPE 0x8100u

static bool is_multicast(const uint8_t *address)
{
    return (address[0] & 1) != 0;
}

static bool is_same(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, NET_ADDRESS_BYTES) == 0;
}

/* ---- judging frames ---- */

static unsigned big_endian(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* Untagged, tagged for priority only, or of a VLAN that the session wants. */
static bool vlan_wanted(const struct net_session *session, const uint8_t *frame, size_t len)
{
    if (len < TAG_OFFSET + 2 || big_endian(frame + TYPE_OFFSET) != VLAN_TYPE)
        return true;
    unsigned vlan = big_endian(frame + TAG_OFFSET) % NET_VLANS;
    return vlan == 0 || (session->vlan[vlan / 8] >> vlan % 8 & 1) != 0;
}

bool net_wants(const struct net_session *session, const uint8_t *frame, size_t len)
{
    static const uint8_t broadcast[NET_ADDRESS_BYTES] = {255, 255, 255, 255, 255, 255};
    const struct net_mode *mode = &session->mode;
    if ((mode->flags & NET_MODE_PROMISCUOUS) != 0)
        return true;
    if (!vlan_wanted(session, frame, len))
        return false;
    if (is_same(frame, broadcast)) {
        if ((mode->flags & NET_MODE_BROADCAST) != 0)
            return true;
    } else if (is_multicast(frame)) {
        if ((mode->flags & NET_MODE_ALL_MULTICAST) != 0)
            return true;
    } else if ((mode->flags & NET_MODE_UNICAST) != 0 &&
               is_same(frame, net_server.device->info.address)) {
        return true;
    }
    for (unsigned i = 0; i < mode->count; i++)
        if (is_same(frame, mode->address[i]))
            return true;
    return false;
}

/* ---- telling the device ---- */

static void add_address(struct net_filter *filter, const uint8_t *address)
{
    bool multicast = is_multicast(address);
    uint8_t(*table)[NET_ADDRESS_BYTES] = multicast ? filter->multicast : filter->unicast;
    unsigned *count = multicast ? &filter->multicast_count : &filter->unicast_count;
    for (unsigned i = 0; i < *count; i++)
        if (is_same(table[i], address))
            return;
    if (*count < NET_ADDRESSES_MAX)
        memcpy(table[(*count)++], address, NET_ADDRESS_BYTES);
    else if (multicast)
        filter->all_multicast = true; /* more than the table holds: let all through */
    else
        filter->promiscuous = true;
}

static int apply(void)
{
    static struct net_filter filter;
    struct net_device *device = net_server.device;
    if (device->ops->filter == NULL)
        return 0;
    memset(&filter, 0, sizeof(filter));
    for (uint32_t mask = net_server.receiver_mask; mask != 0; mask &= mask - 1) {
        const struct net_mode *mode = &net_server.session[__builtin_ctz(mask)].mode;
        filter.promiscuous |= (mode->flags & NET_MODE_PROMISCUOUS) != 0;
        filter.all_multicast |= (mode->flags & NET_MODE_ALL_MULTICAST) != 0;
        for (unsigned i = 0; i < mode->count; i++)
            add_address(&filter, mode->address[i]);
    }
    return device->ops->filter(device, &filter);
}

static bool receives(const struct net_session *session)
{
    return session->state == NET_SESSION_OPEN && !session->detaching && !session->broken &&
           (session->mode.flags != 0 || session->mode.count > 0);
}

static void say(int rc, const char *what)
{
    if (rc < 0)
        log_printf(LOG_WARNING, "%s: the device refuses %s: %s", net_server.device->name, what,
                   anole_error_text(rc));
}

/* ---- who receives ---- */

static bool other_lanes_send(void)
{
    for (unsigned i = 1; i < net_server.device->lanes; i++)
        if (net_server.lane[i].sending > 0)
            return true;
    return false;
}

/* The device changes over; false: it is as before. */
static bool use_lanes(bool wide)
{
    struct net_device *device = net_server.device;
    int rc = device->ops->spread(device, wide);
    say(rc, wide ? "several pairs of queues" : "one pair of queues");
    if (rc == 0)
        net_server.wide = wide;
    return rc == 0;
}

/*
 * Several receivers' frames come by all lanes, into buffers of ours; one receiver's by the first alone,
 * where its own buffers are. A lane that isn't used any more must be empty before.
 */
static void choose_lanes(bool several)
{
    struct net_server *server = &net_server;
    server->narrowing = false;
    if (several && !server->wide && server->device->lanes > 1)
        (void)use_lanes(true);
    server->tx_lanes = (uint8_t)(several && server->wide ? server->device->lanes : 1);
    if (!several && server->wide) {
        if (other_lanes_send())
            server->narrowing = true;
        else
            (void)use_lanes(false);
    }
}

void net_receivers_changed(void)
{
    struct net_server *server = &net_server;
    struct net_session *only = NULL;
    uint32_t mask = 0;
    for (unsigned i = 0; i < NET_SESSIONS; i++)
        if (receives(&server->session[i]))
            mask |= (uint32_t)1 << i;
    server->receiver_mask = mask;
    if (mask != 0 && (mask & (mask - 1)) == 0)
        only = &server->session[__builtin_ctz(mask)];
    if (only != NULL && !only->attached)
        only = NULL;
    choose_lanes(mask != 0 && only == NULL);
    server->direct = server->wide ? NULL : only;
}

void net_filter_restore(void)
{
    struct net_device *device = net_server.device;
    say(apply(), "its filter");
    for (unsigned i = 0; i < NET_VLANS && device->ops->vlan != NULL; i++)
        if (net_server.vlan_users[i] > 0)
            say(device->ops->vlan(device, i, true), "a VLAN");
    if ((device->info.flags & NET_INFO_MAC_SET) != 0)
        say(device->ops->mac_set(device, device->info.address), "its address");
}

/* ---- requests ---- */

int net_rx_mode(const struct net_source *source, const struct message *request,
                struct message *reply)
{
    static struct net_mode wanted;
    (void)reply;
    struct net_session *session = net_session_of(source, request->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    uint64_t count = request->word[4];
    if (session->detaching)
        return -ANOLE_EBUSY;
    if (count > NET_ADDRESSES_MAX)
        return -ANOLE_EINVAL;
    wanted = (struct net_mode){.flags = NET_FLAGS_OF(request->word[0]), .count = (unsigned)count};
    if (count > 0) {
        int rc = kcall_copy(session->process, request->word[2], request->word[3], wanted.address,
                            count * NET_ADDRESS_BYTES, COPY_FROM_GRANT);
        if (rc < 0)
            return rc;
    }
    session->mode = wanted;
    net_receivers_changed();
    return apply();
}

static int vlan_change(struct net_session *session, unsigned vlan, bool wanted)
{
    struct net_device *device = net_server.device;
    uint8_t bit = (uint8_t)(1u << vlan % 8);
    bool had = (session->vlan[vlan / 8] & bit) != 0;
    if (had == wanted)
        return 0;
    session->vlan[vlan / 8] ^= bit;
    uint16_t *users = &net_server.vlan_users[vlan];
    *users = (uint16_t)(wanted ? *users + 1 : *users - 1);
    session->vlan_count = wanted ? session->vlan_count + 1 : session->vlan_count - 1;
    bool tell = wanted ? *users == 1 : *users == 0;
    return tell && device->ops->vlan != NULL ? device->ops->vlan(device, vlan, wanted) : 0;
}

int net_vlan(const struct net_source *source, const struct message *request, struct message *reply)
{
    (void)reply;
    struct net_session *session = net_session_of(source, request->word[1]);
    if (session == NULL)
        return -ANOLE_EBADHANDLE;
    if (request->word[2] >= NET_VLANS || request->word[3] > 1)
        return -ANOLE_EINVAL;
    return vlan_change(session, (unsigned)request->word[2], request->word[3] == 1);
}

int net_mac_set(const struct net_source *source, const struct message *request,
                struct message *reply)
{
    static const uint8_t zero[NET_ADDRESS_BYTES];
    struct net_device *device = net_server.device;
    uint8_t address[NET_ADDRESS_BYTES];
    (void)reply;
    if (net_session_of(source, request->word[1]) == NULL)
        return -ANOLE_EBADHANDLE;
    if ((device->info.flags & NET_INFO_MAC_SET) == 0)
        return -ANOLE_ENOSYS;
    for (unsigned i = 0; i < NET_ADDRESS_BYTES; i++)
        address[i] = (uint8_t)(request->word[2] >> 8 * i);
    if (request->word[2] >> 8 * NET_ADDRESS_BYTES != 0 || is_multicast(address) ||
        is_same(address, zero))
        return -ANOLE_EINVAL;
    if (net_server.sessions_open > 1)
        return -ANOLE_EBUSY;
    int rc = device->ops->mac_set(device, address);
    if (rc == 0)
        memcpy(device->info.address, address, NET_ADDRESS_BYTES);
    return rc;
}

void net_filter_forget(struct net_session *session)
{
    for (unsigned i = 0; i < NET_VLANS && session->vlan_count > 0; i++)
        say(vlan_change(session, i, false), "to forget a VLAN");
    session->mode = (struct net_mode){.count = 0};
    net_receivers_changed();
    say(apply(), "its filter");
}
