/*
 * What programs and services use of the system besides the C library. Functions return 0 (or what
 * they say) or a negated error of include/anole/error.h.
 */
#ifndef LIBANOLE_ANOLE_H
#define LIBANOLE_ANOLE_H

#include <anole/error.h>
#include <anole/handle.h>
#include <anole/ipc.h>
#include <anole/kcall.h>
#include <anole/layout.h>
#include <anole/process.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- time (time.c) ---- */
uint64_t ticks_now(void);                      /* rdtime */
uint64_t ticks_from_us(uint64_t microseconds); /* saturates */
uint64_t ticks_to_us(uint64_t ticks);
uint64_t deadline_in_us(uint64_t microseconds); /* now + that */
void sleep_until(uint64_t deadline_ticks);      /* takes no requests, no notifications */
void sleep_us(uint64_t microseconds);

/* ---- messages ---- */
/* ipc_call to endpoint with type and the words set in message; the delivery's error or, if it was
 * delivered, the server's status. On return message is the reply. */
int anole_call(endpoint_t endpoint, uint32_t type, struct message *message,
               uint64_t deadline_ticks);

/* ---- kernel calls (kcall.c): thin wrappers, one a call; see include/anole/kcall.h ---- */
int kcall(uint32_t call, struct message *message);
_Noreturn void kcall_exit(enum death_cause cause, uint64_t detail);
int kcall_thread_create(void (*entry)(void *), void *stack_top, void *argument, uint64_t hart_mask,
                        endpoint_t *endpoint);
_Noreturn void kcall_thread_exit(void);
int kcall_thread_pin(uint64_t hart_mask);
int kcall_map(size_t len, unsigned prot, void **address);
int kcall_unmap(void *address, size_t len);
int kcall_alarm(uint64_t deadline_ticks, unsigned bit);
int kcall_watch(endpoint_t endpoint, unsigned bit, handle_t *handle);
int kcall_doorbell(endpoint_t peer, unsigned bit, handle_t *handle);
int kcall_close(handle_t handle);
int kcall_endpoint_info(endpoint_t endpoint, endpoint_t *process, unsigned *service_id);

static inline bool endpoint_is_alive(endpoint_t endpoint)
{
    endpoint_t process;
    unsigned service_id;

    return kcall_endpoint_info(endpoint, &process, &service_id) == 0;
}

int kcall_region_create(size_t len, unsigned flags, handle_t *handle);
int kcall_region_offer(handle_t region, endpoint_t peer, unsigned prot, handle_t *offer);
int kcall_region_map(endpoint_t maker, handle_t handle, size_t offset, size_t len, unsigned prot,
                     void **address);
int kcall_region_info(endpoint_t maker, handle_t handle, size_t *len, unsigned *prot);
int kcall_grant(endpoint_t peer, const void *address, size_t len, unsigned access, handle_t *grant);
int kcall_grant_batch(struct grant_op *ops, unsigned count, unsigned *done);
/* notify_bit: -1 for none */
int kcall_revoke(handle_t grant, int notify_bit);
int kcall_revoke_batch(const handle_t *grants, unsigned count, unsigned *done);
int kcall_copy(endpoint_t maker, handle_t grant, uint64_t offset, void *local, size_t len,
               unsigned direction);
int kcall_copy_vector(const struct copy_op *ops, unsigned count, unsigned *done);
int kcall_system_info(struct system_info *info);
int kcall_process_info(unsigned slot, struct process_info *info);
/* The first process in that slot or behind; from 0 and then from its slot + 1 on these are all. */
int kcall_process_next(unsigned slot, struct process_info *info);
int kcall_counters(endpoint_t endpoint, struct counters *counters);
int kcall_random(uint64_t words[4]);
int kcall_random_mix(const uint64_t words[4]);
int kcall_log_write(enum log_level level, const char *text, size_t len);
int kcall_log_read(uint64_t position, char *buffer, size_t len, uint64_t *next, size_t *count);
int kcall_boot_arguments(char *buffer, size_t len, size_t *full_len);
int kcall_dma_alloc(size_t len, void **address, uint64_t *device_address);
int kcall_dma_map(endpoint_t maker, handle_t grant, uint64_t offset, size_t len, unsigned direction,
                  struct dma_segment *segments, unsigned max, handle_t *handle, unsigned *used);
int kcall_dma_map_own(const void *address, size_t len, unsigned direction,
                      struct dma_segment *segments, unsigned max, handle_t *handle, unsigned *used);
int kcall_dma_unmap(handle_t handle);
int kcall_window_map(unsigned index, void **address, size_t *len);
/* Has the `which`th interrupt of that resource ring the bit of the calling thread. */
int kcall_irq_bind(unsigned index, unsigned which, unsigned bit);
/* Those of rs, pm, devman and the console driver are made with kcall(). */

/* ---- a driver's device (device.c) ---- */
/* The first window and the first interrupt line in the driver's resource table, in whatever order
 * they stand there. -ENODEV: there is none. */
int device_window_map(void **address, size_t *len);
int device_irq_bind(unsigned bit);

/* ---- names (names.c) ---- */
/* The own notification bit that libanole uses itself, while its streams wait for a console that
 * died. Programs use the others, 0..46. */
#define ANOLE_NOTIFY_BIT (NOTIFY_OWN_BITS - 1)
/* Looks a name up at RS: ENOENT, EAGAIN, EGIVENUP as RS_LOOKUP has them. */
int name_lookup(const char *name, endpoint_t *endpoint);
/* Waits until the name is up (EAGAIN and, up to the deadline, ENOENT are waited out by subscription
 * with a notification bit of the caller's): 0, -ETIMEDOUT, -EGIVENUP. */
int name_wait(const char *name, endpoint_t *endpoint, unsigned bit, uint64_t deadline_ticks);
/* Has the bit rung whenever the name is published or given up, until that is taken back. For who waits
 * for other things, too. 0, or RS_SUBSCRIBE's error. */
int name_subscribe(const char *name, unsigned bit, handle_t *doorbell);
void name_unsubscribe(const char *name, handle_t doorbell);

/* ---- log (log.c): to the kernel's log; LOG_ERROR and LOG_WARNING reach the console too ---- */
__attribute__((format(printf, 2, 3))) void log_printf(enum log_level level, const char *format,
                                                      ...);
/* Logs "name: text", then dies as DEATH_PANIC. For bugs in this very program only. */
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *format, ...);

/* ---- threads (thread.c) ---- */
/* Starts a thread with a mapped stack of that size (guard page below) and its own thread-local
 * storage. */
int thread_start(void (*entry)(void *), void *argument, size_t stack_bytes, uint64_t hart_mask,
                 endpoint_t *endpoint);
/* Waits until a thread of this process that takes no requests has ended. */
void thread_wait(endpoint_t thread);

/* ---- programs (program.c) ---- */
/* Spawns argv[0] through pm: a path, or a name in the boot image or else in the working directory.
 * Descriptors, working directory and environment are handed on. foreground: gets the console's Ctrl-C. */
int program_spawn(const char *const argv[], bool foreground, endpoint_t *endpoint);
/* Waits for the end of a program that this process spawned. */
int program_wait(endpoint_t endpoint, enum death_cause *cause, uint64_t *detail);
struct program_end {
    enum death_cause cause;
    uint64_t detail;
    uint64_t pc; /* of a fault, or 0 */
};
int program_end(endpoint_t endpoint, struct program_end *end); /* the same, with more in it */
int program_kill(endpoint_t endpoint);

/* Text of a death cause: "load fault", "exit", ... */
const char *death_cause_text(unsigned cause);

#endif
