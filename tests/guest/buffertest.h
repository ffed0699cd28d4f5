/*
 * buffertest: what its files share. buffertest.c has the cases, buffertest_disk.c speaks to the
 * driver, buffertest_memory.c has the memory that is watched.
 */
#ifndef BUFFERTEST_H
#define BUFFERTEST_H

#include <libanole/anole.h>
#include <proto/blk.h>
#include <proto/rs.h>

#define BUFFER_SECTORS 256u
#define BUFFER_BYTES ((size_t)BUFFER_SECTORS * BLK_SECTOR_SIZE)
#define BUFFER_PAGES (BUFFER_BYTES / PAGE_SIZE)

enum { BIT_UNPINNED = 0, BIT_NAME = 1 }; /* own notification bits */

#define CALL_US 5000000u   /* for what is answered at once */
#define SHORT_US 50000u    /* for what won't be */
#define SETTLE_US 5000000u /* for a driver to return, a pin to go */

/* ---- what is wrong (buffertest.c) ---- */

/* Prints what is wrong unless ok. Returns ok. */
__attribute__((format(printf, 2, 3))) bool expect(bool ok, const char *format, ...);

/* ---- the driver (buffertest_disk.c) ---- */

struct disk {
    const char *name;
    endpoint_t driver;
    uint64_t session;
    uint32_t last_id;
};

/* Finds the driver that the name leads to now, unless it is the one that is dead, and opens. */
int disk_open(struct disk *disk, const char *name, endpoint_t dead, uint32_t flags);
int disk_close(struct disk *disk);
/* READ or WRITE of len bytes of a grant; *taken, if not NULL: whether the driver had taken a request
 * that wasn't answered in time. */
int disk_request(struct disk *disk, uint32_t type, uint64_t sector, handle_t grant, size_t len,
                 uint64_t within_us, bool *taken);
int disk_flush(struct disk *disk);
/* The whole of BUFFER_BYTES at a sector, through a buffer that is granted for it. */
int disk_move(struct disk *disk, uint32_t type, uint64_t sector, void *memory);
/* Tells RS that the driver doesn't answer. */
int disk_complain(const struct disk *disk);
/* The service that publishes the name. */
int disk_service(const struct disk *disk, char service[RS_NAME_LEN]);
/* RS_CONTROL with an enum rs_order, RS_INJECT with an enum fault_kind. */
int order(enum rs_request request, const char *service, uint32_t what);

/* ---- memory (buffertest_memory.c) ---- */

void *memory_new(size_t len);
/* Does every byte have this value? */
bool memory_is(const void *memory, size_t len, uint8_t byte);

/* Most of the machine's free memory, so taken that it has in it whatever was free before. */
struct hoard {
    void *memory;
    size_t len;
};
bool hoard_take(struct hoard *hoard);
/* Is all of it as it was filled? */
bool hoard_intact(const struct hoard *hoard);
void hoard_give_back(struct hoard *hoard);
uint64_t frames_free(void);
uint64_t frames_quarantined(void);

#endif
