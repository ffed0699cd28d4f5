/*
 * The kernel's fixed limits. Everything else is bounded by the quotas of processes.
 */
#ifndef KERNEL_CONFIG_H
#define KERNEL_CONFIG_H

#define MAX_HARTS 8
#define MSI_IDENTITIES 255     /* of each hart's IMSIC, 1.., that are used at most */
#define KERNEL_STACK_SIZE 8192 /* one per hart; nothing sleeps on it */
#define LOG_SIZE 65536         /* bytes of kernel log kept */
#define BOOT_ARGUMENTS_MAX 4096

/* What a process may write into the log in the long run, and at once after having been silent. */
#define LOG_BYTES_PER_SECOND 8192
#define LOG_BURST_BYTES 16384
/* The same for warnings, which the console shows. */
#define LOG_SHOWN_BYTES_PER_SECOND 512
#define LOG_SHOWN_BURST_BYTES 2048

/* Work done under one hold of the big lock, at most; then the call saves its progress. */
#define STEP_PAGES 64
#define STEP_COPY_BYTES 16384
#define STEP_ITEMS 64

#define TIME_SLICE_MS 10
#define IRQ_OVERDUE_MS 10    /* a shared line's driver that doesn't wait is skipped after that */
#define IRQ_STORM_PER_MS 256 /* claims of one line in a millisecond that get it masked for one */
#define IRQ_STILL_UP 256     /* completions in a row that find the line up: likewise */

#endif
