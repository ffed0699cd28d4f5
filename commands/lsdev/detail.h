/*
 * lsdev -v: all that is known of one device.
 */
#ifndef COMMANDS_LSDEV_DETAIL_H
#define COMMANDS_LSDEV_DETAIL_H

#include <proto/devman.h>
#include <proto/rs.h>

/* Prints it; driver: the service that drives it, or NULL. */
void print_detail(const struct device_info *device, const struct rs_service_info *driver);
/* "ready" and so on. */
const char *device_state_text(uint32_t state);

#endif
