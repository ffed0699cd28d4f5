/*
 * The parts of the `service` command: each prints its result or error and returns the exit status.
 */
#ifndef SERVICE_ORDERS_H
#define SERVICE_ORDERS_H

#include <proto/rs.h>

int service_list(void);
int service_status(const char *name);
/* Orders, then waits (bounded) until the service is where the order leads. */
int service_order(const char *name, enum rs_order order);
/* Tells RS to look at a service. */
int service_complain(const char *name);
/* name NULL: of all services. */
int service_log(const char *name);

/* Prints what remains of the service's last death, as a part of its status; nothing if none. */
void service_print_death(const char *name);
/* Prints what remains of all deaths that RS keeps a record of, the oldest first. */
void service_print_records(const char *name);

#endif
