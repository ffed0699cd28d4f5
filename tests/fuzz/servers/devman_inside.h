/*
 * devman from its loop's inside: what its main.c keeps for itself.
 */
#ifndef TESTS_FUZZ_DEVMAN_INSIDE_H
#define TESTS_FUZZ_DEVMAN_INSIDE_H

#include <anole/handle.h>
#include <anole/ipc.h>
#include <servers/devman/devman.h>

/* Starts afresh with that device tree. False: it is none. */
bool inside_start(const void *region, size_t len);
unsigned inside_device_count(void);
const struct device *inside_device(unsigned number);
/* The only grant that devman has out; HANDLE_NONE: it has none. */
handle_t inside_grant(void);
int inside_list(struct ipc_delivery *request);
void inside_work(void);
uint64_t inside_deadline(void);
void inside_timeout(void);

#endif
