/*
 * Partition tables: the MBR, its extended partitions, and the decision between MBR and GPT.
 */
#include "partition.h"

#include <stdbool.h>
#include <string.h>

#define MBR_ENTRIES 4u
#define MBR_TABLE 446u
#define MBR_ENTRY_LEN 16u
#define MBR_SIGNATURE 510u
#define MBR_TYPE_GPT 0xeeu
#define MBR_LOGICAL_FIRST 5u
/* Links of a chain of extended boot records that are followed, whatever it looks like. */
#define MBR_CHAIN_MAX 64u

struct mbr_entry {
    uint8_t status;
    uint8_t type;
    uint64_t start; /* in logical blocks, from wherever this kind of entry counts */
    uint64_t blocks;
};

static bool is_extended(unsigned type)
{
    return type == 0x05 || type == 0x0f || type == 0x85;
}

/* Copies the four entries out of the boot record in the buffer. False: it isn't one. */
static bool mbr_parse(const struct partition_reader *reader, struct mbr_entry entries[MBR_ENTRIES])
{
    const uint8_t *record = reader->buffer;
    if (record[MBR_SIGNATURE] != 0x55 || record[MBR_SIGNATURE + 1] != 0xaa)
        return false;
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        const uint8_t *bytes = record + MBR_TABLE + i * MBR_ENTRY_LEN;
        entries[i] = (struct mbr_entry){
            .status = bytes[0],
            .type = bytes[4],
            .start = partition_le32(bytes + 8),
            .blocks = partition_le32(bytes + 12),
        };
        /* A file system's boot sector ends in the same signature, but has text or code here. */
        if (entries[i].status != 0 && entries[i].status != 0x80)
            return false;
    }
    return true;
}

bool partition_overlaps(const struct partition_table *table, uint64_t start_sector,
                        uint64_t sectors)
{
    for (unsigned i = 1; i < BLK_MINORS; i++) {
        const struct partition *other = &table->partition[i];
        if (other->sectors != 0 && start_sector < other->start_sector + other->sectors &&
            other->start_sector < start_sector + sectors)
            return true;
    }
    return false;
}

/* Takes [start, start + blocks), which may reach up to limit, into the table. All in logical blocks;
 * MBR numbers have 32 bits, so that nothing here can wrap. */
static void mbr_accept(const struct partition_reader *reader, struct partition_table *table,
                       unsigned number, const struct mbr_entry *entry, uint64_t start,
                       uint64_t limit)
{
    uint64_t scale = reader->block_bytes / BLK_SECTOR_SIZE;
    if (number >= BLK_MINORS || start == 0 || start >= limit) {
        table->refused++;
        return;
    }
    uint64_t blocks = entry->blocks;
    bool clamped = blocks > limit - start;
    if (clamped)
        blocks = limit - start;
    if (partition_overlaps(table, start * scale, blocks * scale)) {
        table->refused++;
        return;
    }
    table->clamped += clamped;
    table->partition[number] = (struct partition){
        .start_sector = start * scale,
        .sectors = blocks * scale,
        .type = entry->type,
    };
}

/*
 * Follows the chain of extended boot records inside [base, limit). Each holds one logical partition,
 * counted from the record, and the next record, counted from base.
 */
static int scan_extended(struct partition_reader *reader, struct partition_table *table,
                         uint64_t base, uint64_t limit)
{
    uint64_t scale = reader->block_bytes / BLK_SECTOR_SIZE;
    uint64_t record = base;
    unsigned number = MBR_LOGICAL_FIRST;
    for (unsigned link = 0; link < MBR_CHAIN_MAX; link++) {
        int rc = reader->read(reader, record * scale, reader->block_bytes);
        if (rc < 0)
            return rc;
        struct mbr_entry entries[MBR_ENTRIES];
        if (!mbr_parse(reader, entries)) {
            table->refused++;
            return 0;
        }
        /* Counted from the record: 0 would be the record itself, which mbr_accept refuses as it
         * does block 0 of the disk. */
        uint64_t start = entries[0].start == 0 ? 0 : record + entries[0].start;
        if (entries[0].type != 0 && entries[0].blocks != 0 && !is_extended(entries[0].type))
            mbr_accept(reader, table, number++, &entries[0], start, limit);
        if (!is_extended(entries[1].type) || entries[1].blocks == 0)
            return 0;
        uint64_t next = base + entries[1].start;
        if (entries[1].start == 0 || next >= limit || next == record) {
            table->refused++;
            return 0;
        }
        record = next;
    }
    table->refused++;
    return 0;
}

static int scan_mbr(struct partition_reader *reader, struct partition_table *table,
                    const struct mbr_entry entries[MBR_ENTRIES])
{
    uint64_t limit = reader->disk_sectors / (reader->block_bytes / BLK_SECTOR_SIZE);
    const struct mbr_entry *extended = NULL;
    table->scheme = PARTITION_MBR;
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        const struct mbr_entry *entry = &entries[i];
        if (entry->type == 0 || entry->blocks == 0)
            continue;
        if (!is_extended(entry->type))
            mbr_accept(reader, table, i + 1, entry, entry->start, limit);
        else if (extended != NULL || entry->start == 0 || entry->start >= limit)
            table->refused++;
        else
            extended = entry;
    }
    if (extended == NULL)
        return 0;
    if (extended->blocks < limit - extended->start)
        limit = extended->start + extended->blocks;
    return scan_extended(reader, table, extended->start, limit);
}

int partition_scan(struct partition_reader *reader, struct partition_table *table)
{
    *table = (struct partition_table){.scheme = PARTITION_NONE};
    if (reader->disk_sectors < reader->block_bytes / BLK_SECTOR_SIZE)
        return 0;
    int rc = reader->read(reader, 0, reader->block_bytes);
    if (rc < 0)
        return rc;
    struct mbr_entry entries[MBR_ENTRIES];
    if (!mbr_parse(reader, entries))
        return 0;
    bool protective = false;
    for (unsigned i = 0; i < MBR_ENTRIES; i++)
        protective |= entries[i].type == MBR_TYPE_GPT;
    if (!protective)
        return scan_mbr(reader, table, entries);
    rc = gpt_scan(reader, table);
    if (rc == 0)
        table->scheme = PARTITION_BROKEN;
    return rc < 0 ? rc : 0;
}
