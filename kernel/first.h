/*
 * The first process.
 */
#ifndef KERNEL_FIRST_H
#define KERNEL_FIRST_H

/* Creates and starts rs from the boot image; panics if that can't be done. */
void first_process_start(void);

#endif
