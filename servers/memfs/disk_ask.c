/*
 * What disks there are, and their partitions, which have no names of their own at RS. A driver that
 * doesn't answer costs a tenth of a second, and isn't asked again for one.
 */
#include "disk.h"

#include <libanole/anole.h>

#define ASK_US 100000u
#define SILENT_US 1000000u

struct known {
    endpoint_t driver; /* whose word `minors` is; ENDPOINT_NONE: nobody's */
    uint32_t minors;
    uint64_t silent_until;
};
static struct known known[DISKS];

static int find(unsigned disk, endpoint_t *driver)
{
    const char name[] = {'v', 'd', (char)('a' + disk), '\0'};

    return name_lookup(name, driver);
}

static int ask_once(endpoint_t driver, unsigned minor, struct blk_info *info)
{
    handle_t grant;
    int error = kcall_grant(driver, info, sizeof(*info), GRANT_WRITE, &grant);

    if (error)
        return error;
    struct message message = {.word = {BLK_ID(0, 0), minor, grant}};
    error = anole_call(driver, BLK_INFO, &message, deadline_in_us(ASK_US));
    int revoked = kcall_revoke(grant, -1); /* nobody changes it from now on */
    return error ? error : revoked;
}

/* -ENOENT: there is no such minor. */
static int ask(struct known *disk, endpoint_t driver, unsigned minor, struct blk_info *info)
{
    static struct blk_info answer; /* outlives a grant that couldn't be taken back */

    if (ticks_now() < disk->silent_until)
        return -ANOLE_EAGAIN;
    int error = ask_once(driver, minor, &answer);
    if (error && error != -ANOLE_ENOENT)
        disk->silent_until = deadline_in_us(SILENT_US);
    *info = answer;
    return error;
}

/* Of all the partitions, or none of them. */
static int ask_minors(struct known *disk, endpoint_t driver, uint32_t *minors)
{
    struct blk_info info;
    int error = ask(disk, driver, 0, &info);
    unsigned count = error || info.minors > BLK_MINORS ? BLK_MINORS : info.minors;

    *minors = 1;
    for (unsigned minor = 1; !error && minor < count; minor++) {
        error = ask(disk, driver, minor, &info);
        *minors |= error ? 0 : 1u << minor;
        error = error == -ANOLE_ENOENT ? 0 : error;
    }
    return error;
}

uint32_t disk_minors(unsigned disk)
{
    struct known *here = &known[disk];
    endpoint_t driver;
    uint32_t minors;
    int error = find(disk, &driver);

    if (error == -ANOLE_EAGAIN)
        return here->minors | 1; /* it comes back in a moment */
    if (error) {
        *here = (struct known){.driver = ENDPOINT_NONE};
        return 0;
    }
    if (driver != here->driver && ask_minors(here, driver, &minors) == 0) {
        here->driver = driver;
        here->minors = minors;
    }
    return here->minors | 1;
}

bool disk_ask_bytes(unsigned disk, unsigned minor, uint64_t *bytes)
{
    struct blk_info info;
    endpoint_t driver;

    if (find(disk, &driver) || ask(&known[disk], driver, minor, &info))
        return false;
    *bytes = disk_bytes(&info);
    return true;
}
