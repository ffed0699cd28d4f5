/*
 * The processes that a fuzzed kernel has: one that is never fuzzed and buries what is left (the
 * warden), and under it one with the rights of each group that etc/system.dts knows.
 */
#ifndef TESTS_FUZZ_KERNEL_WORLD_H
#define TESTS_FUZZ_KERNEL_WORLD_H

#include "host_machine.h"
#include "tests/fuzz/input.h"

extern struct process *warden;

/* Drivers have two lines, and one of them messages if the machine has any. */
#define WORLD_LINE 3u
#define WORLD_MESSAGE (HOST_LINES + 1u)
#define WORLD_MESSAGES 3u

/* Boots and makes the processes; the input says how many harts, how large quotas are, and so on. */
void world_begin(struct input *input);
/* Starts one more process with the rights of some group, unless there are many. */
void world_start_one(struct input *input);
/* Kills and buries everything; aborts if memory is missing after that. */
void world_end(void);
/* Aborts if an invariant doesn't hold. */
void world_check(void);

/* A kernel call of the warden, on hart 0. */
int warden_call(uint32_t call, const uint64_t arguments[7], uint64_t result[7]);

/* Live threads but the warden's, in the order of their slots: how many; at most that many. */
#define WORLD_THREADS 64
unsigned world_threads(struct thread *threads[WORLD_THREADS]);

#endif
