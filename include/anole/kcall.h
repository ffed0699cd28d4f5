/*
 * Kernel calls: ipc_call to ENDPOINT_KERNEL with one of these types. Arguments in word[0..6], results
 * in word[0..]; the status is that of ipc_call itself. A process may make a call only if its mask has
 * the call's bit (number n: bit n). Every count, offset and length is checked without wrapping.
 * docs/kernel-calls.md has the whole table with errors.
 */
#ifndef ANOLE_KCALL_H
#define ANOLE_KCALL_H

#include <anole/handle.h>
#include <stdint.h>

/* X(NAME, number, group): arguments -> results */
/* clang-format off */
#define KCALLS(X)                                                                                  \
    /* the caller itself */                                                                        \
    X(EXIT, 1, BASE)               /* kind (enum death_cause), status: never returns */            \
    X(THREAD_CREATE, 2, BASE)      /* pc, sp, argument, hart mask (0: any), tp -> endpoint */      \
    X(THREAD_EXIT, 3, BASE)        /* never returns */                                             \
    X(THREAD_PIN, 4, BASE)         /* hart mask for the caller (0: any) */                         \
    X(MAP, 5, BASE)                /* len, PROT_*, address or 0 -> address: zeroed memory */       \
    X(UNMAP, 6, BASE)              /* address, len: a whole mapping of any kind */                 \
    X(ALARM, 7, BASE)              /* deadline in ticks (0: off), bit: one alarm a thread */       \
    X(WATCH, 8, BASE)              /* endpoint, bit -> handle: rung when that process is dead */   \
    X(DOORBELL, 9, BASE)           /* peer, bit -> handle: lets peer ring bit of this thread */    \
    X(CLOSE, 10, BASE)             /* handle: doorbell, watch, region or offer of mine */          \
    X(ENDPOINT_INFO, 11, BASE)     /* endpoint -> its process's endpoint, service id */            \
    /* memory shared with others */                                                                \
    X(REGION_CREATE, 12, BASE)     /* len, REGION_* flags -> handle */                             \
    X(REGION_OFFER, 13, BASE)      /* region, peer, PROT_* -> handle to tell the peer */           \
    X(REGION_MAP, 14, BASE)        /* maker (SELF: own), handle, offset, len, PROT_* -> address */ \
    X(REGION_INFO, 53, BASE)       /* maker, handle -> length, PROT_* */                           \
    X(GRANT, 15, BASE)             /* peer, address, len, GRANT_* -> handle */                     \
    X(GRANT_BATCH, 16, BASE)       /* array of grant_op, count -> how many were made */            \
    X(REVOKE, 17, BASE)            /* handle, bit + 1 to ring when unpinned or 0: EBUSY if pinned */ \
    X(REVOKE_BATCH, 18, BASE)      /* array of handles, count -> how many are revoked */           \
    X(COPY, 19, BASE)              /* maker, grant, offset, local address, len, COPY_* */          \
    X(COPY_VECTOR, 20, BASE)       /* array of copy_op, count -> how many were done */             \
    /* information */                                                                              \
    X(SYSTEM_INFO, 21, BASE)       /* address of struct system_info */                             \
    X(PROCESS_INFO, 22, BASE)      /* slot, address of struct process_info, INFO_*: ENOENT if      \
                                      empty */                                                     \
    X(COUNTERS, 23, BASE)          /* endpoint (0: harts' sum), address of struct counters */      \
    X(RANDOM, 24, BASE)            /* -> four random words */                                      \
    X(LOG_WRITE, 25, BASE)         /* address, len, level: appended to the kernel's log */         \
    X(LOG_READ, 26, BASE)          /* position, address, len -> next position, bytes */            \
    X(BOOT_ARGUMENTS, 27, BASE)    /* address, len -> full length */                               \
    /* drivers */                                                                                  \
    X(DMA_ALLOC, 28, DRIVER)       /* len -> address, device address: contiguous, zeroed */        \
    X(DMA_MAP, 29, DRIVER)         /* maker, grant, offset, len, DMA_*, dma_segment[], max         \
                                      -> handle, segments used */                                  \
    X(DMA_MAP_OWN, 52, DRIVER)     /* address, len, DMA_*, dma_segment[], max -> as DMA_MAP */     \
    X(DMA_UNMAP, 30, DRIVER)       /* handle */                                                    \
    X(WINDOW_MAP, 31, DRIVER)      /* index in my resource table -> address, len */                \
    X(IRQ_BIND, 32, DRIVER)        /* index in my resource table, bit, which of its numbers */     \
    X(CONSOLE_TAKE, 33, CONSOLE)   /* -> log position to go on from: the kernel stops printing     \
                                      and rings NOTIFY_LOG for new text */                         \
    /* devman, the clock's driver, entropy's */                                                            \
    X(DEVICE_MAP, 34, DEVMAN)      /* physical address, len -> address: never RAM, never an        \
                                      interrupt controller */                                      \
    X(QUARANTINE_END, 35, DEVMAN)  /* endpoint of the dead process whose device is quiet */        \
    X(QUARANTINE_INFO, 36, DEVMAN) /* endpoint -> pinned frames, process state */                  \
    X(MSI_ALLOC, 56, DEVMAN)       /* key, count -> first of count consecutive interrupt numbers;  \
                                      the same key and count again: the same numbers. ENOSYS: this \
                                      machine has no message-signalled interrupts */               \
    X(MSI_INFO, 57, DEVMAN)        /* number -> address, data: what the device must write */       \
    X(WALL_CLOCK_SET, 37, CLOCK)   /* nanoseconds since 1970 at tick 0 */                          \
    X(RANDOM_MIX, 58, ENTROPY)     /* four words that change all later RANDOM */                   \
    /* rs and pm: only for processes they created; rs may kill any */                              \
    X(PROCESS_CREATE, 38, CREATE)  /* address of struct process_create -> endpoint */              \
    X(PROCESS_MAP, 39, CREATE)     /* child, vaddr, len, PROT_*, maker, region or 0, offset */     \
    X(PROCESS_WRITE, 40, CREATE)   /* child, its address, my address, len: before its start */     \
    X(PROCESS_START, 41, CREATE)   /* child, pc, sp, argument */                                   \
    X(PROCESS_KILL, 42, CREATE)    /* process, cause (enum death_cause), detail */                 \
    X(PROCESS_BURY, 43, CREATE)    /* dead child, BURY_*: frees what it had, but for what is       \
                                      pinned */                                                    \
    X(DEATH_NEXT, 44, CREATE)      /* -> endpoint of a dead child not yet reported: EAGAIN */      \
    X(DEATH_RECORD, 45, CREATE)    /* dead child, address of struct death_record */                \
    /* rs */                                                                                       \
    X(PROCESS_RESOURCE, 46, RS)    /* child, RESOURCE_*, base or first irq, len or number of irqs  \
                                      -> index */                                                  \
    X(PROCESS_READ, 47, RS)        /* process or corpse, its address, my address, len */           \
    X(PROCESS_REGS, 48, RS)        /* process, new pc, sp (0: as it is): its wait ends */          \
    X(PROCESS_NOTIFY, 49, RS)      /* process, reserved bit */                                     \
    X(LIVENESS, 50, RS)            /* array of struct liveness, max -> count */                    \
    X(POWER, 51, RS)               /* POWER_*, exit status */                                      \
    X(PROCESS_GIVE, 54, RS)        /* child, another child that may create: is its creator now */  \
    X(ORPHANS, 55, RS)             /* array of struct orphan_holder, max -> count */
/* clang-format on */

enum kcall {
#define KCALL_ENUM(name, number, group) KCALL_##name = (number),
    KCALLS(KCALL_ENUM)
#undef KCALL_ENUM
        KCALL_LIMIT = 64,
};

#define KCALL_BIT(name) ((uint64_t)1 << KCALL_##name)

/* The two regions that the kernel offers at boot: KCALL_REGION_MAP(ENDPOINT_KERNEL, one of these). */
#define KERNEL_REGION_BOOT_IMAGE ((handle_t)1)  /* all may read it; PROCESS_CREATE: and run it */
#define KERNEL_REGION_DEVICE_TREE ((handle_t)2) /* for who may DEVICE_MAP or POWER */

#define REGION_CONTIGUOUS 1u

#define INFO_OR_NEXT 1u /* the process in that slot, or in the next one that isn't empty */

#define BURY_KEEP_RECORD 1u /* only the death record stays, until it is buried without this */

#define RESOURCE_WINDOW 1u
#define RESOURCE_IRQ 2u
#define PROCESS_RESOURCES 8 /* at most that many a process */

#define POWER_OFF 0u
#define POWER_REBOOT 1u

/* LOG_WRITE levels. Levels up to LOG_WARNING are shown on the console, too. */
enum log_level { LOG_ERROR = 0, LOG_WARNING = 1, LOG_INFO = 2, LOG_DEBUG = 3 };

#endif
