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

#define ANOLE_ABI_VERSION 1

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
 * Written by the loader (lib/libload) before the start, read-only for the process. Strings are
 * offsets from the page's start.
 */
#define STARTUP_ARGUMENTS_MAX 64
struct startup_page {
    uint32_t magic; /* STARTUP_MAGIC */
    uint32_t argument_count;
    endpoint_t self;
    endpoint_t rs;
    endpoint_t pm;        /* ENDPOINT_NONE if it isn't up yet */
    uint32_t unit;        /* of a driver: 0 for the first device of its kind, ... */
    uint32_t resources;   /* of a driver: entries in its resource table, see described */
    uint32_t instance;    /* how often this service was started, from 0 */
    uint32_t fault;       /* enum fault_kind that was ordered of this instance, or 0 ... */
    uint32_t fault_count; /* ... and at which step it should commit it */
    uint64_t stack_bytes;
    uint32_t environment_count; /* of the strings behind the arguments: "NAME=VALUE" */
    uint32_t reserved;
    char name[32];                       /* of the service or program */
    char device[32];                     /* of a driver: what devman calls its device */
    struct device_description described; /* of a driver: likewise */
    uint32_t argument[STARTUP_ARGUMENTS_MAX];
};
#define STARTUP_MAGIC 0x414e4f4cu
static_assert(sizeof(struct startup_page) <= 512, "leaves room for the strings");

static inline const struct startup_page *startup_page(void)
{
    return (const struct startup_page *)USER_STARTUP_PAGE;
}

#endif
