/*
 * What commands ask the network server for, beside sockets.
 */
#ifndef COMMANDS_INET_H
#define COMMANDS_INET_H

#include <proto/inet.h>
#include <stddef.h>

/* A request whose answer is written to a buffer of the caller's: 0 or an error. */
int inet_read(uint32_t type, void *buffer, size_t len);
/* Likewise a list of entries (INET_INTERFACES, SOCK_LIST): from malloc, however many there are. */
int inet_read_list(uint32_t type, size_t entry_bytes, void **list, unsigned *count);
/* A request without a buffer. */
int inet_ask(uint32_t type, struct message *message);

#endif
