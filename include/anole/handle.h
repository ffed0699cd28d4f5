/*
 * Handles: entries of the one table that each process has in the kernel, paid from its quota.
 *
 * Everything that one process lets another do is an entry in the *maker's* table that names the one
 * process which may use it: grants, region offers, doorbells. The user names it by (maker's
 * endpoint, id). So nobody can fill another's table, and taking back is deleting one's own entry.
 *
 * An id is 64 bits: a 16-bit index and a 48-bit generation that is never reused.
 */
#ifndef ANOLE_HANDLE_H
#define ANOLE_HANDLE_H

#include <anole/endpoint.h>
#include <assert.h>
#include <stdint.h>

typedef uint64_t handle_t;
#define HANDLE_NONE ((handle_t)0)

#define PROT_READ_BIT 1u
#define PROT_WRITE_BIT 2u
#define PROT_EXEC_BIT 4u

/* Access of a grant, seen from the grantee. */
#define GRANT_READ 1u
#define GRANT_WRITE 2u

/* Direction of KCALL_COPY, seen from the grantee who calls it. */
#define COPY_FROM_GRANT 0u /* needs GRANT_READ */
#define COPY_TO_GRANT 1u   /* needs GRANT_WRITE */

/* Direction of a DMA mapping, seen from the device. */
#define DMA_DEVICE_READS 1u  /* needs GRANT_READ */
#define DMA_DEVICE_WRITES 2u /* needs GRANT_WRITE */

/* One piece of a DMA mapping; pieces are in the order of the grant's bytes. */
struct dma_segment {
    uint64_t device_address;
    uint64_t len_bytes;
};

/* An element of KCALL_COPY_VECTOR; each is checked and done like one KCALL_COPY. */
struct copy_op {
    endpoint_t maker;
    uint32_t direction; /* COPY_* */
    handle_t grant;
    uint64_t offset;
    uint64_t local_address;
    uint64_t len_bytes;
};
static_assert(sizeof(struct copy_op) == 40, "layout shared with the kernel");

/* An element of KCALL_GRANT_BATCH; id is written by the kernel. */
struct grant_op {
    endpoint_t peer;
    uint32_t access; /* GRANT_* */
    uint64_t address;
    uint64_t len_bytes;
    handle_t id;
};
static_assert(sizeof(struct grant_op) == 32, "layout shared with the kernel");

#endif
