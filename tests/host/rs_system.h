/*
 * The small system that RS is tested with: rs, devman, pm, a disk driver and a shell.
 */
#ifndef TESTS_RS_SYSTEM_H
#define TESTS_RS_SYSTEM_H

#include <servers/rs/rs.h>

enum { ID_RS, ID_DEVMAN, ID_PM, ID_DISK, ID_SHELL, ID_PROGRAM = 16 };

/* To be changed before RS starts. */
extern struct config_service *disk_config, *shell_config;

/* Fills in rs.config. */
void rs_system(void);
/* What devman tells of a disk on MMIO with interrupt number + 1. */
struct rs_device_told device_told(uint32_t number, uint64_t base);

#endif
