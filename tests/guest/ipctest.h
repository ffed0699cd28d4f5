/*
 * ipctest: its groups of tests, by file.
 */
#ifndef IPCTEST_H
#define IPCTEST_H

#include "testkit.h"

/* ipctest_messages.c */
void group_messages(void);
void group_destinations(void);
void group_deadlines(void);
void group_replies(void);
void group_order(void);
void group_deadlock(void);
/* ipctest_deaths.c */
void group_server_death(void);
void group_client_death(void);
void group_watch(void);
void group_endpoints(void);
/* ipctest_doorbells.c */
void group_doorbells(void);
void group_masks(void);
void group_fairness(void);
void group_alarms(void);
/* ipctest_memory.c */
void group_map(void);
void group_regions(void);
void group_region_peers(void);
/* ipctest_grants.c */
void group_grants(void);
void group_copies(void);
void group_batches(void);
/* ipctest_kernel.c */
void group_rights(void);
void group_information(void);
void group_counters(void);
void group_log(void);
void group_addresses(void);
/* ipctest_threads.c */
void group_threads(void);
void group_harts(void);
void group_load(void);

#endif
