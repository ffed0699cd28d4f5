/*
 * Partition tables: MBR with extended partitions, and GPT. A table is foreign bytes: what doesn't
 * make sense is left out and counted, and no table makes the scan read more than a bounded number of
 * blocks. Partitions keep the numbers that the tables give them: MBR slots are 1 to 4, logical
 * partitions start at 5, a GPT entry's number is its index + 1. So numbers may have gaps.
 */
#ifndef LIBBLK_PARTITION_H
#define LIBBLK_PARTITION_H

#include <proto/blk.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct partition {
    uint64_t start_sector; /* of 512 bytes, from the start of the disk */
    uint64_t sectors;      /* 0: there is no partition of this number */
    uint32_t type;         /* MBR type byte, 0xEE for GPT */
    uint8_t guid[16];      /* GPT type */
    char name[40];         /* GPT name, printable ASCII, NUL-terminated */
};

enum partition_scheme {
    PARTITION_NONE, /* no table */
    PARTITION_MBR,
    PARTITION_GPT,
    PARTITION_GPT_BACKUP, /* the primary one is broken */
    PARTITION_BROKEN,     /* a GPT is announced, and both copies are broken */
};

struct partition_table {
    enum partition_scheme scheme;
    unsigned refused; /* entries that make no sense, or have no minor number */
    unsigned clamped; /* entries that reached beyond the end of the disk */
    struct partition partition[BLK_MINORS]; /* by number; [0] unused */
};

/* What the tables are read through. */
struct partition_reader {
    /* Reads len bytes (whole logical blocks, at most buffer_len) from a sector of 512 bytes that lies
     * on a logical block, into buffer: 0 or a negated error. */
    int (*read)(struct partition_reader *reader, uint64_t sector, size_t len);
    void *buffer;
    size_t buffer_len;     /* a multiple of the logical block */
    uint32_t block_bytes;  /* logical block: 512 .. buffer_len, a power of two */
    uint64_t disk_sectors; /* of 512 bytes, a multiple of the logical block */
};

/* 0 with *table filled, or the error of a read that failed: then the table has what was read. */
int partition_scan(struct partition_reader *reader, struct partition_table *table);

/* ---- between partition.c and gpt.c ---- */

static inline uint32_t partition_le32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Whether [start, start + sectors) meets a partition that is in the table already. */
bool partition_overlaps(const struct partition_table *table, uint64_t start_sector,
                        uint64_t sectors);
/* Reads the GPT: 1 found, 0 both copies are broken, or the error of a read. */
int gpt_scan(struct partition_reader *reader, struct partition_table *table);

#endif
