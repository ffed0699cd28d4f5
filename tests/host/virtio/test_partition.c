/*
 * Partition tables: good ones, wrong ones of each kind, and many thousand random mutations of both.
 * Whatever is on the disk, reads stay on it, their number is bounded, and what comes out are distinct
 * ranges on the disk.
 */
#include "check.h"

#include <anole/error.h>
#include <libblk/partition.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512u
#define DISK_SECTORS 4096u
#define BUFFER_LEN 4096u
#define READS_MAX 600u
#define GPT_ROUNDS 3000u
#define MBR_ROUNDS 5000u

struct fake_reader {
    struct partition_reader reader;
    unsigned char disk[DISK_SECTORS * SECTOR];
    unsigned reads;
    int64_t error_sector; /* reads of it fail; -1: none */
};

static struct fake_reader *fake;
static struct partition_table table;

static int fake_read(struct partition_reader *reader, uint64_t sector, size_t len)
{
    CHECK(reader == &fake->reader);
    CHECK(len > 0 && len <= reader->buffer_len && len % reader->block_bytes == 0);
    CHECK(sector % (reader->block_bytes / SECTOR) == 0);
    CHECK(sector < reader->disk_sectors && len / SECTOR <= reader->disk_sectors - sector);
    CHECK(++fake->reads <= READS_MAX);
    if (fake->error_sector >= (int64_t)sector &&
        fake->error_sector < (int64_t)(sector + len / SECTOR))
        return -ANOLE_EIO;
    memcpy(reader->buffer, fake->disk + sector * SECTOR, len);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    fake = calloc(1, sizeof(*fake));
    /* A buffer of exactly that length, so that the sanitizer sees one byte too many. */
    fake->reader = (struct partition_reader){
        .read = fake_read,
        .buffer = malloc(BUFFER_LEN),
        .buffer_len = BUFFER_LEN,
        .block_bytes = SECTOR,
        .disk_sectors = DISK_SECTORS,
    };
    fake->error_sector = -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(fake->reader.buffer);
    free(fake);
    return 0;
}

static int scan(void)
{
    fake->reads = 0;
    return partition_scan(&fake->reader, &table);
}

static unsigned partitions(void)
{
    unsigned count = 0;
    for (unsigned i = 1; i < BLK_MINORS; i++)
        count += table.partition[i].sectors != 0;
    return count;
}

/* What must hold of any table. */
static void check_table(void)
{
    CHECK(table.partition[0].sectors == 0);
    uint64_t block = fake->reader.block_bytes / SECTOR;
    for (unsigned i = 1; i < BLK_MINORS; i++) {
        const struct partition *p = &table.partition[i];
        if (p->sectors == 0)
            continue;
        CHECK(p->start_sector > 0 && p->start_sector < fake->reader.disk_sectors);
        CHECK(p->sectors <= fake->reader.disk_sectors - p->start_sector);
        CHECK(p->start_sector % block == 0 && p->sectors % block == 0);
        CHECK(memchr(p->name, 0, sizeof(p->name)) != NULL);
        for (unsigned j = 1; j < i; j++) {
            const struct partition *q = &table.partition[j];
            CHECK(q->sectors == 0 || p->start_sector + p->sectors <= q->start_sector ||
                  q->start_sector + q->sectors <= p->start_sector);
        }
    }
}

static void assert_partition(unsigned number, uint64_t start, uint64_t sectors, uint32_t type)
{
    assert_int_equal(table.partition[number].start_sector, start);
    assert_int_equal(table.partition[number].sectors, sectors);
    assert_int_equal(table.partition[number].type, type);
}

static void put(unsigned char *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

/* ---- MBR ---- */

static void put_mbr(uint64_t block, unsigned slot, unsigned type, uint32_t start, uint32_t blocks)
{
    unsigned char *record = fake->disk + block * fake->reader.block_bytes;
    unsigned char *entry = record + 446 + 16 * slot;
    entry[4] = (unsigned char)type;
    put(entry + 8, start, 4);
    put(entry + 12, blocks, 4);
    record[510] = 0x55;
    record[511] = 0xaa;
}

static void test_none(void **state)
{
    (void)state;
    assert_int_equal(scan(), 0);
    assert_int_equal(table.scheme, PARTITION_NONE);
    /* A boot sector of a file system: the signature, but text where the table would be. */
    put_mbr(0, 0, 0x83, 100, 100);
    memset(fake->disk + 446, 'x', 64);
    assert_int_equal(scan(), 0);
    assert_int_equal(table.scheme, PARTITION_NONE);
    assert_int_equal(partitions(), 0);
    /* A disk that is too small for anything. */
    fake->reader.disk_sectors = 0;
    assert_int_equal(scan(), 0);
    assert_int_equal(fake->reads, 0);
}

static void test_mbr(void **state)
{
    (void)state;
    put_mbr(0, 0, 0x83, 64, 100);
    put_mbr(0, 1, 0x82, 200, 50);
    put_mbr(0, 3, 0x0c, 4000, 96);
    fake->disk[446] = 0x80;
    assert_int_equal(scan(), 0);
    assert_int_equal(table.scheme, PARTITION_MBR);
    assert_partition(1, 64, 100, 0x83);
    assert_partition(2, 200, 50, 0x82);
    assert_partition(4, 4000, 96, 0x0c);
    assert_int_equal(partitions(), 3);
    assert_int_equal(table.refused, 0);
    check_table();
}

static void test_mbr_limits(void **state)
{
    (void)state;
    put_mbr(0, 0, 0x83, 0, 100);          /* the table itself */
    put_mbr(0, 1, 0x83, 4000, 97);        /* one too long */
    put_mbr(0, 2, 0x83, 4096, 1);         /* behind the end */
    put_mbr(0, 3, 0x83, 100, UINT32_MAX); /* over all the rest: meets the second */
    assert_int_equal(scan(), 0);
    assert_partition(2, 4000, 96, 0x83);
    assert_int_equal(partitions(), 1);
    assert_int_equal(table.clamped, 1);
    assert_int_equal(table.refused, 3);
    check_table();
}

static void test_extended(void **state)
{
    (void)state;
    put_mbr(0, 0, 0x83, 64, 100);
    put_mbr(0, 1, 0x05, 1000, 1000);
    put_mbr(1000, 0, 0x83, 10, 90);
    put_mbr(1000, 1, 0x05, 100, 200);
    put_mbr(1100, 0, 0x82, 1, 50);
    put_mbr(1100, 1, 0x0f, 300, 300);
    put_mbr(1300, 0, 0x83, 5, 2000); /* reaches beyond the extended one */
    assert_int_equal(scan(), 0);
    assert_partition(1, 64, 100, 0x83);
    assert_partition(2, 0, 0, 0);
    assert_partition(5, 1010, 90, 0x83);
    assert_partition(6, 1101, 50, 0x82);
    assert_partition(7, 1305, 695, 0x83);
    assert_int_equal(table.clamped, 1);
    check_table();
}

static void test_extended_loops(void **state)
{
    (void)state;
    put_mbr(0, 0, 0x05, 1000, 1000);
    put_mbr(1000, 0, 0x83, 10, 10);
    put_mbr(1000, 1, 0x05, 100, 10);
    put_mbr(1100, 0, 0x83, 10, 10);
    put_mbr(1100, 1, 0x05, 200, 10);
    put_mbr(1200, 0, 0x83, 10, 10);
    put_mbr(1200, 1, 0x05, 100, 10); /* back to the second */
    assert_int_equal(scan(), 0);
    assert_int_equal(partitions(), 3);
    assert_true(fake->reads < 70);
    assert_true(table.refused > 0);
    check_table();

    put_mbr(1200, 1, 0x05, 0, 10); /* to the first */
    assert_int_equal(scan(), 0);
    assert_int_equal(partitions(), 3);
    put_mbr(1200, 1, 0x05, 200, 10); /* to itself */
    assert_int_equal(scan(), 0);
    assert_int_equal(fake->reads, 4);
    put_mbr(1200, 1, 0x05, UINT32_MAX, 10); /* out of the disk */
    assert_int_equal(scan(), 0);
    assert_int_equal(partitions(), 3);
    put_mbr(1200, 1, 0x05, 1000, 10); /* out of the extended partition */
    assert_int_equal(scan(), 0);
    assert_int_equal(fake->reads, 4);
}

static void test_many_logical(void **state)
{
    (void)state;
    put_mbr(0, 0, 0x05, 1000, 3000);
    for (uint32_t i = 0; i < 40; i++) {
        put_mbr(1000 + 10 * i, 0, 0x83, 1, 5);
        put_mbr(1000 + 10 * i, 1, 0x05, 10 * (i + 1), 10);
    }
    assert_int_equal(scan(), 0);
    assert_int_equal(partitions(), BLK_MINORS - 5);
    assert_true(table.refused >= 40 - (BLK_MINORS - 5));
    check_table();
}

static void test_read_errors(void **state)
{
    (void)state;
    put_mbr(0, 0, 0x83, 64, 100);
    put_mbr(0, 1, 0x05, 1000, 1000);
    fake->error_sector = 0;
    assert_int_equal(scan(), -ANOLE_EIO);
    assert_int_equal(partitions(), 0);
    fake->error_sector = 1000;
    assert_int_equal(scan(), -ANOLE_EIO);
    assert_int_equal(partitions(), 1); /* what was read is there */
}

/* ---- GPT ---- */

/* The checksum, bit by bit. */
static uint32_t crc(const unsigned char *bytes, size_t len)
{
    uint32_t value = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        value ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            value = value >> 1 ^ ((value & 1) != 0 ? 0xedb88320u : 0);
    }
    return ~value;
}

struct gpt {
    uint32_t entries, entry_len;
    uint64_t first_usable, last_usable;
};

static struct gpt gpt_small = {128, 128, 34, DISK_SECTORS - 34};

static unsigned char *block_at(uint64_t block)
{
    return fake->disk + block * fake->reader.block_bytes;
}

static uint64_t blocks(void)
{
    return fake->reader.disk_sectors * SECTOR / fake->reader.block_bytes;
}

static void put_entry(uint64_t array, const struct gpt *gpt, unsigned index, uint64_t first,
                      uint64_t last)
{
    unsigned char *entry = block_at(array) + index * gpt->entry_len;
    memset(entry, 0x11 + (int)index, 16);
    memset(entry + 16, 0x99, 16);
    put(entry + 32, first, 8);
    put(entry + 40, last, 8);
    const char *name = "data\xe9";
    for (unsigned i = 0; name[i] != 0; i++)
        put(entry + 56 + 2 * i, (unsigned char)name[i], 2);
}

static void seal(uint64_t block, uint64_t other, uint64_t array, const struct gpt *gpt)
{
    unsigned char *header = block_at(block);
    memcpy(header, "EFI PART", 8);
    put(header + 8, 0x10000, 4);
    put(header + 12, 92, 4);
    put(header + 16, 0, 4);
    put(header + 24, block, 8);
    put(header + 32, other, 8);
    put(header + 40, gpt->first_usable, 8);
    put(header + 48, gpt->last_usable, 8);
    put(header + 72, array, 8);
    put(header + 80, gpt->entries, 4);
    put(header + 84, gpt->entry_len, 4);
    put(header + 88, crc(block_at(array), (size_t)gpt->entries * gpt->entry_len), 4);
    put(header + 16, crc(header, 92), 4);
}

static uint64_t array_blocks(const struct gpt *gpt)
{
    uint64_t len = (uint64_t)gpt->entries * gpt->entry_len;
    return (len + fake->reader.block_bytes - 1) / fake->reader.block_bytes;
}

/* Both copies, with two partitions: numbers 1 and 3. */
static void put_gpt(const struct gpt *gpt)
{
    put_mbr(0, 0, 0xee, 1, UINT32_MAX);
    uint64_t last = blocks() - 1;
    uint64_t arrays[2] = {2, last - array_blocks(gpt)};
    for (unsigned copy = 0; copy < 2; copy++) {
        put_entry(arrays[copy], gpt, 0, gpt->first_usable, gpt->first_usable + 9);
        put_entry(arrays[copy], gpt, 2, gpt->last_usable - 4, gpt->last_usable);
    }
    seal(1, last, arrays[0], gpt);
    seal(last, 1, arrays[1], gpt);
}

static void assert_two(const struct gpt *gpt, enum partition_scheme scheme)
{
    uint64_t scale = fake->reader.block_bytes / SECTOR;
    assert_int_equal(scan(), 0);
    assert_int_equal(table.scheme, scheme);
    assert_int_equal(partitions(), 2);
    assert_int_equal(table.refused, 0);
    assert_partition(1, gpt->first_usable * scale, 10 * scale, 0xee);
    assert_partition(3, (gpt->last_usable - 4) * scale, 5 * scale, 0xee);
    assert_string_equal(table.partition[1].name, "data?");
    assert_int_equal(table.partition[3].guid[5], 0x13);
    check_table();
}

static void test_gpt(void **state)
{
    (void)state;
    put_gpt(&gpt_small);
    assert_two(&gpt_small, PARTITION_GPT);
}

static void test_gpt_shapes(void **state)
{
    (void)state;
    static const struct gpt shapes[] = {
        {4, 128, 3, 4000},
        {128, 512, 130, 3900},
        {12, 4096, 98, 3900},
        {5, 256, 5, 4000},
    };
    for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        memset(fake->disk, 0, sizeof(fake->disk));
        put_gpt(&shapes[i]);
        assert_two(&shapes[i], PARTITION_GPT);
    }
    /* Blocks of 4 KiB: all numbers count these. */
    memset(fake->disk, 0, sizeof(fake->disk));
    fake->reader.block_bytes = 4096;
    static const struct gpt large = {128, 128, 6, DISK_SECTORS / 8 - 6};
    put_gpt(&large);
    assert_two(&large, PARTITION_GPT);
}

static void test_gpt_backup(void **state)
{
    (void)state;
    put_gpt(&gpt_small);
    block_at(1)[40] ^= 1; /* header */
    assert_two(&gpt_small, PARTITION_GPT_BACKUP);
    block_at(1)[40] ^= 1;
    block_at(2)[200] ^= 1; /* array */
    assert_two(&gpt_small, PARTITION_GPT_BACKUP);
    fake->error_sector = 1; /* unreadable */
    assert_two(&gpt_small, PARTITION_GPT_BACKUP);
    fake->error_sector = -1;
    /* A backup that isn't where it says it is doesn't count. */
    memcpy(block_at(blocks() - 1), block_at(1), SECTOR);
    assert_int_equal(scan(), 0);
    assert_int_equal(table.scheme, PARTITION_BROKEN);
    assert_int_equal(partitions(), 0);
    fake->error_sector = 1;
    assert_int_equal(scan(), -ANOLE_EIO);
}

/* A header field that is wrong though the checksum is right. */
static void wrong_header(unsigned offset, unsigned bytes, uint64_t value)
{
    memset(fake->disk, 0, sizeof(fake->disk));
    put_gpt(&gpt_small);
    block_at(blocks() - 1)[0] ^= 1;
    unsigned char *header = block_at(1);
    put(header + offset, value, bytes);
    put(header + 16, 0, 4);
    put(header + 16, crc(header, 92), 4);
    assert_int_equal(scan(), 0);
    assert_int_equal(table.scheme, PARTITION_BROKEN);
    assert_int_equal(partitions(), 0);
}

static void test_gpt_wrong_headers(void **state)
{
    (void)state;
    wrong_header(12, 4, 91);
    wrong_header(12, 4, 513);
    wrong_header(12, 4, UINT32_MAX);
    wrong_header(24, 8, 2);
    wrong_header(40, 8, 0);
    wrong_header(40, 8, 10); /* the array would be in a partition */
    wrong_header(40, 8, UINT64_MAX);
    wrong_header(48, 8, DISK_SECTORS);
    wrong_header(48, 8, UINT64_MAX);
    wrong_header(72, 8, 0);
    wrong_header(72, 8, 1);
    wrong_header(72, 8, DISK_SECTORS);
    wrong_header(72, 8, UINT64_MAX);
    wrong_header(72, 8, 100);
    wrong_header(80, 4, 0);
    wrong_header(80, 4, UINT32_MAX);
    wrong_header(84, 4, 0);
    wrong_header(84, 4, 64);
    wrong_header(84, 4, 192);
    wrong_header(84, 4, 0x80000000u);
    wrong_header(88, 4, 0);
}

static void test_gpt_wrong_entries(void **state)
{
    (void)state;
    static const struct {
        uint64_t first, last;
    } bad[] = {{33, 40},
               {40, 39},
               {40, DISK_SECTORS - 33},
               {UINT64_MAX, UINT64_MAX},
               {40, UINT64_MAX},
               {0, UINT64_MAX},
               {43, 43}};
    put_gpt(&gpt_small);
    unsigned count = sizeof(bad) / sizeof(bad[0]);
    for (unsigned i = 0; i < count; i++)
        put_entry(2, &gpt_small, 5 + i, bad[i].first, bad[i].last);
    put_entry(2, &gpt_small, 40, 1000, 1001); /* good, but has no minor number */
    seal(1, blocks() - 1, 2, &gpt_small);
    assert_int_equal(scan(), 0);
    assert_int_equal(table.scheme, PARTITION_GPT);
    assert_int_equal(partitions(), 2);
    assert_int_equal(table.refused, count + 1);
    check_table();
}

static void test_tiny_disks(void **state)
{
    (void)state;
    for (uint64_t sectors = 0; sectors < 40; sectors++) {
        fake->reader.disk_sectors = sectors;
        put_mbr(0, 0, 0xee, 1, UINT32_MAX);
        assert_int_equal(scan(), 0);
        check_table();
    }
}

/* ---- random mutations ---- */

static void mutate(struct random *random, uint64_t first, uint64_t count)
{
    for (unsigned n = 1 + random_below(random, 6); n > 0; n--) {
        unsigned char *at = block_at(first + random_below(random, (unsigned)count)) +
                            random_below(random, SECTOR);
        switch (random_below(random, 4)) {
        case 0:
            *at = (unsigned char)random_next(random);
            break;
        case 1:
            *at ^= (unsigned char)(1u << random_below(random, 8));
            break;
        case 2:
            *at = 0xff;
            break;
        default:
            *at = 0;
            break;
        }
    }
}

/* Mutates header fields and entries, and makes the checksums right again: gets past them. */
static void test_gpt_mutations(void **state)
{
    (void)state;
    struct random random = {0x9e3779b97f4a7c15u};
    unsigned found = 0;
    for (unsigned round = 0; round < GPT_ROUNDS; round++) {
        memset(fake->disk, 0, 40 * SECTOR);
        put_gpt(&gpt_small);
        mutate(&random, 2, 2);
        uint64_t array = 2;
        seal(1, blocks() - 1, array, &gpt_small);
        unsigned char *header = block_at(1);
        for (unsigned n = random_below(&random, 3); n > 0; n--)
            header[12 + random_below(&random, 80)] = (unsigned char)random_next(&random);
        put(header + 16, 0, 4);
        uint32_t len = header[12] | (uint32_t)header[13] << 8;
        put(header + 16, crc(header, len <= SECTOR ? len : 92), 4);
        if (random_below(&random, 4) == 0)
            fake->reader.disk_sectors = 40 + random_below(&random, DISK_SECTORS - 40);
        (void)scan();
        check_table();
        found += partitions() > 0;
        fake->reader.disk_sectors = DISK_SECTORS;
    }
    assert_true(found > GPT_ROUNDS / 10); /* not everything is refused */
}

static void test_mbr_mutations(void **state)
{
    (void)state;
    struct random random = {0xd1b54a32d192ed03u};
    unsigned found = 0;
    for (unsigned round = 0; round < MBR_ROUNDS; round++) {
        memset(fake->disk, 0, sizeof(fake->disk));
        put_mbr(0, 0, 0x83, 64, 100);
        put_mbr(0, 1, 0x05, 1000, 1000);
        for (uint32_t i = 0; i < 4; i++) {
            put_mbr(1000 + 100 * i, 0, 0x83, 1, 50);
            if (i < 3)
                put_mbr(1000 + 100 * i, 1, 0x05, 100 * (i + 1), 100);
        }
        uint64_t victims[] = {0, 1000, 1100, 1200, 1300};
        unsigned char *table_at = block_at(victims[random_below(&random, 5)]) + 446;
        for (unsigned n = 1 + random_below(&random, 8); n > 0; n--)
            table_at[random_below(&random, 64)] = random_below(&random, 2) == 0
                                                      ? (unsigned char)random_next(&random)
                                                      : (unsigned char)random_below(&random, 6);
        (void)scan();
        check_table();
        found += partitions() > 0;
    }
    assert_true(found > MBR_ROUNDS / 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_none),
        TEST(test_mbr),
        TEST(test_mbr_limits),
        TEST(test_extended),
        TEST(test_extended_loops),
        TEST(test_many_logical),
        TEST(test_read_errors),
        TEST(test_gpt),
        TEST(test_gpt_shapes),
        TEST(test_gpt_backup),
        TEST(test_gpt_wrong_headers),
        TEST(test_gpt_wrong_entries),
        TEST(test_tiny_disks),
        TEST(test_gpt_mutations),
        TEST(test_mbr_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
