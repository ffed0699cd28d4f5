/*
 * The kernel calls that a block driver makes, as functions of the build machine. Processes, grants,
 * regions and doorbells are small tables; DMA mappings appear in fake_memory for as long as they
 * last, so that a device that reaches into memory that isn't mapped fails the test. What is taken
 * must be given back: fake_kernel_held() counts.
 */
#ifndef TESTS_VIRTIO_FAKE_KERNEL_H
#define TESTS_VIRTIO_FAKE_KERNEL_H

#include "check.h"

#include <anole/handle.h>
#include <anole/ipc.h>
#include <libanole/service.h>

#define FAKE_TICKS_PER_US 10u
#define FAKE_THREAD 0xc01u /* the first thread that thread_start() starts */

struct fake_reply {
    endpoint_t endpoint;
    uint64_t call_id;
    int status;
    uint64_t word[MESSAGE_WORDS];
};

struct fake_kernel {
    uint64_t now_ticks;
    bool scatter;     /* no two pages of a mapping are neighbours */
    int fail_dma_map; /* the next mapping fails with that; 0: none */
    int fail_doorbell, fail_map, fail_region_map;
    struct fake_reply reply[2048];
    unsigned replies;
    const struct service *service; /* given to service_run */
    unsigned calls;                /* kernel calls made */
    unsigned logs;
    unsigned threads;   /* started */
    int fail_thread;    /* the next thread isn't started */
    uint64_t hart_mask; /* of the thread that was started last */
    unsigned thread_exits;
    void (*sleeping)(void); /* called while somebody sleeps */
    bool died;
    uint64_t death_cause, death_detail;
};

extern struct fake_kernel fake_kernel;

void fake_kernel_reset(void);
/* Forgets all grants, regions and doorbells; nothing may be held. */
void fake_kernel_forget(void);
/* A thread of a process; the process's own endpoint is its first thread's. */
void fake_thread(endpoint_t thread, endpoint_t process);
void fake_process_die(endpoint_t process);
handle_t fake_grant(endpoint_t maker, void *memory, size_t len, unsigned access);
unsigned fake_grant_pins(handle_t grant);
handle_t fake_region(endpoint_t maker, void *memory, size_t len, unsigned prot);
/* The reply to a call; NULL: none came yet. A second one fails the test. */
const struct fake_reply *fake_reply_to(uint64_t call_id);
/* How often that doorbell was rung. */
unsigned fake_rings(endpoint_t maker, handle_t doorbell);
/* Watches, doorbells, mappings and DMA mappings that are open. */
unsigned fake_kernel_held(void);
/* Runs a function that ends in service_run() or kcall_exit(). */
void fake_kernel_enter(void (*function)(void));
/* The same with an argument, also within itself. */
void fake_kernel_run(void (*function)(void *argument), void *argument);

#endif
