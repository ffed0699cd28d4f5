/*
 * The GUID partition table (UEFI 2.10, 5.3): a header and an array of entries, each with a checksum,
 * at the start of the disk, and a second copy at its end. The first copy that is right in every
 * detail is used.
 */
#include "partition.h"

#include <stdbool.h>
#include <string.h>

#define GPT_HEADER_LEN_MIN 92u
#define GPT_ENTRY_LEN_MIN 128u
#define GPT_ENTRY_LEN_MAX 4096u
#define GPT_ENTRIES_LEN_MAX (1024u * 1024u)
#define GPT_PRIMARY_BLOCK 1u

struct gpt_header {
    uint64_t this_block;
    uint64_t first_usable; /* in logical blocks, inclusive like the next one */
    uint64_t last_usable;
    uint64_t entries_block;
    uint32_t entry_count;
    uint32_t entry_len;
    uint32_t entries_crc;
};

static uint64_t le64(const uint8_t *bytes)
{
    return partition_le32(bytes) | (uint64_t)partition_le32(bytes + 4) << 32;
}

/* CRC-32 of IEEE 802.3, four bits at a time; crc is what came before, 0 to begin with. */
static uint32_t crc32(uint32_t crc, const uint8_t *bytes, size_t len)
{
    static const uint32_t nibble[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

static uint64_t disk_blocks(const struct partition_reader *reader)
{
    return reader->disk_sectors / (reader->block_bytes / BLK_SECTOR_SIZE);
}

static int read_blocks(struct partition_reader *reader, uint64_t block, size_t len)
{
    return reader->read(reader, block * (reader->block_bytes / BLK_SECTOR_SIZE), len);
}

/* Whether the header in the buffer is whole and was meant for this place. */
static bool header_intact(const struct partition_reader *reader, uint64_t block)
{
    static const uint8_t no_crc[4];
    const uint8_t *bytes = reader->buffer;
    uint32_t len = partition_le32(bytes + 12);
    if (memcmp(bytes, "EFI PART", 8) != 0 || len < GPT_HEADER_LEN_MIN || len > reader->block_bytes)
        return false;
    uint32_t crc = crc32(0, bytes, 16);
    crc = crc32(crc, no_crc, sizeof(no_crc)); /* its own field counts as zero */
    crc = crc32(crc, bytes + 20, len - 20);
    return crc == partition_le32(bytes + 16) && le64(bytes + 24) == block;
}

/* Whether the numbers of a header make sense on this disk. */
static bool header_sensible(const struct partition_reader *reader, const struct gpt_header *header)
{
    uint64_t blocks = disk_blocks(reader);
    if (header->entry_len < GPT_ENTRY_LEN_MIN || header->entry_len > GPT_ENTRY_LEN_MAX ||
        (header->entry_len & (header->entry_len - 1)) != 0)
        return false;
    if (header->entry_count == 0 || header->entry_count > GPT_ENTRIES_LEN_MAX / header->entry_len)
        return false;
    if (header->first_usable > header->last_usable || header->last_usable >= blocks ||
        header->first_usable <= GPT_PRIMARY_BLOCK)
        return false;
    uint64_t len = (uint64_t)header->entry_count * header->entry_len;
    uint64_t entries_blocks = (len + reader->block_bytes - 1) / reader->block_bytes;
    if (header->entries_block <= GPT_PRIMARY_BLOCK || header->entries_block >= blocks ||
        entries_blocks > blocks - header->entries_block)
        return false;
    /* The array lies before or behind what partitions may use. */
    return header->entries_block + entries_blocks <= header->first_usable ||
           header->entries_block > header->last_usable;
}

/* 1: a good header; 0: not; or the error of the read. */
static int read_header(struct partition_reader *reader, uint64_t block, struct gpt_header *header)
{
    int rc = read_blocks(reader, block, reader->block_bytes);
    if (rc < 0)
        return rc;
    if (!header_intact(reader, block))
        return 0;
    const uint8_t *bytes = reader->buffer;
    *header = (struct gpt_header){
        .this_block = block,
        .first_usable = le64(bytes + 40),
        .last_usable = le64(bytes + 48),
        .entries_block = le64(bytes + 72),
        .entry_count = partition_le32(bytes + 80),
        .entry_len = partition_le32(bytes + 84),
        .entries_crc = partition_le32(bytes + 88),
    };
    return header_sensible(reader, header);
}

/* The UTF-16 name of 36 units: printable ASCII stays, anything else is a question mark. */
static void copy_name(char name[40], const uint8_t *units)
{
    for (unsigned i = 0; i < 36; i++) {
        unsigned unit = units[2 * i] | (unsigned)units[2 * i + 1] << 8;
        if (unit == 0)
            break;
        name[i] = unit >= 0x20 && unit < 0x7f ? (char)unit : '?';
    }
}

static void take_entry(const struct partition_reader *reader, const struct gpt_header *header,
                       struct partition_table *table, uint64_t index, const uint8_t *entry)
{
    static const uint8_t unused[16];
    uint64_t scale = reader->block_bytes / BLK_SECTOR_SIZE;
    if (memcmp(entry, unused, sizeof(unused)) == 0)
        return;
    uint64_t first = le64(entry + 32);
    uint64_t last = le64(entry + 40);
    if (index + 1 >= BLK_MINORS || first > last || first < header->first_usable ||
        last > header->last_usable ||
        partition_overlaps(table, first * scale, (last - first + 1) * scale)) {
        table->refused++;
        return;
    }
    struct partition *partition = &table->partition[index + 1];
    *partition = (struct partition){
        .start_sector = first * scale,
        .sectors = (last - first + 1) * scale,
        .type = 0xee,
    };
    memcpy(partition->guid, entry, sizeof(partition->guid));
    copy_name(partition->name, entry + 56);
}

/* 1: the array is as the header says, and its entries are in the table; 0: it isn't; or an error. */
static int read_entries(struct partition_reader *reader, const struct gpt_header *header,
                        struct partition_table *table)
{
    uint64_t left = (uint64_t)header->entry_count * header->entry_len;
    uint64_t block = header->entries_block;
    uint64_t index = 0;
    uint32_t crc = 0;
    /* A chunk is a whole number of blocks and, both being powers of two, of entries or of one's
     * head: entries are longer than a chunk at most if the buffer is shorter than an entry. */
    size_t chunk_max = reader->buffer_len / reader->block_bytes * reader->block_bytes;
    chunk_max -= chunk_max % header->entry_len;
    if (chunk_max == 0)
        return 0;
    while (left > 0) {
        size_t chunk = left < chunk_max ? (size_t)left : chunk_max;
        size_t blocks = (chunk + reader->block_bytes - 1) / reader->block_bytes;
        int rc = read_blocks(reader, block, blocks * reader->block_bytes);
        if (rc < 0)
            return rc;
        const uint8_t *bytes = reader->buffer;
        crc = crc32(crc, bytes, chunk);
        for (size_t at = 0; at < chunk; at += header->entry_len)
            take_entry(reader, header, table, index++, bytes + at);
        block += blocks;
        left -= chunk;
    }
    return crc == header->entries_crc;
}

/* 1: this copy is good and in the table; 0: it is broken; or the error of a read. */
static int try_copy(struct partition_reader *reader, struct partition_table *table, uint64_t block,
                    enum partition_scheme scheme)
{
    struct gpt_header header;
    *table = (struct partition_table){.scheme = PARTITION_NONE};
    int rc = read_header(reader, block, &header);
    if (rc > 0)
        rc = read_entries(reader, &header, table);
    if (rc > 0)
        table->scheme = scheme;
    else
        *table = (struct partition_table){.scheme = PARTITION_NONE};
    return rc;
}

int gpt_scan(struct partition_reader *reader, struct partition_table *table)
{
    uint64_t blocks = disk_blocks(reader);
    if (blocks <= 2 * GPT_PRIMARY_BLOCK)
        return 0;
    int primary = try_copy(reader, table, GPT_PRIMARY_BLOCK, PARTITION_GPT);
    if (primary > 0)
        return primary;
    int backup = try_copy(reader, table, blocks - 1, PARTITION_GPT_BACKUP);
    if (backup > 0)
        return backup;
    return primary < 0 ? primary : backup;
}
