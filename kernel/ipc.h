/*
 * The five system calls.
 */
#ifndef KERNEL_IPC_H
#define KERNEL_IPC_H

#include "thread.h"

/* Handles the system call in the current thread's registers. */
void ipc_system_call(struct thread *caller);

#endif
