/*
 * What tests of RS start from: a system of rs, devman, pm, a disk driver and a shell over the fake
 * kernel, and what its services and devman say to RS.
 */
#ifndef TESTS_RS_BOOT_H
#define TESTS_RS_BOOT_H

#include "rs_fake.h"
#include "rs_system.h"

/* Boots to the shell, with one disk: number 3, at 0x10001000. */
void boot(void);

/* A request of the newest process of that name. */
int say(const char *who, rs_handler handler, struct message *message);
int ready(const char *who);
/* Devman tells of a device, or of a disk on MMIO. */
int tell(const struct rs_device_told *told, struct message *reply);
int tell_device(uint32_t number, uint64_t base, struct message *reply);
int devices_done(void);
/* Devman fetches a reset and says how it went; -EAGAIN: there is none. */
int do_reset(int result, endpoint_t *dead);
int look_up(const char *name, endpoint_t *endpoint);
int order(const char *name, enum rs_order what);
enum rs_state state_of(const char *name);

/* RS keeps its tables in its files and starts only once: each test has a process of its own. */
void in_a_fresh_process(void **state);
#define RS_TEST(name)                                                                              \
    {                                                                                              \
#name, in_a_fresh_process, NULL, NULL, test_##name                                         \
    }

#endif
