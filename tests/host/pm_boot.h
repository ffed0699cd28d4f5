/*
 * pm over the fake kernel: a system with a shell (an operator), a console driver and programs of two
 * classes, and RS as far as pm calls it.
 */
#ifndef TESTS_PM_BOOT_H
#define TESTS_PM_BOOT_H

#include "fake_kernel.h"
#include <anole/ipc.h>
#include <servers/pm/pm.h>

enum { ID_CONSOLE = 3, ID_SHELL = 6, ID_PROGRAM = 16, ID_CONTROL = 17 };

/* A fresh pm, with nobody there but a shell and a console driver. */
void pm_boot(void);
/* The pm that comes after: its tables are empty, its programs are the last one's. */
void pm_succeed(void);
/* What RS keeps for pm. */
extern uint64_t pm_kept;

typedef int (*pm_handler)(struct ipc_delivery *request);
/* A request of a process: the handler's status, or SERVICE_NO_REPLY. message comes back. */
int pm_ask(struct fake_process *process, pm_handler handler, struct message *message);
/* Asks for a program: the status; *program is what was started. */
int pm_spawn(struct fake_process *parent, const char *strings, uint64_t flags, uint32_t tag,
             struct fake_process **program);
int pm_wait(struct fake_process *parent, endpoint_t child);
/* A program dies, and pm is told. */
void pm_program_dies(struct fake_process *program, enum death_cause cause, uint64_t detail);

#endif
