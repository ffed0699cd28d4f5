/*
 * Where things are in every process's address space, and the two pages that it finds there.
 */
#ifndef ANOLE_LAYOUT_H
#define ANOLE_LAYOUT_H

#include <anole/device.h>
#include <anole/endpoint.h>
#include <assert.h>
#include <stdint.h>

#define PAGE_SIZE 4096ul

#define USER_TEXT_BASE 0x10000ul     /* programs are linked here */
#define USER_MAP_BASE 0x1000000000ul /* what the kernel places for KCALL_MAP and the like */
#define USER_MAP_END 0x2000000000ul
#define USER_STACK_TOP 0x3ffff00000ul /* the main thread's; grows down, guard page below */
#define USER_STARTUP_PAGE 0x3ffffe0000ul
#define USER_INFO_PAGE 0x3fffff0000ul
#define USER_END 0x4000000000ul /* Sv39's lower half */

#define ANOLE_ABI_VERSION 2

/* Read-only in every process. */
struct info_page {
    uint32_t abi_version;
    uint32_t harts;
    uint64_t ticks_per_second; /* of rdtime */
    uint64_t page_size;
    uint64_t wall_clock_ns; /* nanoseconds since 1970 at tick 0; 0: not known yet */
};

static inline const struct info_page *info_page(void)
{
    return (const struct info_page *)USER_INFO_PAGE;
}

/*
 * Written by the loader (lib/libload) before the start, read-only for the process.
 *
 * Its strings, arguments and then environment ("NAME=VALUE"), lie one after the other at the very top
 * of the main thread's stack, which is longer by them. Below them is room for the pointers to them,
 * and a NULL behind either kind; the stack proper begins below that.
 */
#define STARTUP_ARGUMENTS_MAX 4096 /* of both kinds */
#define STARTUP_STRINGS_MAX 65536u /* bytes */
struct startup_page {
    uint32_t magic; /* STARTUP_MAGIC */
    uint32_t argument_count;
    endpoint_t self;
    endpoint_t rs;
    endpoint_t pm;              /* ENDPOINT_NONE if it isn't up yet */
    uint32_t unit;              /* of a driver: 0 for the first device of its kind, ... */
    uint32_t resources;         /* of a driver: entries in its resource table, see described */
    uint32_t instance;          /* how often this service was started, from 0 */
    uint32_t fault;             /* enum fault_kind that was ordered of this instance, or 0 ... */
    uint32_t fault_count;       /* ... and at which step it should commit it */
    uint64_t stack_bytes;       /* with the strings */
    uint32_t environment_count; /* of the strings behind the arguments */
    uint32_t strings_len;       /* bytes */
    uint64_t stack_pointer;     /* where the main thread begins, and where the pointers are */
    char name[32];              /* of the service or program */
    char device[32];            /* of a driver: what devman calls its device */
    struct device_description described; /* of a driver: likewise */
};
#define STARTUP_MAGIC 0x414e4f4cu

/* What strings and pointers take of the stack; a multiple of what a stack pointer must be. */
static inline uint64_t startup_strings_room(uint64_t strings, uint64_t strings_len)
{
    return ((strings_len + 15) & ~15ul) + (((strings + 2) * sizeof(char *) + 15) & ~15ul);
}

static inline const struct startup_page *startup_page(void)
{
    return (const struct startup_page *)USER_STARTUP_PAGE;
}

#endif
