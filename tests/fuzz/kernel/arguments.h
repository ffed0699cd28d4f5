/*
 * Arguments for system calls and kernel calls: mostly ones that make sense, sometimes any.
 */
#ifndef TESTS_FUZZ_KERNEL_ARGUMENTS_H
#define TESTS_FUZZ_KERNEL_ARGUMENTS_H

#include "tests/fuzz/input.h"
#include "thread.h"

/* Puts a system call into the registers of the thread that makes it. */
void arguments_of_system_call(struct input *input, struct thread *thread);
/* The same for one kernel call, with its arrays and structures in the thread's memory. */
void arguments_of_kernel_call(struct input *input, struct thread *thread, uint32_t call);

/* An endpoint of somebody, dead or alive, or one of nobody. */
endpoint_t arguments_endpoint(struct input *input);

#endif
