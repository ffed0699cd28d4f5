/*
 * RS from its loop's inside: a request goes the way that it goes in RS itself, and what its files keep
 * for themselves can be set back.
 */
#ifndef TESTS_FUZZ_RS_INSIDE_H
#define TESTS_FUZZ_RS_INSIDE_H

#include <anole/message.h>

/* RS as it was before its start. */
void inside_reset(void);
/* The request's status; then everything that RS does before it waits again. */
int inside_handle(struct message *message);
/* Deaths and what is due. */
void inside_work(void);

#endif
