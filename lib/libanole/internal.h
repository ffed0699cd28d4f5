/*
 * What libanole's files share with each other and with nobody else (but libcoro's stacks): how a
 * process's address space is used beyond what the ABI fixes, the linker script's symbols, the console
 * behind the C library.
 */
#ifndef LIBANOLE_INTERNAL_H
#define LIBANOLE_INTERNAL_H

#include <anole/endpoint.h>
#include <libanole/lock.h>
#include <stddef.h>
#include <stdint.h>

/* Between USER_MAP_END and the main stack a process places its memory itself. */
#define HEAP_BASE 0x2000000000ul
#define HEAP_END 0x2800000000ul
#define THREAD_STACKS_BASE 0x2800000000ul /* one stride a thread, unmapped below its stack */
#define THREAD_STACK_STRIDE 0x1000000ul
#define THREAD_STACKS 64u
#define CORO_STACKS_BASE 0x2900000000ul /* libcoro's */
#define CORO_STACKS_END 0x3000000000ul

/* Thread-local storage (user.ld): the image that every block starts as, and a block's size. */
extern const char __tls_image[], __tls_image_size[], __tls_size[];
extern char __tls_main[];

/* Makes a thread-local block of __tls_size bytes out of the image (startup.c). */
void tls_init(void *block);

/* Maps zeroed memory at an address of the caller's choice, page-aligned (kcall.c). */
int map_at(void *address, size_t len, unsigned prot);

/* crt0.S: what every thread but the main one starts with. */
void anole_thread_start(void);
/* kcall_thread_create with a thread pointer of the new thread's own (kcall.c). */
int thread_create_with_tls(void (*entry)(void *), void *stack_top, void *argument,
                           uint64_t hart_mask, void *tls, endpoint_t *endpoint);

/* From the system's errors to picolibc's (errno.c). */
int errno_of(int status);
/* The same into errno, and -1; what is no error stays. */
int errno_result(int status);

/* Files and a working directory that the parent handed on (inherit.c). Programs have these, services
 * don't. */
__attribute__((weak)) void inheritance_take(void);
/* The environment that a child gets, behind its arguments: strings in a row. Files are offered. 0 and
 * the bytes, or -ANOLE_ERANGE. */
__attribute__((weak)) int inheritance_pack(char *buffer, size_t room, size_t *len, unsigned *count);

/* startup.c, called by crt0.S. */
_Noreturn void anole_start(void);

/*
 * The console (console.c). Bytes written: all of them or, without a console, into the kernel's log.
 * Bytes read: at least 1, or a negated error if there is no console.
 */
void console_write(const char *text, size_t len);
int console_read(char *buffer, size_t len);

#endif
