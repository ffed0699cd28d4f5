/*
 * RS over the fake kernel: its state, and how it learns of deaths and of time.
 */
#ifndef TESTS_RS_FAKE_H
#define TESTS_RS_FAKE_H

#include "fake_kernel.h"
#include <servers/rs/rs.h>

/* It dies, and RS is told. */
void fake_die(struct fake_process *process, enum death_cause cause, uint64_t detail);
/* Lets time pass; RS does what is due. */
void fake_wait_ms(uint64_t ms);

#endif
